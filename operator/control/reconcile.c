/* SPDX-License-Identifier: Apache-2.0 */
#include "control/reconcile.h"

#include "base/log.h"
#include "base/metrics.h"
#include "base/now.h"
#include "control/rolls.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* Failures that may pass by themselves get into the status when they happen this often in a row. */
#define TELL_TRANSIENT_AFTER 3
/*
 * What only somebody else can mend (RBAC, quota, a foreign object) is not tried sooner, since it
 * would be refused again, nor later than this, since nobody tells us when it is mended.
 */
#define REFUSED_RETRY_MIN_MS 5000
#define REFUSED_RETRY_MAX_MS 300000
/* Nothing is created in a namespace that is being deleted until this long after its last refusal.
 */
#define NAMESPACE_ENDS_MS 30000

struct running {
    struct running *prev, *next;
    struct reconcile *reconcile;
    struct pass *pass;
    int64_t started_us;
};

struct ending_namespace {
    UT_hash_handle hh;
    int64_t until;
    char name[];
};

struct reconcile {
    struct pass_context context;
    struct queue *queue;
    struct running *running;
    int count;
    int max_passes;
    bool started;
    bool stands_by;
    struct ending_namespace *ending;
    loop_cb *drained;
    void *drained_arg;
    struct metric *results[4]; /* by enum outcome */
    struct metric *errors, *terminal, *seconds, *active;
};

enum outcome { OUTCOME_SUCCESS, OUTCOME_ERROR, OUTCOME_REQUEUE, OUTCOME_REQUEUE_AFTER };

static const double time_bounds[] = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

static void register_metrics(struct reconcile *r)
{
    static const char total[] = "controller_runtime_reconcile_total";
    static const char help[] = "Passes by how they ended.";
    static const char *const labels[] = {
        [OUTCOME_SUCCESS] = "controller=\"meshgateway\",result=\"success\"",
        [OUTCOME_ERROR] = "controller=\"meshgateway\",result=\"error\"",
        [OUTCOME_REQUEUE] = "controller=\"meshgateway\",result=\"requeue\"",
        [OUTCOME_REQUEUE_AFTER] = "controller=\"meshgateway\",result=\"requeue_after\"",
    };
    static const char controller[] = "controller=\"meshgateway\"";
    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        r->results[i] = metrics_counter(total, help, labels[i]);
    r->errors = metrics_counter(
        "controller_runtime_reconcile_errors_total", "Passes that failed.", controller);
    r->terminal = metrics_counter("controller_runtime_terminal_reconcile_errors_total",
                                  "Passes that failed in a way that only somebody else can mend.",
                                  controller);
    r->seconds = metrics_histogram("controller_runtime_reconcile_time_seconds",
                                   "Time from the beginning to the end of a pass.",
                                   controller,
                                   time_bounds,
                                   ARRAY_LEN(time_bounds));
    r->active = metrics_gauge("controller_runtime_active_workers", "Passes under way.", controller);
    metrics_set(metrics_gauge("controller_runtime_max_concurrent_reconciles",
                              "Passes that may be under way at a time.",
                              controller),
                r->max_passes);
}

static void pump(void *arg);

struct reconcile *reconcile_new(struct loop *loop, const struct pass_context *context,
                                int max_passes)
{
    struct reconcile *r = xcalloc(1, sizeof(*r));
    r->context = *context;
    r->max_passes = max_passes;
    r->queue = queue_new(loop, pump, r);
    register_metrics(r);
    return r;
}

struct queue *reconcile_queue(struct reconcile *r)
{
    return r->queue;
}

static char *namespace_of(const char *key)
{
    return xstrndup(key, strcspn(key, "/"));
}

/* Most of them are gone by then, and nobody asks for them again. */
static void forget_ended(struct reconcile *r)
{
    struct ending_namespace *ns, *next;
    HASH_ITER (hh, r->ending, ns, next) {
        if (ns->until > now_ms())
            continue;
        HASH_DEL(r->ending, ns);
        free(ns);
    }
}

static void remember_ending(struct reconcile *r, const char *key)
{
    AUTO_FREE char *name = namespace_of(key);
    struct ending_namespace *ns;
    forget_ended(r);
    HASH_FIND_STR(r->ending, name, ns);
    if (!ns) {
        ns = xcalloc(1, sizeof(*ns) + strlen(name) + 1);
        memcpy(ns->name, name, strlen(name) + 1);
        HASH_ADD_STR(r->ending, name, ns);
    }
    ns->until = now_ms() + NAMESPACE_ENDS_MS;
}

static bool is_ending(struct reconcile *r, const char *key)
{
    AUTO_FREE char *name = namespace_of(key);
    struct ending_namespace *ns;
    HASH_FIND_STR(r->ending, name, ns);
    return ns && ns->until > now_ms();
}

void reconcile_namespace_lives(struct reconcile *r, const char *key)
{
    AUTO_FREE char *name = namespace_of(key);
    struct ending_namespace *ns;
    HASH_FIND_STR(r->ending, name, ns);
    if (!ns)
        return;
    HASH_DEL(r->ending, ns);
    free(ns);
}

static void log_failure(const char *key, const struct pass_result *result)
{
    if (!result->err.kind)
        return;
    LOG_WARN("pass failed",
             LS("object", key),
             LS("reason", err_kind_name(result->err.kind)),
             LS("err", result->err.msg));
}

/* The one place that says when a key is tried again. */
static enum outcome schedule(struct reconcile *r, const char *key, const struct pass_result *result)
{
    if (result->retry_ms > 0)
        queue_hold(r->queue, key, result->retry_ms);
    switch (result->reaction) {
    case PASS_IN_STEP:
        if (result->again) {
            queue_retry(r->queue, key, 0, QUEUE_BACKOFF_MAX_MS);
            return OUTCOME_REQUEUE;
        }
        queue_forget(r->queue, key);
        if (result->recheck_ms > 0)
            queue_add_after(r->queue, key, result->recheck_ms);
        return OUTCOME_SUCCESS;
    case PASS_TRANSIENT:
        queue_retry(r->queue, key, result->retry_ms, QUEUE_BACKOFF_MAX_MS);
        return OUTCOME_ERROR;
    case PASS_REFUSED:
        queue_retry(r->queue, key, result->again ? 0 : REFUSED_RETRY_MIN_MS, REFUSED_RETRY_MAX_MS);
        if (result->recheck_ms > 0)
            queue_add_after(r->queue, key, result->recheck_ms);
        return OUTCOME_ERROR;
    case PASS_NAMESPACE_ENDS:
        remember_ending(r, key);
        queue_forget(r->queue, key);
        queue_add_after(r->queue, key, NAMESPACE_ENDS_MS);
        return OUTCOME_REQUEUE_AFTER;
    }
    return OUTCOME_ERROR;
}

static void pass_ended(void *arg, struct pass *pass, const struct pass_result *result)
{
    struct running *running = arg;
    struct reconcile *r = running->reconcile;
    const char *key = pass_key(pass);
    enum outcome outcome = schedule(r, key, result);
    metrics_add(r->results[outcome], 1);
    metrics_observe(r->seconds, (double)(now_us() - running->started_us) / 1e6);
    if (outcome == OUTCOME_ERROR) {
        metrics_add(r->errors, 1);
        if (result->reaction == PASS_REFUSED)
            metrics_add(r->terminal, 1);
        log_failure(key, result);
    }
    rolls_passed(r->context.around->rolls, key);
    queue_done(r->queue, key);
    DL_DELETE(r->running, running);
    free(running);
    metrics_set(r->active, --r->count);
    pump(r);
    if (r->drained && r->count == 0) {
        loop_cb *drained = r->drained;
        r->drained = NULL;
        drained(r->drained_arg);
    }
}

static void start_pass(struct reconcile *r, const char *key, enum queue_priority priority)
{
    const struct store_gateway *gw = store_find(r->context.store, key);
    if (!gw) { /* deleted since it was queued */
        queue_forget(r->queue, key);
        queue_done(r->queue, key);
        return;
    }
    struct pass_options options = {
        .tell_transient = queue_failures(r->queue, key) >= TELL_TRANSIENT_AFTER,
        .may_create = !is_ending(r, key),
        .background = priority == QUEUE_BACKGROUND,
    };
    struct running *running = xcalloc(1, sizeof(*running));
    running->reconcile = r;
    running->started_us = now_us();
    DL_APPEND(r->running, running);
    metrics_set(r->active, ++r->count);
    running->pass = pass_start(&r->context, gw, &options, pass_ended, running);
}

/* Background passes leave a quarter of the places free, so that a user's edit need not wait. */
static int places(const struct reconcile *r)
{
    return queue_is_urgent(r->queue) ? r->max_passes : r->max_passes - r->max_passes / 4;
}

static void pump(void *arg)
{
    struct reconcile *r = arg;
    const char *unwanted;
    while (r->stands_by && (unwanted = queue_get(r->queue, NULL)))
        queue_done(r->queue, unwanted);
    while (r->started && r->count < places(r)) {
        enum queue_priority priority;
        const char *key = queue_get(r->queue, &priority);
        if (!key)
            return;
        start_pass(r, key, priority);
    }
}

void reconcile_stand_by(struct reconcile *r)
{
    r->stands_by = true;
    pump(r);
}

void reconcile_start(struct reconcile *r)
{
    r->stands_by = false;
    r->started = true;
    pump(r);
}

void reconcile_stop(struct reconcile *r, loop_cb *drained, void *arg)
{
    r->started = false;
    if (r->count == 0) {
        drained(arg);
        return;
    }
    r->drained = drained;
    r->drained_arg = arg;
}

void reconcile_free(struct reconcile *r)
{
    if (!r)
        return;
    struct running *running, *next;
    DL_FOREACH_SAFE(r->running, running, next)
    {
        pass_cancel(running->pass);
        free(running);
    }
    struct ending_namespace *ns, *next_ns;
    HASH_ITER (hh, r->ending, ns, next_ns) {
        HASH_DEL(r->ending, ns);
        free(ns);
    }
    queue_free(r->queue);
    free(r);
}
