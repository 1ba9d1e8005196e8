/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about one more event: write it, count it in one that is there, or leave it. Decides
 * by what it has seen, and does nothing else.
 *
 * - The same event again becomes a series of the first (KEP-383): its count is written on the
 *   second occurrence, then at most every half hour, and once more when six minutes were quiet;
 *   after that the next one is a new event. Another note is another event, so that what is
 *   written is what happened.
 * - From the tenth on, different events of one reason about one object within ten minutes are
 *   combined: a single series, without a related object.
 * - An object has 25 writes in stock and gets one more every five minutes, so that nothing that
 *   goes round in circles floods the API server.
 *
 * The numbers are client-go's. What was used the longest time ago is forgotten first.
 */
#pragma once

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

struct eventcache;

struct eventcache_event {
    const char *uid, *ns, *name; /* of the object that it is about */
    const char *type, *reason, *action;
    const char *related; /* kind and name of another object, or "" */
    const char *note;
};

/* An event that was written, with its repetitions. */
struct eventcache_series {
    char *ns;
    char *name; /* of the Event object */
    int64_t count;
    int64_t observed_us; /* the last one, wall clock */
    bool combined;       /* of several events: names no related object */
};

enum eventcache_verdict {
    EVENTCACHE_LEAVE,
    EVENTCACHE_CREATE, /* a new object */
    EVENTCACHE_UPDATE, /* the count of one that is there */
};

struct eventcache *eventcache_new(void);
void eventcache_free(struct eventcache *cache);

/* *ret_series: borrowed until the next call, set unless the verdict is to leave it. */
enum eventcache_verdict eventcache_add(struct eventcache *cache,
                                       const struct eventcache_event *event, int64_t now_ms,
                                       int64_t wall_us,
                                       const struct eventcache_series **ret_series) MUST_CHECK;
/* The server has no event of this name: the next one is a new one. */
void eventcache_forget(struct eventcache *cache, const char *name);

typedef void eventcache_over(void *arg, const struct eventcache_series *series);

/* The namespace is being deleted and takes no new object: leaves its events for half a minute. */
void eventcache_shut(struct eventcache *cache, const char *ns, int64_t now_ms);

/* Forgets what has become quiet; `over` gets the series whose count is not written yet. */
void eventcache_sweep(struct eventcache *cache, int64_t now_ms, eventcache_over *over, void *arg);
