/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/world.h"

#include "control/certstatus.h"
#include "control/routed.h"
#include "control/router.h"
#include "templates/templates.h"

#include <stdlib.h>
#include <string.h>

/* Not all of them are remembered: of Issuers only which there are. */
#define NOT_REMEMBERED ISSUANCE_KINDS

static const struct row {
    const struct object_kind *kind;
    enum issuance_kind issuance;
} rows[] = {
    /* Those of other namespaces count, too; see read_others(). */
    {&object_gateway, NOT_REMEMBERED},
    {&object_virtual_service, NOT_REMEMBERED},
    {&object_issuer, NOT_REMEMBERED},
    {&object_certificate, ISSUANCE_CERTIFICATE},
    {&object_certificate_request, ISSUANCE_REQUEST},
    {&object_order, ISSUANCE_ORDER},
    {&object_challenge, ISSUANCE_CHALLENGE},
    {&object_service, ISSUANCE_SOLVER},
};

static bool is_istio(const struct object_kind *kind)
{
    return strcmp(kind->group, object_gateway.group) == 0;
}

/* Only the Services that a Challenge controls are solvers. */
static bool is_remembered(const struct row *row, const json_t *object)
{
    const char *owner = jx_str(object_controller(object), "kind", "");
    return row->issuance != ISSUANCE_SOLVER || strcmp(owner, object_challenge.kind) == 0;
}

static void remember(struct world *world, const struct row *row, json_t *list)
{
    size_t i;
    json_t *object;
    json_array_foreach (jx_array(list, "items"), i, object) {
        if (row->kind == &object_gateway)
            (void)istio_put_gateway(&world->istio, object);
        else if (row->kind == &object_virtual_service)
            (void)istio_put_service(&world->istio, object);
        else if (row->issuance != NOT_REMEMBERED && is_remembered(row, object))
            (void)issuance_put(&world->issuance, row->issuance, object);
    }
}

static void read_answer(struct world *world, const struct row *row,
                        const struct cluster_answer *answer)
{
    if (answer->err.kind == ERR_NOT_FOUND) {
        *(is_istio(row->kind) ? &world->have_istio : &world->have_cert_manager) = false;
    } else if (answer->err.kind != ERR_NONE && world->err.kind == ERR_NONE) {
        world->err = answer->err;
        (void)err_wrap(&world->err, "%s", row->kind->resource);
    }
    remember(world, row, answer->object);
    if (templates_is_optional(row->kind))
        json_object_set(world->items, row->kind->kind, jx_array(answer->object, "items"));
}

static bool is_challenged(const struct world *world)
{
    struct issuance_object *challenge, *next;
    HASH_ITER (hh, world->issuance.objects[ISSUANCE_CHALLENGE], challenge, next)
        if (!issuance_is_over(challenge))
            return true;
    return false;
}

/* Whoever may not read them gets what the objects of the gateway's own namespace come to. */
static void read_others(struct cluster *cluster, struct world *world)
{
    struct kube_request requests[2];
    struct cluster_answer answers[ARRAY_LEN(requests)];
    size_t count = is_challenged(world) ? 2 : 1;
    for (size_t i = 0; i < count; i++)
        requests[i] = (struct kube_request){.verb = KUBE_GET, .kind = rows[i].kind};
    cluster_ask(cluster, requests, count, answers);
    for (size_t i = 0; i < count; i++) {
        remember(world, &rows[i], answers[i].object);
        json_decref(answers[i].object);
    }
}

void world_read(struct cluster *cluster, const char *ns, bool others, struct world *ret)
{
    struct kube_request requests[ARRAY_LEN(rows)];
    struct cluster_answer answers[ARRAY_LEN(rows)];
    *ret = (struct world){.items = json_object(), .have_istio = true, .have_cert_manager = true};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        requests[i] = (struct kube_request){.verb = KUBE_GET, .kind = rows[i].kind, .ns = ns};
    cluster_ask(cluster, requests, ARRAY_LEN(rows), answers);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        read_answer(ret, &rows[i], &answers[i]);
        json_decref(answers[i].object);
    }
    if (ret->have_istio && (others || is_challenged(ret)))
        read_others(cluster, ret);
}

void world_done(struct world *world)
{
    issuance_done(&world->issuance);
    istio_done(&world->istio);
    json_decref(world->items);
    *world = (struct world){.items = NULL};
}

bool world_serves(const struct world *world, const struct object_kind *kind)
{
    if (!templates_is_optional(kind))
        return true;
    return is_istio(kind) ? world->have_istio : world->have_cert_manager;
}

/* A gateway that is not in the cluster, and has no uid, has no Certificates there. */
static json_t *issued_of(const struct world *world, const struct router_gateway *gateway,
                         const json_t *told)
{
    json_t *issued = json_object();
    for (size_t i = 0; gateway->uid[0] && i < gateway->wish_count; i++) {
        const struct issuance_wish *wish = &gateway->wishes[i];
        const struct issuance_object *certificate =
            issuance_certificate(&world->issuance, gateway->ns, gateway->uid, wish->name);
        if (certstatus_was_issued(certificate, wish, told))
            json_object_set_new(issued, wish->name, json_true());
    }
    return issued;
}

void world_live(const struct world *world, const struct meshgateway *gw, const json_t *told,
                struct templates_live *ret)
{
    struct router_gateway *gateway = routed_of(gw);
    const struct router_input input = {
        .issuance = &world->issuance, .istio = &world->istio, .gateways = gateway, .count = 1};
    struct router_result result;
    router_make(&input, &result);
    *ret = (struct templates_live){
        .issued = issued_of(world, gateway, told),
        .temporary = gw->server_count > 0 ? router_temporary(gateway, &world->istio) : NULL,
        .have_istio = world->have_istio,
        .have_cert_manager = world->have_cert_manager};
    ret->routes = json_deep_copy(router_routes_of(&result, gw->ns, gw->name));
    router_done(&result);
    routed_free(gateway);
}

json_t *world_children(const struct world *world, const struct object_kind *kind, const char *uid)
{
    json_t *names = json_array();
    size_t i;
    const json_t *object;
    json_array_foreach (json_object_get(world->items, kind->kind), i, object) {
        const char *owner = jx_str(object_controller(object), "uid", "");
        if (uid[0] && strcmp(owner, uid) == 0)
            json_array_append_new(names, STR(object_name(object)));
    }
    return names;
}
