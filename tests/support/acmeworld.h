/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster of a test: MeshGateways, and the objects of cert-manager v1.21 and Istio around them in
 * the shape in which these write them. uids are the objects' names. What a test wants otherwise it
 * says as JSON that is merged over the object.
 */
#pragma once

#include "control/router.h"
#include "support/json.h"

#include <stdarg.h>
#include <stdlib.h>

#define WORLD_MAX   8
#define WORLD_TOKEN "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define WORLD_THUMB "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

struct world {
    struct issuance issuance;
    struct istio istio;
    struct router_gateway gateways[WORLD_MAX];
    size_t count;
    json_t *kept; /* what gateways borrow from */
};

#define AUTO_WORLD AUTO(world_done)

static inline struct world world_new(void)
{
    return (struct world){.kept = json_array()};
}

static inline void world_done(struct world *w)
{
    for (size_t i = 0; i < w->count; i++)
        istio_gateway_free((struct istio_gateway *)(uintptr_t)w->gateways[i].own);
    issuance_done(&w->issuance);
    istio_done(&w->istio);
    json_decref(w->kept);
}

/* The object with `over` (JSON, or NULL) merged over it. */
static inline json_t *world_object(const char *over, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline json_t *world_object(const char *over, const char *fmt, ...)
{
    char *text;
    va_list args;
    va_start(args, fmt);
    ck_assert_int_ge(vasprintf(&text, fmt, args), 0);
    va_end(args);
    json_auto_t *object = json_from(text);
    free(text);
    json_auto_t *more = json_from(over ? over : "{}");
    return jx_merge(object, more);
}

static inline bool world_put(struct world *w, enum issuance_kind kind, json_t *object)
{
    bool changed = issuance_put(&w->issuance, kind, object);
    json_decref(object);
    return changed;
}

#define WORLD_META "'metadata':{'name':'%s','namespace':'%s','uid':'%s',"
#define WORLD_OWNER                                                                                \
    "'ownerReferences':[{'apiVersion':'%s','kind':'%s','name':'%s','uid':'%s','controller':true,"  \
    "'blockOwnerDeletion':true}]"

static inline json_t *world_challenge_object(const char *ns, const char *name, const char *order,
                                             const char *dns_name, const char *over)
{
    return world_object(
        over,
        "{'apiVersion':'acme.cert-manager.io/v1','kind':'Challenge'," WORLD_META
        "'finalizers':['acme.cert-manager.io/finalizer']," WORLD_OWNER "},"
        "'spec':{'authorizationURL':'https://acme/authZ/1','dnsName':'%s',"
        "'issuerRef':{'group':'cert-manager.io','kind':'Issuer','name':'gw-acme'},"
        "'key':'" WORLD_TOKEN "." WORLD_THUMB "','solver':{'http01':{'ingress':{"
        "'class':'meshgateway-acme','serviceType':'ClusterIP'}}},'token':'token-%s',"
        "'type':'HTTP-01','url':'https://acme/chalZ/1','wildcard':false},"
        "'status':{'presented':true,'processing':true,'state':'pending'}}",
        name,
        ns,
        name,
        "acme.cert-manager.io/v1",
        "Order",
        order,
        order,
        dns_name,
        name);
}

static inline void world_challenge(struct world *w, const char *ns, const char *name,
                                   const char *order, const char *dns_name, const char *over)
{
    world_put(w, ISSUANCE_CHALLENGE, world_challenge_object(ns, name, order, dns_name, over));
}

/* The Service of a challenge's solver, named cm-acme-http-solver-<suffix>. */
static inline json_t *world_solver_object(const char *ns, const char *challenge, const char *suffix)
{
    return world_object(
        NULL,
        "{'apiVersion':'v1','kind':'Service','metadata':{'name':'cm-acme-http-solver-%s',"
        "'generateName':'cm-acme-http-solver-','namespace':'%s','uid':'solver-%s',"
        "'labels':{'acme.cert-manager.io/http01-solver':'true'}," WORLD_OWNER "},"
        "'spec':{'type':'ClusterIP','ports':[{'name':'http','port':8089,'protocol':'TCP',"
        "'targetPort':8089}]}}",
        suffix,
        ns,
        suffix,
        "acme.cert-manager.io/v1",
        "Challenge",
        challenge,
        challenge);
}

static inline void world_solver(struct world *w, const char *ns, const char *challenge,
                                const char *suffix)
{
    world_put(w, ISSUANCE_SOLVER, world_solver_object(ns, challenge, suffix));
}

static inline void world_certificate(struct world *w, const char *gateway, const char *name,
                                     const char *over)
{
    world_put(w,
              ISSUANCE_CERTIFICATE,
              world_object(over,
                           "{'apiVersion':'cert-manager.io/v1','kind':'Certificate'," WORLD_META
                           "'generation':1,'creationTimestamp':'2026-11-23T04:00:00Z'," WORLD_OWNER
                           "},'spec':{'secretName':'%s-tls','issuerRef':{'name':'gw-acme'}}}",
                           name,
                           "default",
                           name,
                           "istio.banzaicloud.io/v1beta1",
                           "MeshGateway",
                           gateway,
                           gateway,
                           name));
}

static inline void world_request(struct world *w, const char *certificate, const char *name,
                                 int revision, const char *over)
{
    world_put(w,
              ISSUANCE_REQUEST,
              world_object(
                  over,
                  "{'apiVersion':'cert-manager.io/v1','kind':'CertificateRequest'," WORLD_META
                  "'annotations':{'cert-manager.io/certificate-name':'%s',"
                  "'cert-manager.io/certificate-revision':'%d'}," WORLD_OWNER "},"
                  "'spec':{'request':'LS0t'},'status':{'conditions':[{'type':'Ready',"
                  "'status':'False','reason':'Pending',"
                  "'message':'Waiting on certificate issuance from order default/o: pending'}]}}",
                  name,
                  "default",
                  name,
                  certificate,
                  revision,
                  "cert-manager.io/v1",
                  "Certificate",
                  certificate,
                  certificate));
}

static inline void world_order(struct world *w, const char *request, const char *name,
                               const char *over)
{
    world_put(w,
              ISSUANCE_ORDER,
              world_object(over,
                           "{'apiVersion':'acme.cert-manager.io/v1','kind':'Order'," WORLD_META
                           "" WORLD_OWNER "},'spec':{'request':'LS0t','dnsNames':[]},"
                           "'status':{'state':'pending','url':'https://acme/my-order/1'}}",
                           name,
                           "default",
                           name,
                           "cert-manager.io/v1",
                           "CertificateRequest",
                           request,
                           request));
}

static inline void world_issuer(struct world *w, const char *over)
{
    world_put(
        w,
        ISSUANCE_ISSUER,
        world_object(over,
                     "{'apiVersion':'cert-manager.io/v1','kind':'Issuer'," WORLD_META
                     "'generation':1},'spec':{'acme':{'server':'https://acme/dir','solvers':["
                     "{'http01':{'ingress':{'class':'meshgateway-acme',"
                     "'serviceType':'ClusterIP'}}}]}},'status':{'conditions':[{'type':'Ready',"
                     "'status':'True','reason':'ACMEAccountRegistered',"
                     "'message':'The ACME account was registered with the ACME server'}]}}",
                     "gw-acme",
                     "default",
                     "gw-acme"));
}

/* A MeshGateway with the servers of its own Istio Gateway (JSON, NULL: none); its pods' labels. */
static inline struct router_gateway *world_gateway(struct world *w, const char *ns,
                                                   const char *name, const char *servers)
{
    ck_assert_uint_lt(w->count, WORLD_MAX);
    json_t *labels = world_object(
        NULL, "{'app':'%s','gateway-name':'%s','gateway-namespace':'%s'}", name, name, ns);
    json_array_append_new(w->kept, labels);
    json_auto_t *own = world_object(NULL,
                                    "{'kind':'Gateway','metadata':{'name':'%s','namespace':'%s'},"
                                    "'spec':{'selector':{'gateway-name':'%s',"
                                    "'gateway-namespace':'%s'},'servers':%s}}",
                                    name,
                                    ns,
                                    name,
                                    ns,
                                    servers ? servers : "[]");
    w->gateways[w->count] = (struct router_gateway){.ns = ns,
                                                    .name = name,
                                                    .uid = name,
                                                    .labels = labels,
                                                    .own = servers ? istio_gateway_of(own) : NULL,
                                                    .redirect_service = "gw-redirect",
                                                    .challenge_service = "gw-acme",
                                                    .port80 = true,
                                                    .port443 = true};
    return &w->gateways[w->count++];
}

/* Somebody else's Istio Gateway. */
static inline void world_istio_gateway(struct world *w, const char *ns, const char *name,
                                       const char *selector, const char *servers)
{
    json_auto_t *object = world_object(
        NULL,
        "{'apiVersion':'networking.istio.io/v1','kind':'Gateway','metadata':{'name':'%s',"
        "'namespace':'%s','uid':'%s','creationTimestamp':'2026-11-01T00:00:00Z'},"
        "'spec':{'selector':%s,'servers':%s}}",
        name,
        ns,
        name,
        selector,
        servers);
    istio_put_gateway(&w->istio, object);
}

/* A user's VirtualService for gateway default/gw. */
static inline void world_virtual_service(struct world *w, const char *name, const char *created,
                                         const char *spec)
{
    json_auto_t *object = world_object(
        NULL,
        "{'apiVersion':'networking.istio.io/v1','kind':'VirtualService','metadata':{'name':'%s',"
        "'namespace':'default','uid':'%s','creationTimestamp':'%s'},'spec':%s}",
        name,
        name,
        created,
        spec);
    istio_put_service(&w->istio, object);
}

static inline struct router_input world_input(const struct world *w)
{
    return (struct router_input){
        .issuance = &w->issuance, .istio = &w->istio, .gateways = w->gateways, .count = w->count};
}
