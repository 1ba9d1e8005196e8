/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the API server says that we own: metadata.managedFields (KEP-555). Pure.
 *
 * A projection does not show a field that an earlier apply of ours set and the desired object no
 * longer states. The next apply removes it, but somebody must notice that one is due, also after a
 * restart; this does, without any memory of what was applied.
 */
#pragma once

#include "data/jx.h"

#include <stdbool.h>

/* Whether the live object has a field of this manager's that the desired object does not state. */
bool managed_left_over(const json_t *desired, const json_t *live, const char *manager);
