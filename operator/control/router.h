/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which HTTP-01 challenges go to which gateway: always all of it anew from what is remembered,
 * never a change to what was. Pure; the same set gives the same result, in whatever order its
 * objects came.
 *
 * A challenge is routed while it is live, when it belongs to a Certificate of a MeshGateway, or its
 * solver has the class ISSUANCE_CLASS and a gateway serves its name: a gateway *in its namespace*,
 * since whoever could have challenges answered by gateways of other namespaces would get
 * certificates for the hosts of others.
 *
 * What happens to the request of an ACME server, which comes to port 80 of the name:
 * - The most specific host that a server on that port has decides (Envoy looks at one virtual host
 *   only), so the route goes to the Gateways that have it: our own, and others' that select our
 *   pods.
 * - When one of these redirects (tls.httpsRedirect), nothing but a redirect comes back from port
 *   80, and the ACME server follows it: then the route is needed on port 443 too ("https").
 * - A route for a name below a wildcard is put on the wildcard, so that what else the wildcard's
 *   routes serve for that name stays; but on the name itself, or a longer wildcard, when a user's
 *   VirtualService has made a virtual host of that already.
 */
#pragma once

#include "control/issuance.h"
#include "control/istio.h"
#include "control/verdict.h"

/* A MeshGateway, as far as routing goes; everything is borrowed. */
struct router_gateway {
    const char *ns;
    const char *name;
    const char *uid;
    const json_t *labels;            /* of its pods */
    const struct istio_gateway *own; /* as rendered from spec.servers; NULL: none */
    const json_t *redirected;        /* array: hosts of its redirect by route; may be NULL */
    const char *redirect_service;    /* name of the VirtualService that does that */
    const char *challenge_service;   /* … and of the one for hosts without redirect */
    const struct issuance_wish *wishes;
    size_t wish_count;
    bool port80; /* its Service has this port */
    bool port443;
};

struct router_input {
    const struct issuance *issuance;
    const struct istio *istio;
    const struct router_gateway *gateways;
    size_t count;
};

struct router_verdict {
    const struct issuance_object *challenge;
    enum verdict reason;
    json_t *gateways; /* array: "namespace/name" of the MeshGateways that it is routed to */
    char *message;    /* for people; "" when it is routed and all is well */
};

/*
 * What the VirtualServices of one MeshGateway must hold: an array, sorted, of
 *   {"dnsName", "token", "service", "namespace", "port"}, and where needed
 *   "host": the VirtualService's host, a wildcard; the route then matches the authority dnsName
 *   "gateway": "namespace/name" of somebody else's Istio Gateway that it is bound to
 *   "https": true: it answers on every port, not on 80 only
 */
struct router_routes {
    const struct router_gateway *gateway;
    json_t *routes;
};

struct router_result {
    struct router_routes *routes; /* of the gateways that have some, by namespace and name */
    size_t route_count;
    struct router_verdict *verdicts; /* of all challenges, by namespace and name */
    size_t verdict_count;
};

/* The result borrows from the input: it is good until a set or a gateway changes. */
void router_make(const struct router_input *input, struct router_result *ret);
void router_done(struct router_result *result);

/* Borrowed; NULL: there are none, or the challenge is not known. */
const json_t *router_routes_of(const struct router_result *result, const char *ns,
                               const char *name);
const struct router_verdict *router_verdict_of(const struct router_result *result,
                                               const struct issuance_object *challenge);
/*
 * Names of the servers whose Certificates need the annotation for a temporary certificate, a new
 * array, NULL when none does: HTTP of one of their hosts is redirected by somebody else's Gateway
 * on the same pods, so that HTTPS must answer the first challenge.
 */
json_t *router_temporary(const struct router_gateway *gateway, const struct istio *istio);
