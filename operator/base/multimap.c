/* SPDX-License-Identifier: Apache-2.0 */
#include "base/multimap.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct multimap_entry {
    UT_hash_handle hh;
    struct multimap_values values;
    size_t cap;
    char key[];
};

static struct multimap_entry *find(const struct multimap *map, const char *key)
{
    struct multimap_entry *entry;
    HASH_FIND_STR(map->entries, key, entry);
    return entry;
}

static struct multimap_entry *find_or_make(struct multimap *map, const char *key)
{
    struct multimap_entry *entry = find(map, key);
    if (entry)
        return entry;
    entry = xcalloc(1, sizeof(*entry) + strlen(key) + 1);
    memcpy(entry->key, key, strlen(key) + 1);
    HASH_ADD_STR(map->entries, key, entry);
    return entry;
}

static void append(struct multimap_entry *entry, void *value)
{
    if (entry->values.count == entry->cap) {
        entry->cap = entry->cap ? 2 * entry->cap : 1;
        entry->values.items = xrealloc(entry->values.items, entry->cap * sizeof(void *));
    }
    entry->values.items[entry->values.count++] = value;
}

static void forget(struct multimap *map, struct multimap_entry *entry)
{
    HASH_DEL(map->entries, entry);
    free(entry->values.items);
    free(entry);
}

void multimap_touch(struct multimap *map, const char *key)
{
    find_or_make(map, key);
}

void multimap_add(struct multimap *map, const char *key, void *value)
{
    append(find_or_make(map, key), value);
}

void multimap_add_known(struct multimap *map, const char *key, void *value)
{
    struct multimap_entry *entry = find(map, key);
    if (entry)
        append(entry, value);
}

void multimap_remove(struct multimap *map, const char *key, const void *value)
{
    struct multimap_entry *entry = find(map, key);
    struct multimap_values *values = entry ? &entry->values : NULL;
    for (size_t i = 0; values && i < values->count; i++) {
        if (values->items[i] != value)
            continue;
        values->items[i] = values->items[--values->count];
        break;
    }
    if (values && values->count == 0)
        forget(map, entry);
}

struct multimap_values *multimap_find(const struct multimap *map, const char *key)
{
    struct multimap_entry *entry = find(map, key);
    return entry ? &entry->values : NULL;
}

void multimap_done(struct multimap *map)
{
    while (map->entries)
        forget(map, map->entries);
}
