/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/lease.h"

#include "base/metrics.h"
#include "base/now.h"
#include "base/rnd.h"
#include "kube/leaserecord.h"

#include <stdlib.h>
#include <string.h>

/* What a renewal may be late before the process counts as dead: it has long stopped writing. */
#define GRACE_MS 20000

struct lease {
    struct lease_options options;
    struct leaserecord record;
    struct kube_call *call;
    struct loop_timer *turn;     /* the next attempt */
    struct loop_timer *deadline; /* of the renewal, or of the release */
    int64_t sent_ms;             /* when the claim under way was sent */
    int64_t renewed_ms;          /* when the last one that succeeded was sent */
    bool held;
    char *told; /* the holder that the sink knows of; NULL: none yet */
    struct err trouble;
    struct metric *status;
    loop_cb *released; /* not NULL: it is being given back */
    void *released_arg;
};

static void tell_trouble(struct lease *lease, const struct err *err)
{
    bool same = err ? lease->trouble.kind == err->kind && lease->trouble.http == err->http &&
                          strcmp(lease->trouble.reason, err->reason) == 0
                    : lease->trouble.kind == ERR_NONE;
    lease->trouble = err ? *err : (struct err){.kind = ERR_NONE};
    if (!same)
        lease->options.sink->trouble(lease->options.arg, err);
}

static void tell_holder(struct lease *lease)
{
    const char *holder = leaserecord_holder(&lease->record);
    if (lease->told && strcmp(lease->told, holder) == 0)
        return;
    free(lease->told);
    lease->told = xstrdup(holder);
    if (strcmp(holder, lease->options.identity) != 0)
        lease->options.sink->holder(lease->options.arg, holder);
}

static void stop(struct lease *lease)
{
    lease->held = false;
    metrics_set(lease->status, 0);
    loop_timer_stop(lease->turn);
    loop_timer_stop(lease->deadline);
    if (lease->call)
        kube_cancel(TAKE(lease->call));
}

/* Also from within the other client, by way of the fence; it does not ask about calls of ours. */
static void lose(struct lease *lease, const char *why)
{
    stop(lease);
    lease->options.sink->lost(lease->options.arg, why);
}

static int64_t left_ms(const struct lease *lease)
{
    return lease->renewed_ms + lease->options.renew_deadline_ms - now_boot_ms();
}

static void lose_by_time(struct lease *lease)
{
    struct err why;
    err_set(&why,
            ERR_UNAVAILABLE,
            "not renewed for %.1f s%s%s",
            (double)(now_boot_ms() - lease->renewed_ms) / 1000,
            lease->trouble.kind ? ": " : "",
            lease->trouble.msg);
    lose(lease, why.msg);
}

bool lease_may_write(void *arg)
{
    struct lease *lease = arg;
    if (lease->held && left_ms(lease) <= 0)
        lose_by_time(lease);
    return lease->held;
}

static void on_deadline(void *arg)
{
    struct lease *lease = arg;
    if (lease->released) {
        stop(lease);
        TAKE(lease->released)(lease->released_arg);
    } else if (lease_may_write(lease)) {
        loop_timer_start(lease->deadline, left_ms(lease)); /* the loop's clock is a coarse one */
    }
}

/*
 * client-go waits for one to 2.2 retry periods, which would add up to 2.4 s to each takeover. Not
 * at the same time as others is enough; and not later than it becomes free.
 */
static void wait_as_standby(struct lease *lease)
{
    int period = lease->options.retry_period_ms;
    int64_t delay = rnd_between(period - period / 4, period);
    int64_t until_free =
        leaserecord_free_at_ms(&lease->record, lease->options.duration_ms) + 1 - now_boot_ms();
    if (until_free > 0 && until_free < delay)
        delay = until_free;
    loop_timer_start(lease->turn, delay);
}

static void wait(struct lease *lease)
{
    if (lease->held)
        loop_timer_start(lease->turn, lease->options.retry_period_ms);
    else
        wait_as_standby(lease);
}

static void look(struct lease *lease);

/* The answer may have come long after it was sent: it counts from then. */
static void renewed(struct lease *lease)
{
    bool was_held = lease->held;
    lease->renewed_ms = lease->sent_ms;
    int64_t left = left_ms(lease);
    if (left <= 0 && was_held) {
        lose_by_time(lease);
        return;
    }
    tell_trouble(lease, NULL);
    tell_holder(lease);
    lease->held = left > 0;
    wait(lease);
    if (!lease->held)
        return;
    loop_timer_start(lease->deadline, left);
    metrics_set(lease->status, 1);
    if (!was_held)
        lease->options.sink->won(lease->options.arg);
}

static bool is_ours(const struct lease *lease)
{
    return strcmp(leaserecord_holder(&lease->record), lease->options.identity) == 0;
}

/* Another one was quicker when it is a conflict, which is no trouble. */
static void on_claimed(void *arg, const struct kube_reply *reply)
{
    struct lease *lease = arg;
    lease->call = NULL;
    if (reply->err.kind == ERR_NONE) {
        leaserecord_see(&lease->record, reply->object, now_boot_ms());
        if (is_ours(lease)) {
            renewed(lease);
            return;
        }
    } else if (reply->err.kind != ERR_CONFLICT) {
        tell_trouble(lease, &reply->err);
    }
    wait(lease);
}

/* With what we wrote last; when that fails it may be because it has changed since. */
static void on_renewed(void *arg, const struct kube_reply *reply)
{
    struct lease *lease = arg;
    if (reply->err.kind == ERR_NONE) {
        on_claimed(arg, reply);
        return;
    }
    lease->call = NULL;
    if (reply->err.kind != ERR_CONFLICT)
        tell_trouble(lease, &reply->err);
    look(lease);
}

static void claim(struct lease *lease, kube_done *done)
{
    const struct leaserecord_claim claim = {.ns = lease->options.ns,
                                            .name = lease->options.name,
                                            .identity = lease->options.identity,
                                            .duration_ms = lease->options.duration_ms,
                                            .wall_us = now_wall_us()};
    json_auto_t *body = leaserecord_claim(&lease->record, &claim);
    bool exists = lease->record.object != NULL;
    struct kube_request request = {.verb = exists ? KUBE_UPDATE : KUBE_CREATE,
                                   .kind = &object_lease,
                                   .ns = lease->options.ns,
                                   .name = exists ? lease->options.name : NULL,
                                   .body = body};
    lease->sent_ms = now_boot_ms();
    lease->call = kube_call(lease->options.kube, &request, done, lease);
}

static void on_seen(void *arg, const struct kube_reply *reply)
{
    struct lease *lease = arg;
    lease->call = NULL;
    if (reply->err.kind != ERR_NONE && reply->err.kind != ERR_NOT_FOUND) {
        tell_trouble(lease, &reply->err);
        wait(lease);
        return;
    }
    leaserecord_see(&lease->record, reply->object, now_boot_ms());
    tell_holder(lease);
    if (is_ours(lease) ||
        leaserecord_free_at_ms(&lease->record, lease->options.duration_ms) < now_boot_ms()) {
        claim(lease, on_claimed);
    } else if (lease->held) {
        AUTO_FREE char *why = xasprintf("it is held by %s", leaserecord_holder(&lease->record));
        lose(lease, why);
    } else {
        tell_trouble(lease, NULL);
        wait(lease);
    }
}

static void look(struct lease *lease)
{
    struct kube_request request = {.verb = KUBE_GET,
                                   .kind = &object_lease,
                                   .ns = lease->options.ns,
                                   .name = lease->options.name};
    lease->call = kube_call(lease->options.kube, &request, on_seen, lease);
}

static void give_back(struct lease *lease);

static void on_turn(void *arg)
{
    struct lease *lease = arg;
    if (lease->released)
        give_back(lease);
    else if (lease->held && lease->record.object)
        claim(lease, on_renewed);
    else
        look(lease);
}

struct lease *lease_new(const struct lease_options *options)
{
    struct lease *lease = xcalloc(1, sizeof(*lease));
    AUTO_FREE char *labels = xasprintf("name=\"%s\"", options->name);
    lease->options = *options;
    lease->status =
        metrics_gauge("leader_election_master_status", "1: this process leads, else 0.", labels);
    lease->turn = loop_timer_new(options->loop, on_turn, lease);
    lease->deadline = loop_timer_new(options->loop, on_deadline, lease);
    loop_timer_put_first(lease->deadline); /* a process that was stopped does nothing else before */
    loop_timer_start(lease->turn, 0);
    return lease;
}

void lease_free(struct lease *lease)
{
    if (!lease)
        return;
    stop(lease);
    loop_timer_free(lease->turn);
    loop_timer_free(lease->deadline);
    leaserecord_done(&lease->record);
    free(lease->told);
    free(lease);
}

bool lease_is_alive(const struct lease *lease)
{
    return !lease->held ||
           now_boot_ms() - lease->renewed_ms < lease->options.duration_ms + GRACE_MS;
}

bool lease_is_allowed(const struct lease *lease, struct err *err)
{
    enum err_kind kind = lease->trouble.kind;
    if (kind != ERR_DENIED && kind != ERR_NOT_FOUND && kind != ERR_INVALID)
        return true;
    *err = lease->trouble;
    return false;
}

/* Giving it back */

static void end_release(struct lease *lease)
{
    stop(lease);
    loop_timer_start(lease->deadline, 0);
}

/* A renewal may have come between: what is there now is ours, or is no longer our business. */
static void on_looked_again(void *arg, const struct kube_reply *reply)
{
    struct lease *lease = arg;
    lease->call = NULL;
    leaserecord_see(&lease->record, reply->object, now_boot_ms());
    bool gone = reply->err.kind == ERR_NOT_FOUND || (reply->object && !is_ours(lease));
    if (gone)
        end_release(lease);
    else if (reply->object)
        give_back(lease);
    else
        loop_timer_start(lease->turn, lease->options.retry_period_ms);
}

static void on_given_back(void *arg, const struct kube_reply *reply)
{
    struct lease *lease = arg;
    lease->call = NULL;
    if (reply->err.kind == ERR_NONE) {
        end_release(lease);
        return;
    }
    leaserecord_done(&lease->record);
    if (reply->err.kind == ERR_CONFLICT)
        give_back(lease);
    else
        loop_timer_start(lease->turn, lease->options.retry_period_ms);
}

static void give_back(struct lease *lease)
{
    struct kube_request request = {
        .kind = &object_lease, .ns = lease->options.ns, .name = lease->options.name};
    json_auto_t *body = NULL;
    if (lease->record.object) {
        request.body = body = leaserecord_release(&lease->record, now_wall_us());
        request.verb = KUBE_UPDATE;
    }
    lease->call =
        kube_call(lease->options.kube, &request, body ? on_given_back : on_looked_again, lease);
}

void lease_release(struct lease *lease, loop_cb *released, void *arg)
{
    bool held = lease->held;
    stop(lease);
    lease->released = released;
    lease->released_arg = arg;
    loop_timer_start(lease->deadline, held ? lease->options.renew_deadline_ms : 0);
    if (held)
        give_back(lease);
}
