/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Patch (RFC 6902): add, remove, replace, move, copy, test, by JSON Pointer (RFC 6901). All
 * operations apply or none does.
 *
 * What grows by itself has ceilings: how much `copy` copies, and how deep the result is nested.
 */
#pragma once

#include "data/fieldpath.h"

#include <jansson.h>

/*
 * New value that shares nothing with the two; NULL with one problem added, about the first
 * operation that fails. `at` is where the patch stands in the user's document, so the problem's
 * path is that of the operation: "spec.overlays[2].patch[0]".
 */
json_t *jsonpatch_apply(const json_t *document, const json_t *patch, const struct fieldpath *at,
                        struct problems *problems);
