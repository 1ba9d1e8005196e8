/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/reviewcache.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct reviewcache_entry {
    struct reviewcache_key key;
    json_t *answer;
    int64_t until_ms;
    UT_hash_handle hh;
};

struct reviewcache_key reviewcache_key(const char *text)
{
    struct reviewcache_key key;
    if (!EVP_Digest(text, strlen(text), key.digest, NULL, EVP_sha256(), NULL))
        abort();
    return key;
}

static struct reviewcache_entry *find(const struct reviewcache *cache,
                                      const struct reviewcache_key *key)
{
    struct reviewcache_entry *entry = NULL;
    HASH_FIND(hh, cache->entries, key, sizeof(*key), entry);
    return entry;
}

const json_t *reviewcache_find(const struct reviewcache *cache, const struct reviewcache_key *key,
                               int64_t now_ms)
{
    const struct reviewcache_entry *entry = find(cache, key);
    return entry && now_ms < entry->until_ms ? entry->answer : NULL;
}

static void drop(struct reviewcache *cache, struct reviewcache_entry *entry)
{
    HASH_DEL(cache->entries, entry);
    json_decref(entry->answer);
    free(entry);
}

void reviewcache_put(struct reviewcache *cache, const struct reviewcache_key *key, json_t *answer,
                     int64_t until_ms)
{
    struct reviewcache_entry *entry = find(cache, key);
    if (entry)
        drop(cache, entry);
    else if (HASH_COUNT(cache->entries) >= cache->max)
        drop(cache, cache->entries);
    entry = xcalloc(1, sizeof(*entry));
    entry->key = *key;
    entry->answer = answer;
    entry->until_ms = until_ms;
    HASH_ADD(hh, cache->entries, key, sizeof(entry->key), entry);
}

void reviewcache_done(struct reviewcache *cache)
{
    while (cache->entries)
        drop(cache, cache->entries);
}
