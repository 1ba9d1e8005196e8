/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work queue: which gateways want a pass, and when. Semantics of client-go's workqueue.
 *
 * A key is waiting, in work, both (it was added again while in work, and will wait afterwards) or
 * delayed. So a key is worked on by one pass at a time, no addition is lost, and many additions
 * make one pass. Keys added in the background come after all others.
 */
#pragma once

#include "net/loop.h"

#include <stdbool.h>
#include <stddef.h>

/* For queue_retry: the longest back-off there is. */
#define QUEUE_BACKOFF_MAX_MS 1000000

struct queue;

enum queue_priority {
    QUEUE_NORMAL,     /* somebody changed something */
    QUEUE_BACKGROUND, /* first sight of what is there already */
};

/* ready: called from the loop when there may be something to get; calls queue_get until NULL. */
struct queue *queue_new(struct loop *loop, loop_cb *ready, void *arg);
void queue_free(struct queue *q);

void queue_add(struct queue *q, const char *key, enum queue_priority priority);
/* Adds it after a delay, or sooner if it is added otherwise; the earliest time counts. */
void queue_add_after(struct queue *q, const char *key, int64_t delay_ms);
/*
 * Adds it after its back-off: 5 ms doubled with each failure up to 1000 s, but within [least_ms,
 * most_ms], with jitter. An addition ends the wait, though not its first second, or what keeps
 * failing would be tried whenever somebody touches it; a failure before the end of the back-off
 * does not double it. queue_forget ends the series of failures.
 */
void queue_retry(struct queue *q, const char *key, int64_t least_ms, int64_t most_ms);
/* The server asked for a pause: before its end nothing makes the key ready, also no addition. */
void queue_hold(struct queue *q, const char *key, int64_t least_ms);
void queue_forget(struct queue *q, const char *key);
/* How often the key failed since queue_forget, those within a back-off aside. */
int queue_failures(struct queue *q, const char *key);
/* Ends the waits of all that failed, as an addition does: the API server is back, say. */
void queue_wake(struct queue *q);

/*
 * The next key, in work from now until queue_done; NULL when none waits. Borrowed until queue_done.
 * ret_priority (may be NULL): the one it waited with.
 */
const char *queue_get(struct queue *q, enum queue_priority *ret_priority);
/* Whether the next key is one that did not come in the background. */
bool queue_is_urgent(const struct queue *q);
void queue_done(struct queue *q, const char *key);

/* Keys that wait, without the delayed ones; and keys in work. */
size_t queue_depth(const struct queue *q);
size_t queue_in_work(const struct queue *q);
/* Milliseconds for which keys are in work with none being done; 0 when none is. */
int64_t queue_stalled_ms(const struct queue *q);
