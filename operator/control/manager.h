/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ties the parts together: watches over MeshGateways and their children, the store they fill, the
 * reconciler they feed. Also what health checks and metrics tell of it.
 */
#pragma once

#include "control/reconcile.h"
#include "control/rolls.h"

struct manager;

struct manager_options {
    struct loop *loop;
    struct kube *kube;
    const struct config *config;    /* borrowed */
    const char *const *namespaces;  /* NULL-terminated; empty: all; repetitions count once */
    const char *selector;           /* of the gateways' labels; NULL: all; borrowed */
    int max_inflight;               /* requests at a time, and passes */
    struct rolls_limit max_rolling; /* see control/rolls.h */
    bool standby;                   /* only looks on until manager_lead() */
    bool ignore_mesh_config;        /* take nothing from istiod's ConfigMaps */
    const char *instance;           /* of this process, for events */
};

struct manager *manager_new(const struct manager_options *options);
/* From now on this process is the one that writes; it begins as after a restart. Once. */
void manager_lead(struct manager *m);
/* Ends the passes under way, then the events, then calls `drained`, once. Nothing new is begun. */
void manager_stop(struct manager *m, loop_cb *drained, void *arg);
void manager_free(struct manager *m);

/*
 * Ready: every kind has been seen whole, and none is refused or missing now. When not, one line
 * why goes to `reason` (may be NULL).
 */
bool manager_is_ready(const struct manager *m, struct strbuf *reason);
/* Alive: passes end. Does not depend on the API server. */
bool manager_is_alive(const struct manager *m);
