/* SPDX-License-Identifier: Apache-2.0 */
/*
 * {"gateways": [MeshGateway, …], "objects": [object, …]}: what cert-manager and others have in a
 * cluster. Routes and what is told of certificates are the same each time, and nothing is
 * remembered of what is gone.
 */
#include "fuzz.h"

#include "control/certstatus.h"
#include "control/routed.h"
#include "data/object.h"
#include "templates/templates.h"

#include <string.h>

#define GATEWAYS 4

struct world {
    struct issuance issuance;
    struct istio istio;
    struct router_gateway *gateways[GATEWAYS];
    size_t count;
};

static const struct {
    const char *kind;
    enum issuance_kind is;
} issuing[] = {
    {"Issuer", ISSUANCE_ISSUER},
    {"ClusterIssuer", ISSUANCE_ISSUER},
    {"Certificate", ISSUANCE_CERTIFICATE},
    {"CertificateRequest", ISSUANCE_REQUEST},
    {"Order", ISSUANCE_ORDER},
    {"Challenge", ISSUANCE_CHALLENGE},
    {"Service", ISSUANCE_SOLVER},
};

static void put(struct world *w, const json_t *object)
{
    const char *kind = jx_str(object, "kind", "");
    for (size_t i = 0; i < ARRAY_LEN(issuing); i++) {
        if (strcmp(kind, issuing[i].kind) != 0)
            continue;
        issuance_put(&w->issuance, issuing[i].is, object);
        require(!issuance_put(&w->issuance, issuing[i].is, object));
    }
    if (strcmp(kind, "Gateway") == 0) {
        istio_put_gateway(&w->istio, object);
        require(!istio_put_gateway(&w->istio, object));
    } else if (strcmp(kind, "VirtualService") == 0) {
        istio_put_service(&w->istio, object);
        require(!istio_put_service(&w->istio, object));
    }
}

static void add_gateway(struct world *w, json_t *object)
{
    struct config config;
    config_init(&config);
    struct meshgateway gw;
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    if (w->count < GATEWAYS && templates_parse(object, &config, &gw, &problems) == 0) {
        w->gateways[w->count++] = routed_of(&gw);
        meshgateway_done(&gw);
    }
    config_done(&config);
}

static void tell(const struct world *w, const struct router_gateway *gateway,
                 const struct router_result *routed)
{
    const struct certstatus_input in = {.gateway = gateway,
                                        .issuance = &w->issuance,
                                        .router = routed,
                                        .cert_manager = true,
                                        .istio = true,
                                        .now = INT64_C(1800000000000000)};
    struct certstatus told;
    certstatus_make(&in, &told);
    require(json_array_size(told.certificates) == gateway->wish_count);
    require(!told.reason == (gateway->wish_count == 0));
    certstatus_done(&told);
    json_decref(router_temporary(gateway, &w->istio));
}

static void route(const struct world *w)
{
    struct router_gateway gateways[GATEWAYS];
    for (size_t i = 0; i < w->count; i++)
        gateways[i] = *w->gateways[i];
    const struct router_input in = {
        .issuance = &w->issuance, .istio = &w->istio, .gateways = gateways, .count = w->count};
    struct router_result once, again;
    router_make(&in, &once);
    router_make(&in, &again);
    require(once.route_count == again.route_count && once.verdict_count == again.verdict_count);
    for (size_t i = 0; i < once.route_count; i++)
        require(json_equal(once.routes[i].routes, again.routes[i].routes));
    for (size_t i = 0; i < once.verdict_count; i++)
        require(once.verdicts[i].reason == again.verdicts[i].reason);
    for (size_t i = 0; i < w->count; i++)
        tell(w, &gateways[i], &once);
    router_done(&once);
    router_done(&again);
}

/* Watches of these scopes see nothing any more. */
static void forget(struct world *w, const char *scope)
{
    for (int kind = 0; kind < ISSUANCE_KINDS; kind++) {
        issuance_begin(&w->issuance, (enum issuance_kind)kind, scope);
        issuance_synced(&w->issuance, (enum issuance_kind)kind, scope);
    }
    istio_begin_gateways(&w->istio, scope);
    istio_begin_services(&w->istio, scope);
    istio_synced_gateways(&w->istio, scope);
    istio_synced_services(&w->istio, scope);
}

static void check_empty(const struct world *w)
{
    for (int kind = 0; kind < ISSUANCE_KINDS; kind++)
        require(!w->issuance.objects[kind]);
    require(!w->issuance.children.entries);
    require(!w->istio.gateways && !w->istio.services);
    require(!w->istio.servers.entries && !w->istio.bound.entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *input = jx_parse((const char *)data, size, NULL);
    struct world w = {.count = 0};
    size_t i;
    json_t *object;
    json_array_foreach (jx_array(input, "gateways"), i, object)
        add_gateway(&w, object);
    json_array_foreach (jx_array(input, "objects"), i, object)
        put(&w, object);
    route(&w);
    forget(&w, NULL);
    forget(&w, "");
    check_empty(&w);
    for (i = 0; i < w.count; i++)
        routed_free(w.gateways[i]);
    issuance_done(&w.issuance);
    istio_done(&w.istio);
    return 0;
}
