/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several values under one key: children of an owner, servers of a host. Values are borrowed; they
 * stay in the order in which they were added until one is removed.
 */
#pragma once

#include "base/mem.h"

struct multimap_entry;

struct multimap {
    struct multimap_entry *entries;
};

struct multimap_values {
    void **items;
    size_t count;
};

/* Makes the key known, with no value yet. */
void multimap_touch(struct multimap *map, const char *key);
void multimap_add(struct multimap *map, const char *key, void *value);
/* The last value takes the place of the one removed; a key without values is forgotten. */
void multimap_remove(struct multimap *map, const char *key, const void *value);
/* NULL: the key is not known. Valid until the map changes. */
struct multimap_values *multimap_find(const struct multimap *map, const char *key);
/* Adds to a key that is known already; otherwise does nothing. */
void multimap_add_known(struct multimap *map, const char *key, void *value);
void multimap_done(struct multimap *map);
