/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture of some objects of a kind, kept in step by a watch: of each, only what a function makes
 * of it. For what the operator looks at beside gateways and their children.
 */
#pragma once

#include "kube/kube.h"

struct mirror;

enum mirror_state {
    MIRROR_FILLING, /* not complete yet */
    MIRROR_READY,   /* complete, and kept in step */
    MIRROR_REFUSED, /* never complete: the operator may not read it, or it is not served */
};

struct mirror_options {
    struct kube *kube;
    const struct object_kind *kind;
    struct kube_scope scope;
    /* What is kept of an object, new; NULL: nothing, as if it were not there. Pure. */
    json_t *(*distil)(const json_t *object);
    /* Some of what is kept changed, or the state did. Called once for many changes at a time. */
    loop_cb *changed;
    void *arg;
};

/* The strings of the scope are copied. */
struct mirror *mirror_new(struct loop *loop, const struct mirror_options *options);
void mirror_free(struct mirror *mirror);

enum mirror_state mirror_state(const struct mirror *mirror);
/* Why there is no watch at the moment; kind ERR_NONE when there is one. */
const struct err *mirror_trouble(const struct mirror *mirror);
/* What is kept of an object, borrowed until the next turn of the loop; ns NULL: cluster-scoped. */
const json_t *mirror_find(const struct mirror *mirror, const char *ns, const char *name);
/* All that is kept, in no order. `each` returns false to end it; then mirror_each returns false. */
bool mirror_each(const struct mirror *mirror,
                 bool (*each)(void *arg, const char *key, const json_t *kept), void *arg);
