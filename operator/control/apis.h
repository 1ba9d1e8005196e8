/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of Istio and cert-manager, each watched while it is installed: from the moment when its
 * CustomResourceDefinition is there. One that is taken away looks like an empty set.
 */
#pragma once

#include "kube/kube.h"

struct apis;

/* As struct watch_sink, for all kinds. scope: see object_in_scope(). */
struct apis_sink {
    void (*begin)(void *arg, const struct object_kind *kind, const char *scope);
    /* filling: between begin and synced. */
    void (*object)(void *arg, const struct object_kind *kind, json_t *object, bool filling);
    void (*deleted)(void *arg, const struct object_kind *kind, json_t *object);
    void (*synced)(void *arg, const struct object_kind *kind, const char *scope);
    /* apis_serve() or apis_are_settled() may answer otherwise now. */
    void (*changed)(void *arg);
};

struct apis_options {
    struct loop *loop;
    struct kube *kube;
    const char *const *namespaces; /* NULL-terminated; empty: all; borrowed */
    const struct apis_sink *sink;
    void *arg;
};

struct apis *apis_new(const struct apis_options *options);
void apis_free(struct apis *apis);

/* What is installed has been seen whole, or may not be looked at. When not, *err may say why. */
bool apis_are_settled(const struct apis *apis, struct err *err);
/* All kinds of a group that are needed are installed and have been seen whole. */
bool apis_have_istio(const struct apis *apis);
bool apis_have_cert_manager(const struct apis *apis);
