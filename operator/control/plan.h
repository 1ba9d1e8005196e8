/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about a gateway: desired objects against what is known of the live ones. Pure; the
 * plan for a cluster that is in step is empty.
 */
#pragma once

#include "control/store.h"
#include "data/meshgateway.h"
#include "templates/live.h"

enum plan_verb {
    PLAN_CREATE, /* apply, but only if there is no such object */
    PLAN_APPLY,  /* apply to the object with `uid` */
    PLAN_DELETE, /* delete the object with `uid`: it is ours and no longer wanted */
    PLAN_CLEAR,  /* delete what has this name, if it is there and ours; see control/takeover.h */
    PLAN_UNMARK, /* take the takeover's mark off the object with `uid`, when all else succeeded */
};

/* What has become of a step; whoever carries it out says so. */
enum plan_effect {
    PLAN_EFFECT_NONE,
    PLAN_EFFECT_CREATED,
    PLAN_EFFECT_REPAIRED,
    PLAN_EFFECT_ROLLED,
    PLAN_EFFECT_TAKEN_OVER,
    PLAN_EFFECT_DELETED,
    PLAN_EFFECT_LEFT, /* of the original operator, and may not be looked at or deleted: no failure
                       */
};

struct plan_step {
    enum plan_verb verb;
    const struct object_kind *kind;
    char *name;              /* owned */
    json_t *body;            /* desired object, owned; NULL unless it is created or applied */
    uint64_t desired;        /* its digest */
    char uid[STORE_UID_LEN]; /* "" for PLAN_CREATE and PLAN_CLEAR */
    bool repair;             /* what was in step is not any more: somebody else changed it */
    bool rolls;              /* replaces pods, though what was in step before is desired no more */
    bool leaves_replicas;    /* the body of an existing Deployment says nothing of its replicas */
    bool cluster_scoped;
    enum plan_effect effect;
};

struct plan {
    struct plan_step *steps;
    size_t count;
};

/* known: the gateway's record; read only. live: as for templates_render. */
void plan_make(const struct meshgateway *gw, const struct templates_live *live,
               const struct store_gateway *known, struct plan *ret);
/* Takes a step out. */
void plan_drop(struct plan *plan, size_t index);
void plan_done(struct plan *plan);

/*
 * The desired object of one child, new, or NULL: what the templates render, adapted to what cannot
 * be changed in a live one: a Deployment keeps its selector, and all that selects its pods follows.
 */
json_t *plan_desired(const struct meshgateway *gw, const struct templates_live *live,
                     const struct object_kind *kind, const char *name,
                     const struct store_gateway *known);
/* True when the live object needs no apply for the desired object with this digest. */
bool plan_in_step(const struct store_child *child, uint64_t desired);
