/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/eventcache.h"

#include "base/digest.h"
#include "base/limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define SERIES_IDLE_MS    (6 * 60 * 1000)
#define SERIES_REFRESH_MS (30 * 60 * 1000)
#define SIMILAR_MAX       10
#define SIMILAR_WINDOW_MS (10 * 60 * 1000)
#define WRITES_STOCK      25
#define WRITES_REFILL_MS  (5 * 60 * 1000)
#define SHUT_MS           (30 * 1000)

struct entry {
    UT_hash_handle hh;
    struct eventcache_series series;
    int64_t seen_ms;    /* the last one */
    int64_t written_ms; /* of the count; 0: never */
    int64_t written_count;
    char key[];
};

/* Writes in stock of an object, or different events of one reason about it; also a namespace. */
struct counter {
    UT_hash_handle hh;
    int64_t since_ms;
    int64_t count;
    char key[];
};

/* uthash keeps the order of insertion: what is used goes to the end, what comes first is oldest. */
struct eventcache {
    struct entry *entries;
    struct counter *stocks;
    struct counter *similar;
    struct counter *shut; /* by namespace */
    int64_t last_us;      /* of the latest name, so that no two are the same */
};

struct eventcache *eventcache_new(void)
{
    return xcalloc(1, sizeof(struct eventcache));
}

static void remove_entry(struct eventcache *cache, struct entry *entry)
{
    HASH_DEL(cache->entries, entry);
    free(entry->series.ns);
    free(entry->series.name);
    free(entry);
}

static void clear_counters(struct counter **counters)
{
    struct counter *counter, *next;
    HASH_ITER (hh, *counters, counter, next) {
        HASH_DEL(*counters, counter);
        free(counter);
    }
}

void eventcache_free(struct eventcache *cache)
{
    if (!cache)
        return;
    struct entry *entry, *next;
    HASH_ITER (hh, cache->entries, entry, next)
        remove_entry(cache, entry);
    clear_counters(&cache->stocks);
    clear_counters(&cache->similar);
    clear_counters(&cache->shut);
    free(cache);
}

static struct entry *find_entry(struct eventcache *cache, const char *key)
{
    struct entry *entry;
    HASH_FIND_STR(cache->entries, key, entry);
    if (entry) {
        HASH_DEL(cache->entries, entry);
        HASH_ADD_STR(cache->entries, key, entry);
    }
    return entry;
}

static struct entry *add_entry(struct eventcache *cache, const char *key,
                               const struct eventcache_event *event, int64_t now, int64_t wall)
{
    if (HASH_COUNT(cache->entries) >= LIMIT_EVENTS)
        remove_entry(cache, cache->entries);
    cache->last_us = wall > cache->last_us ? wall : cache->last_us + 1;
    struct entry *entry = xcalloc(1, sizeof(*entry) + strlen(key) + 1);
    memcpy(entry->key, key, strlen(key) + 1);
    entry->series = (struct eventcache_series){
        .ns = xstrdup(event->ns[0] ? event->ns : "default"),
        .name = xasprintf("%.200s.%llx", event->name, (unsigned long long)cache->last_us * 1000),
        .count = 1,
        .observed_us = wall,
    };
    entry->seen_ms = now;
    entry->written_count = 1;
    HASH_ADD_STR(cache->entries, key, entry);
    return entry;
}

/* The counter of this key; one that is new has `count` at this time. */
static struct counter *use_counter(struct counter **counters, const char *key, int64_t count,
                                   int64_t now)
{
    struct counter *counter;
    HASH_FIND_STR(*counters, key, counter);
    if (counter) {
        HASH_DEL(*counters, counter);
    } else {
        struct counter *oldest = *counters;
        if (HASH_COUNT(*counters) >= LIMIT_EVENTS) {
            HASH_DEL(*counters, oldest);
            free(oldest);
        }
        counter = xcalloc(1, sizeof(*counter) + strlen(key) + 1);
        memcpy(counter->key, key, strlen(key) + 1);
        counter->since_ms = now;
        counter->count = count;
    }
    HASH_ADD_STR(*counters, key, counter);
    return counter;
}

static bool take_write(struct eventcache *cache, const char *uid, int64_t now)
{
    struct counter *stock = use_counter(&cache->stocks, uid, WRITES_STOCK, now);
    int64_t refilled = (now - stock->since_ms) / WRITES_REFILL_MS;
    stock->count += refilled;
    stock->since_ms += refilled * WRITES_REFILL_MS;
    if (stock->count >= WRITES_STOCK) {
        stock->count = WRITES_STOCK;
        stock->since_ms = now;
    }
    if (stock->count == 0)
        return false;
    stock->count--;
    return true;
}

/* Whether this one, which is new, is one too many of its reason. */
static bool is_too_similar(struct eventcache *cache, const struct eventcache_event *event,
                           int64_t now)
{
    AUTO_FREE char *key = xasprintf("%s %s %s", event->uid, event->type, event->reason);
    struct counter *similar = use_counter(&cache->similar, key, 0, now);
    if (now - similar->since_ms > SIMILAR_WINDOW_MS) {
        similar->since_ms = now;
        similar->count = 0;
    }
    return ++similar->count >= SIMILAR_MAX;
}

static enum eventcache_verdict repeat(struct eventcache *cache, struct entry *entry,
                                      const char *uid, int64_t now, int64_t wall)
{
    entry->series.count++;
    entry->series.observed_us = wall;
    entry->seen_ms = now;
    if ((entry->written_ms && now - entry->written_ms < SERIES_REFRESH_MS) ||
        !take_write(cache, uid, now))
        return EVENTCACHE_LEAVE;
    entry->written_ms = now ? now : 1;
    entry->written_count = entry->series.count;
    return EVENTCACHE_UPDATE;
}

void eventcache_shut(struct eventcache *cache, const char *ns, int64_t now_ms)
{
    use_counter(&cache->shut, ns, 0, now_ms)->since_ms = now_ms;
}

static bool is_shut(const struct eventcache *cache, const char *ns, int64_t now)
{
    const struct counter *shut;
    HASH_FIND_STR(cache->shut, ns, shut);
    return shut && now - shut->since_ms <= SHUT_MS;
}

static char *combined_key(const struct eventcache_event *event)
{
    return xasprintf("%s %s %s %s", event->uid, event->type, event->reason, event->action);
}

static char *own_key(const struct eventcache_event *event)
{
    uint64_t digest = digest_add(DIGEST_START, event->note, strlen(event->note));
    AUTO_FREE char *combined = combined_key(event);
    return xasprintf("%s %s %" PRIx64, combined, event->related, digest);
}

enum eventcache_verdict eventcache_add(struct eventcache *cache,
                                       const struct eventcache_event *event, int64_t now_ms,
                                       int64_t wall_us, const struct eventcache_series **ret_series)
{
    if (is_shut(cache, event->ns, now_ms))
        return EVENTCACHE_LEAVE;
    AUTO_FREE char *key = own_key(event);
    struct entry *entry = find_entry(cache, key);
    bool combined = !entry && is_too_similar(cache, event, now_ms);
    if (combined) {
        free(key);
        key = combined_key(event);
        entry = find_entry(cache, key);
    }
    enum eventcache_verdict verdict = EVENTCACHE_CREATE;
    if (entry) {
        verdict = repeat(cache, entry, event->uid, now_ms, wall_us);
    } else if (take_write(cache, event->uid, now_ms)) {
        entry = add_entry(cache, key, event, now_ms, wall_us);
        entry->series.combined = combined;
    } else {
        verdict = EVENTCACHE_LEAVE;
    }
    if (verdict != EVENTCACHE_LEAVE)
        *ret_series = &entry->series;
    return verdict;
}

void eventcache_forget(struct eventcache *cache, const char *name)
{
    struct entry *entry, *next;
    HASH_ITER (hh, cache->entries, entry, next)
        if (strcmp(entry->series.name, name) == 0)
            remove_entry(cache, entry);
}

/* Counters that are as good as new; in the order of their last use, so that some may stay a while.
 */
static void drop_idle(struct counter **counters, int64_t now, int64_t age)
{
    struct counter *oldest;
    while ((oldest = *counters) && now - oldest->since_ms > age) {
        HASH_DEL(*counters, oldest);
        free(oldest);
    }
}

void eventcache_sweep(struct eventcache *cache, int64_t now_ms, eventcache_over *over, void *arg)
{
    struct entry *oldest;
    while ((oldest = cache->entries) && now_ms - oldest->seen_ms > SERIES_IDLE_MS) {
        if (oldest->series.count > oldest->written_count)
            over(arg, &oldest->series);
        remove_entry(cache, oldest);
    }
    drop_idle(&cache->stocks, now_ms, WRITES_STOCK * WRITES_REFILL_MS);
    drop_idle(&cache->similar, now_ms, SIMILAR_WINDOW_MS);
    drop_idle(&cache->shut, now_ms, SHUT_MS);
}
