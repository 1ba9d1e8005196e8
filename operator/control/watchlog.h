/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says of every watch, whoever it belongs to. */
#pragma once

#include "data/object.h"

/* ns: NULL or "" for all, or for what has none. */
void watchlog_complete(const struct object_kind *kind, const char *ns);
void watchlog_interrupted(const struct object_kind *kind, const char *ns, const struct err *err);
