/* SPDX-License-Identifier: Apache-2.0 */
#include "control/queue.h"

#include "base/metrics.h"
#include "base/now.h"
#include "base/rnd.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#define BACKOFF_FIRST_MS 5
/* A back-off up to this is waited out, whatever happens to the key. */
#define HOLD_MAX_MS 1000

struct item {
    UT_hash_handle hh;
    struct item *prev, *next; /* in a list of waiting ones */
    struct queue *queue;
    struct loop_timer *timer; /* NULL until it is delayed for the first time */
    int64_t ready_at;         /* of the timer, 0 = not running */
    int64_t since;            /* waiting or in work since, ms */
    int64_t held_until;       /* see queue_hold and HOLD_MAX_MS */
    int64_t backoff_until;    /* of the last failure */
    int failures;
    enum queue_priority priority;
    bool waiting;
    bool in_work;
    bool again; /* added while in work */
    char key[];
};

struct queue {
    struct loop *loop;
    struct loop_timer *ready;
    struct item *items;
    struct item *waiting[2]; /* by priority */
    size_t depth[2];
    size_t in_work;
    int64_t last_done;
    struct metric *adds, *retries, *wait_seconds, *work_seconds;
    struct metric *depth_gauges[2], *unfinished, *longest;
};

static const double duration_bounds[] = {
    1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000};

static void refresh_gauges(void *arg)
{
    struct queue *q = arg;
    int64_t now = now_ms();
    double unfinished = 0, longest = 0;
    struct item *item, *next;
    HASH_ITER (hh, q->items, item, next) {
        if (!item->in_work)
            continue;
        double seconds = (double)(now - item->since) / 1000;
        unfinished += seconds;
        if (seconds > longest)
            longest = seconds;
    }
    for (size_t i = 0; i < ARRAY_LEN(q->depth); i++)
        metrics_set(q->depth_gauges[i], (double)q->depth[i]);
    metrics_set(q->unfinished, unfinished);
    metrics_set(q->longest, longest);
}

static void register_metrics(struct queue *q)
{
    static const char labels[] = "name=\"meshgateway\",controller=\"meshgateway\"";
    /* Priorities as controller-runtime numbers them. */
    static const char *const depth_labels[] = {
        [QUEUE_NORMAL] = "name=\"meshgateway\",controller=\"meshgateway\",priority=\"0\"",
        [QUEUE_BACKGROUND] = "name=\"meshgateway\",controller=\"meshgateway\",priority=\"-100\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(depth_labels); i++)
        q->depth_gauges[i] =
            metrics_gauge("workqueue_depth", "Keys that wait for a pass.", depth_labels[i]);
    q->adds = metrics_counter("workqueue_adds_total", "Additions to the queue.", labels);
    q->retries = metrics_counter("workqueue_retries_total", "Additions after a failure.", labels);
    q->wait_seconds = metrics_histogram("workqueue_queue_duration_seconds",
                                        "Time a key waited before its pass began.",
                                        labels,
                                        duration_bounds,
                                        ARRAY_LEN(duration_bounds));
    q->work_seconds = metrics_histogram("workqueue_work_duration_seconds",
                                        "Time a pass took.",
                                        labels,
                                        duration_bounds,
                                        ARRAY_LEN(duration_bounds));
    q->unfinished = metrics_gauge(
        "workqueue_unfinished_work_seconds", "Summed age of the passes under way.", labels);
    q->longest = metrics_gauge(
        "workqueue_longest_running_processor_seconds", "Age of the oldest pass under way.", labels);
    metrics_on_render(refresh_gauges, q);
}

struct queue *queue_new(struct loop *loop, loop_cb *ready, void *arg)
{
    struct queue *q = xcalloc(1, sizeof(*q));
    q->loop = loop;
    q->ready = loop_timer_new(loop, ready, arg);
    register_metrics(q);
    return q;
}

static void free_item(struct item *item)
{
    if (item->timer)
        loop_timer_free(item->timer);
    HASH_DEL(item->queue->items, item);
    free(item);
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    metrics_off_render(refresh_gauges, q);
    struct item *item, *next;
    HASH_ITER (hh, q->items, item, next)
        free_item(item);
    loop_timer_free(q->ready);
    free(q);
}

static struct item *find(struct queue *q, const char *key)
{
    struct item *item;
    HASH_FIND_STR(q->items, key, item);
    return item;
}

static struct item *find_or_new(struct queue *q, const char *key)
{
    struct item *item = find(q, key);
    if (item)
        return item;
    size_t len = strlen(key);
    item = xcalloc(1, sizeof(*item) + len + 1);
    memcpy(item->key, key, len + 1);
    item->queue = q;
    HASH_ADD_STR(q->items, key, item);
    return item;
}

/* An idle key without history need not be remembered. */
static void free_if_idle(struct item *item)
{
    if (!item->waiting && !item->in_work && !item->ready_at && item->failures == 0)
        free_item(item);
}

static void add_after(struct item *item, int64_t delay_ms);

static void wait_now(struct item *item, enum queue_priority priority)
{
    struct queue *q = item->queue;
    int64_t held_ms = item->held_until - now_ms();
    if (held_ms > 0 && !item->in_work) {
        add_after(item, held_ms);
        return;
    }
    if (item->ready_at) {
        loop_timer_stop(item->timer);
        item->ready_at = 0;
    }
    if (item->in_work) {
        if (!item->again || priority < item->priority)
            item->priority = priority;
        item->again = true;
        return;
    }
    if (item->waiting) {
        if (priority >= item->priority)
            return;
        DL_DELETE(q->waiting[item->priority], item);
        q->depth[item->priority]--;
    } else {
        item->waiting = true;
        item->since = now_ms();
    }
    item->priority = priority;
    q->depth[priority]++;
    DL_APPEND(q->waiting[priority], item);
    loop_timer_start(q->ready, 0);
}

void queue_add(struct queue *q, const char *key, enum queue_priority priority)
{
    metrics_add(q->adds, 1);
    wait_now(find_or_new(q, key), priority);
}

static void delay_over(void *arg)
{
    struct item *item = arg;
    item->ready_at = 0;
    wait_now(item, QUEUE_NORMAL);
}

static void add_after(struct item *item, int64_t delay_ms)
{
    int64_t at = now_ms() + delay_ms;
    if (item->waiting || (item->ready_at && item->ready_at <= at))
        return;
    if (!item->timer)
        item->timer = loop_timer_new(item->queue->loop, delay_over, item);
    item->ready_at = at;
    loop_timer_start(item->timer, delay_ms);
}

void queue_add_after(struct queue *q, const char *key, int64_t delay_ms)
{
    metrics_add(q->adds, 1);
    add_after(find_or_new(q, key), delay_ms);
}

static void hold(struct item *item, int64_t until)
{
    if (item->held_until < until)
        item->held_until = until;
}

void queue_retry(struct queue *q, const char *key, int64_t least_ms, int64_t most_ms)
{
    struct item *item = find_or_new(q, key);
    int64_t now = now_ms();
    /* What happens to a key brings passes sooner, and those say nothing about how long it fails. */
    if (item->failures == 0 || now >= item->backoff_until)
        item->failures++;
    int64_t delay = BACKOFF_FIRST_MS;
    for (int i = 1; i < item->failures && delay < QUEUE_BACKOFF_MAX_MS; i++)
        delay *= 2;
    if (delay > most_ms)
        delay = most_ms;
    if (delay < least_ms)
        delay = least_ms;
    hold(item, now + (delay < HOLD_MAX_MS ? delay : HOLD_MAX_MS));
    item->backoff_until = now + delay;
    metrics_add(q->adds, 1);
    metrics_add(q->retries, 1);
    add_after(item, delay + rnd_between(0, delay / 5));
}

void queue_hold(struct queue *q, const char *key, int64_t least_ms)
{
    hold(find_or_new(q, key), now_ms() + least_ms);
}

void queue_forget(struct queue *q, const char *key)
{
    struct item *item = find(q, key);
    if (!item)
        return;
    item->failures = 0;
    free_if_idle(item);
}

int queue_failures(struct queue *q, const char *key)
{
    const struct item *item = find(q, key);
    return item ? item->failures : 0;
}

void queue_wake(struct queue *q)
{
    struct item *item, *next;
    HASH_ITER (hh, q->items, item, next)
        if (item->ready_at && item->failures > 0)
            wait_now(item, QUEUE_NORMAL);
}

const char *queue_get(struct queue *q, enum queue_priority *ret_priority)
{
    struct item *item =
        q->waiting[QUEUE_NORMAL] ? q->waiting[QUEUE_NORMAL] : q->waiting[QUEUE_BACKGROUND];
    if (!item)
        return NULL;
    int64_t now = now_ms();
    DL_DELETE(q->waiting[item->priority], item);
    metrics_observe(q->wait_seconds, (double)(now - item->since) / 1000);
    item->waiting = false;
    item->in_work = true;
    item->since = now;
    q->depth[item->priority]--;
    if (q->in_work++ == 0)
        q->last_done = now;
    if (ret_priority)
        *ret_priority = item->priority;
    return item->key;
}

bool queue_is_urgent(const struct queue *q)
{
    return q->waiting[QUEUE_NORMAL] != NULL;
}

void queue_done(struct queue *q, const char *key)
{
    struct item *item = find(q, key);
    assert(item && item->in_work);
    int64_t now = now_ms();
    metrics_observe(q->work_seconds, (double)(now - item->since) / 1000);
    item->in_work = false;
    q->in_work--;
    q->last_done = now;
    if (item->again) {
        item->again = false;
        wait_now(item, item->priority);
    }
    free_if_idle(item);
}

size_t queue_depth(const struct queue *q)
{
    return q->depth[QUEUE_NORMAL] + q->depth[QUEUE_BACKGROUND];
}

size_t queue_in_work(const struct queue *q)
{
    return q->in_work;
}

int64_t queue_stalled_ms(const struct queue *q)
{
    return q->in_work ? now_ms() - q->last_done : 0;
}
