/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Merge Patch (RFC 7386, now RFC 7396): objects merge, null removes, everything else replaces.
 * It cannot fail.
 */
#pragma once

#include <jansson.h>

/* New value. Inner parts may be shared with the target (NULL: nothing is there), not the patch. */
json_t *jsonmerge_apply(const json_t *target, const json_t *patch);
