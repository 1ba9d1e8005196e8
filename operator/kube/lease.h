/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of several processes works: the one that holds a Lease. It is renewed every retry period;
 * who finds it free takes it (kube/leaserecord.h).
 *
 * Two must never write at a time. The one that holds the Lease stops writing renew_deadline after
 * the last renewal that succeeded was *sent*; nobody takes it before lease_duration has passed
 * since that renewal was *seen*, which is later. Both are measured on a clock that nobody sets and
 * that goes on while the machine is suspended; a hypervisor that stops the guest's clocks as well
 * is beyond its reach. What is left between the two, 5 s by default, is for writes on their way.
 *
 * When the time is over, or the Lease is somebody else's, it is lost: that cannot be taken back,
 * and the process is expected to end at once. A Lease that was deleted, or that nobody holds, is
 * taken again.
 */
#pragma once

#include "kube/kube.h"

struct lease;

struct lease_sink {
    void (*won)(void *arg);
    /* We held it. Nothing may be written from here on. May be called from lease_may_write(). */
    void (*lost)(void *arg, const char *why);
    /* Somebody else holds it now, or nobody (""); once for each change. */
    void (*holder)(void *arg, const char *identity);
    /* Why it cannot be read or written; once for each change of the reason. NULL: it can again. */
    void (*trouble)(void *arg, const struct err *err);
};

struct lease_options {
    struct loop *loop;
    struct kube *kube; /* for the Lease alone, so that it waits for no other call */
    const char *ns, *name, *identity;
    int duration_ms; /* whole seconds */
    int renew_deadline_ms;
    int retry_period_ms;
    const struct lease_sink *sink;
    void *arg;
};

/* The texts of options are borrowed. No callback before it has returned. */
struct lease *lease_new(const struct lease_options *options);
/* Leaves the Lease as it is. */
void lease_free(struct lease *lease);

/* The fence, see kube_set_fence(); arg: the lease. */
bool lease_may_write(void *arg);
/* False: it is held, but its renewal hangs where nothing notices. */
bool lease_is_alive(const struct lease *lease);
/* Whether it may be read and written; when not, why. */
bool lease_is_allowed(const struct lease *lease, struct err *err);
/*
 * Ends the election: gives the Lease back if it is held, so that the next one need not wait, and
 * calls `released` once, later, when that is done or has failed for renew_deadline.
 */
void lease_release(struct lease *lease, loop_cb *released, void *arg);
