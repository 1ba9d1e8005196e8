/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that hold for a while, under digests of what was asked (SHA-256), so that no token stays
 * in memory for the sake of a lookup. When it is full, the oldest answer goes.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct reviewcache_entry;

struct reviewcache {
    size_t max;
    struct reviewcache_entry *entries; /* in the order in which they came */
};

struct reviewcache_key {
    unsigned char digest[32];
};

struct reviewcache_key reviewcache_key(const char *text);
/* Borrowed until the cache changes; NULL: there is none that still holds. */
const json_t *reviewcache_find(const struct reviewcache *cache, const struct reviewcache_key *key,
                               int64_t now_ms);
/* The answer, which is taken, holds until then; it replaces an earlier one. */
void reviewcache_put(struct reviewcache *cache, const struct reviewcache_key *key, json_t *answer,
                     int64_t until_ms);
void reviewcache_done(struct reviewcache *cache);
