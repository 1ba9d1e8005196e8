/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about a gateway: desired objects against what is known of the live ones. Pure; the
 * plan for a cluster that is in step is empty.
 */
#pragma once

#include "control/store.h"
#include "data/meshgateway.h"

enum plan_verb {
    PLAN_CREATE, /* apply, but only if there is no such object */
    PLAN_APPLY,  /* apply to the object with `uid` */
    PLAN_DELETE, /* delete the object with `uid`: it is ours and no longer wanted */
};

struct plan_step {
    enum plan_verb verb;
    const struct object_kind *kind;
    char *name;              /* owned */
    json_t *body;            /* desired object; owned; NULL for PLAN_DELETE */
    uint64_t desired;        /* its digest */
    char uid[STORE_UID_LEN]; /* "" for PLAN_CREATE */
    bool repair;             /* what was in step is not any more: somebody else changed it */
    bool rolls;              /* replaces pods, though what was in step before is desired no more */
    bool leaves_replicas;    /* the body of an existing Deployment says nothing of its replicas */
};

struct plan {
    struct plan_step *steps;
    size_t count;
};

/* known: the gateway's record; read only. */
void plan_make(const struct meshgateway *gw, const struct store_gateway *known, struct plan *ret);
/* Takes a step out. */
void plan_drop(struct plan *plan, size_t index);
void plan_done(struct plan *plan);

/*
 * The desired object of one child, new, or NULL: what the templates render, adapted to what cannot
 * be changed in the live one (child, may be NULL): a Deployment keeps its selector.
 */
json_t *plan_desired(const struct meshgateway *gw, const struct object_kind *kind, const char *name,
                     const struct store_child *child);
/* True when the live object needs no apply for the desired object with this digest. */
bool plan_in_step(const struct store_child *child, uint64_t desired);
