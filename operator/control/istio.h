/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of Istio's Gateways and VirtualServices: what decides whether a request for a
 * challenge reaches its route. Facts about the order of routes: Istio's
 * pilot/pkg/model/push_context.go (VirtualServicesForGateway) and
 * pilot/pkg/networking/core/route (SortVHostRoutes, IsCatchAllRoute).
 */
#pragma once

#include "base/multimap.h"
#include "data/jx.h"

#include <uthash.h>

struct istio_gateway;
struct istiomatch; /* control/istiomatch.h */

/* A server of a Gateway. */
struct istio_server {
    const struct istio_gateway *gateway;
    char **hosts; /* lower case, [namespace/]host as Istio has them; ends with NULL */
    int port;
    bool http;      /* clear text that is routed by HTTP */
    bool tls;       /* in whatever mode */
    bool https;     /* ends TLS for clients that need no certificate, then routes by HTTP */
    bool redirects; /* tls.httpsRedirect: 301 before any route is looked at */
};

struct istio_gateway {
    UT_hash_handle hh;
    const char *key; /* "namespace/name", as VirtualServices name it */
    const char *ns;
    const char *uid;
    char **selector; /* "key=value" of the labels of pods; empty: all pods */
    struct istio_server *servers;
    size_t server_count;
    uint64_t digest;
    bool seen;
};

struct istio_virtual_service {
    UT_hash_handle hh;
    const char *key; /* "namespace/name" */
    const char *ns;
    const char *name;
    const char *uid;
    const char *created;
    char **gateways; /* "namespace/name" */
    char **hosts;
    struct istiomatch *matches; /* of a private one that is not ours */
    size_t match_count;
    uint64_t digest;
    bool is_private; /* exported to its own namespace, and goes before all public ones there */
    bool ours;       /* a MeshGateway controls it */
    bool seen;
};

/* Those that are not ours, but for the identity of our VirtualServices. */
struct istio {
    struct istio_gateway *gateways;
    struct istio_virtual_service *services;
    struct multimap servers; /* host without namespace → struct istio_server */
    struct multimap bound;   /* "namespace/name" of a gateway → struct istio_virtual_service */
};

/* A record of a Gateway, stored or rendered, whatever it holds. */
struct istio_gateway *istio_gateway_of(const json_t *object) __attribute__((returns_nonnull));
void istio_gateway_free(struct istio_gateway *gateway);
/* Whether it serves pods with these labels. */
bool istio_selects(const struct istio_gateway *gateway, const json_t *labels);

/* An object was added or changed. False: nothing that is remembered changed. */
bool istio_put_gateway(struct istio *set, const json_t *object);
bool istio_put_service(struct istio *set, const json_t *object);
/* … is gone. False: it was not remembered. */
bool istio_remove_gateway(struct istio *set, const json_t *object);
bool istio_remove_service(struct istio *set, const json_t *object);
/* A watch begins a new full set of a scope, and has seen it: see control/issuance.h. */
void istio_begin_gateways(struct istio *set, const char *scope);
void istio_begin_services(struct istio *set, const char *scope);
bool istio_synced_gateways(struct istio *set, const char *scope);
bool istio_synced_services(struct istio *set, const char *scope);
void istio_done(struct istio *set);

/* "namespace/host" → "host" */
const char *istio_host(const char *host);
/* Whether VirtualServices of the namespace may bind to this host of a gateway. */
bool istio_admits(const struct istio_server *server, const char *host, const char *ns);
/* Whether a host, exact or a wildcard, covers a name. */
bool istio_covers(const char *host, const char *name);
