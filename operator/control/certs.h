/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and challenges: watches over the kinds of cert-manager and Istio, while they are
 * installed; what is remembered of them (control/issuance.h, control/istio.h); and from that, for
 * each gateway, what its objects must hold and what its status says. A Secret is never looked at.
 */
#pragma once

#include "control/certstatus.h"
#include "control/store.h"
#include "data/meshgateway.h"
#include "net/loop.h"
#include "templates/live.h"

struct certs;
struct kube;
struct meshes;

/* What a watch sees of kinds that gateways have as children; as in struct apis_sink. */
struct certs_sink {
    void (*begin)(void *arg, const struct object_kind *kind, const char *scope);
    void (*object)(void *arg, const struct object_kind *kind, json_t *object, bool filling);
    void (*deleted)(void *arg, const struct object_kind *kind, json_t *object);
    void (*synced)(void *arg, const struct object_kind *kind, const char *scope);
    /* A pass over this gateway may have something to do, or to tell. */
    void (*wake)(void *arg, const char *key);
    /* certs_are_settled() may have changed. */
    void (*settled)(void *arg);
};

struct certs_options {
    struct loop *loop;
    struct kube *kube;
    const char *const *namespaces; /* NULL-terminated; empty: all; borrowed */
    const struct store *store;
    struct meshes *meshes;
    const struct certs_sink *sink;
    void *arg;
};

struct certs *certs_new(const struct certs_options *options);
void certs_free(struct certs *certs);

/* All that is installed has been seen whole. When not, *err may say why. */
bool certs_are_settled(const struct certs *certs, struct err *err);

/* What rendering must know of the world; it owns its parts. certs NULL: none of it is there. */
void certs_live(struct certs *certs, const struct meshgateway *gw, struct templates_live *ret);
void certs_live_done(struct templates_live *live);
/* Whether the Issuer of the gateway's own has its account. */
bool certs_issuer_is_ready(const struct certs *certs, const struct meshgateway *gw);

/* What the status tells. */
struct certs_told {
    struct certstatus certificates;
    bool istio_missing; /* the gateway has servers, and Istio is not installed */
    char *bypass;       /* RedirectBypassed, see control/trouble.h; NULL: no trouble */
    char *conflict;     /* HostConflict */
};

void certs_tell(struct certs *certs, const struct meshgateway *gw, int64_t now_us,
                struct certs_told *ret);
void certs_told_done(struct certs_told *told);
