/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists as a strategic merge patch sees them: an element is known by the value of its member `key`,
 * or, with "" as the key, by its value.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* Place of the first such element; the size of the list when there is none. List: NULL is empty. */
size_t mergelist_index(const json_t *list, const json_t *element, const char *key);
bool mergelist_holds(const json_t *list, const json_t *element, const char *key);
/* Removes every such element. */
void mergelist_remove(json_t *list, const json_t *element, const char *key);
/* Appends copies of the values that are not there yet. */
void mergelist_unite(json_t *list, const json_t *values);
/* Whether all of `list` is in `order`, in that order. */
bool mergelist_follows(const json_t *list, const json_t *order, const char *key);
/*
 * The order of a merged list. Elements that are in `given` are in its order, the others in that of
 * `live`; the two are interleaved so that elements of `live` stay in order as far as that goes.
 * What is new comes first. New list with the same elements.
 */
json_t *mergelist_arrange(const json_t *merged, const json_t *given, const json_t *live,
                          const char *key);
