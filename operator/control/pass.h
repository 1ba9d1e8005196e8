/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reconcile pass over one gateway: read, plan, send, status, done. A state struct, not a
 * thread; it keeps no memory of earlier passes. What it saw ends up in the store.
 */
#pragma once

#include "control/around.h"
#include "control/store.h"
#include "kube/events.h"
#include "kube/kube.h"

struct pass;

/* What a pass needs of its surroundings; outlives all passes. */
struct pass_context {
    struct loop *loop;
    struct kube *kube;
    struct store *store;
    const struct around *around;
    struct events *events;
};

enum pass_reaction {
    PASS_IN_STEP,        /* nothing more to do until something changes */
    PASS_TRANSIENT,      /* failed; try again with back-off, not before retry_ms */
    PASS_REFUSED,        /* failed in a way that only somebody else can mend: try again slowly */
    PASS_NAMESPACE_ENDS, /* the namespace is being deleted */
};

struct pass_result {
    enum pass_reaction reaction;
    bool again; /* knowledge changed while it ran: run again soon */
    int retry_ms;
    int64_t recheck_ms; /* what is told may be different then, though nothing happens; 0: never */
    struct err err;     /* the first failure, for the log */
};

typedef void pass_done(void *arg, struct pass *pass, const struct pass_result *result);

struct pass_options {
    bool tell_transient; /* write failures that may pass by themselves into the status, too */
    bool background;     /* its requests come after those of others */
    bool may_create;     /* false: the namespace is known to be ending */
};

/*
 * The gateway's record must exist. done runs exactly once, later; the pass is gone after it.
 */
struct pass *pass_start(const struct pass_context *context, const struct store_gateway *gw,
                        const struct pass_options *options, pass_done *done, void *arg);
const char *pass_key(const struct pass *pass);
/* Ends it at once; done will not run. */
void pass_cancel(struct pass *pass);
