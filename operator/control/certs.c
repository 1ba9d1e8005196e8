/* SPDX-License-Identifier: Apache-2.0 */
#include "control/certs.h"

#include "base/log.h"
#include "base/metrics.h"
#include "control/apis.h"
#include "control/expiry.h"
#include "control/meshes.h"
#include "control/routed.h"
#include "control/trouble.h"
#include "data/object.h"
#include "templates/templates.h"

#include <stdlib.h>
#include <string.h>

/* What is known of a gateway's part in routing. */
struct known {
    UT_hash_handle hh;
    char uid[STORE_UID_LEN];
    char version[STORE_VERSION_LEN];
    struct router_gateway *gateway; /* NULL: its spec cannot be used */
    char key[];
};

struct certs {
    struct certs_options options;
    struct apis *apis;
    struct issuance issuance;
    struct istio istio;
    struct known *known;
    /* Of the last computation; NULL and empty while something changed since. */
    struct router_gateway *gateways;
    struct router_result result;
    bool fresh;
    json_t *routes; /* by key of the gateway: what its objects are to hold */
    struct loop_timer *timer;
};

/* The result borrows from the sets: it goes before they change. */
static void make_stale(struct certs *certs)
{
    router_done(&certs->result);
    free(TAKE(certs->gateways));
    certs->fresh = false;
    loop_timer_start(certs->timer, 0);
}

static void wake(struct certs *certs, const char *key)
{
    certs->options.sink->wake(certs->options.arg, key);
}

/* All with hosts of their own, in this namespace; NULL: in any. */
static void wake_served(struct certs *certs, const char *scope)
{
    struct store_gateway *gw, *next;
    HASH_ITER (hh, certs->options.store->gateways, gw, next)
        if (gw->served && store_in_scope(scope, gw->key))
            wake(certs, gw->key);
}

static void free_known(struct certs *certs, struct known *known)
{
    HASH_DEL(certs->known, known);
    routed_free(known->gateway);
    free(known);
}

static struct router_gateway *read_gateway(const struct certs *certs,
                                           const struct store_gateway *gw)
{
    struct err unknown;
    json_auto_t *object = store_object(gw);
    const struct config *config = meshes_config(certs->options.meshes, object, &unknown);
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct meshgateway parsed;
    if (!config) /* what the mesh says is nothing to the router */
        config = meshes_base(certs->options.meshes);
    if (templates_parse(object, config, &parsed, &problems) < 0)
        return NULL;
    struct router_gateway *gateway = routed_of(&parsed);
    meshgateway_done(&parsed);
    return gateway;
}

/* Of a gateway as it is now; NULL when its spec cannot be used. */
static const struct router_gateway *look_up(struct certs *certs, const struct store_gateway *gw)
{
    struct known *known;
    HASH_FIND_STR(certs->known, gw->key, known);
    if (known && strcmp(known->uid, gw->uid) == 0 && strcmp(known->version, gw->version) == 0)
        return known->gateway;
    if (known)
        free_known(certs, known);
    known = xcalloc(1, sizeof(*known) + strlen(gw->key) + 1);
    memcpy(known->key, gw->key, strlen(gw->key) + 1);
    memcpy(known->uid, gw->uid, sizeof(known->uid));
    memcpy(known->version, gw->version, sizeof(known->version));
    known->gateway = read_gateway(certs, gw);
    HASH_ADD_STR(certs->known, key, known);
    return known->gateway;
}

static bool is_challenged(const struct certs *certs)
{
    struct issuance_object *challenge, *next;
    HASH_ITER (hh, certs->issuance.objects[ISSUANCE_CHALLENGE], challenge, next)
        if (!issuance_is_over(challenge))
            return true;
    return false;
}

/* Those that are gone, and while there is no challenge also those without hosts of their own. */
static void forget_unused(struct certs *certs, bool challenged)
{
    struct known *known, *next;
    HASH_ITER (hh, certs->known, known, next) {
        const struct store_gateway *gw = store_find(certs->options.store, known->key);
        if (!gw || (!challenged && !gw->served))
            free_known(certs, known);
    }
}

/* Computes all routes anew, whenever something changed since they were. */
static void refresh(struct certs *certs)
{
    if (certs->fresh)
        return;
    bool challenged = is_challenged(certs);
    struct router_input input = {.issuance = &certs->issuance, .istio = &certs->istio};
    forget_unused(certs, challenged);
    if (challenged) {
        size_t count = HASH_COUNT(certs->options.store->gateways);
        certs->gateways = xcalloc(count + 1, sizeof(*certs->gateways));
        struct store_gateway *gw, *next;
        HASH_ITER (hh, certs->options.store->gateways, gw, next) {
            const struct router_gateway *gateway = look_up(certs, gw);
            if (gateway)
                certs->gateways[input.count++] = *gateway;
        }
    }
    input.gateways = certs->gateways;
    router_make(&input, &certs->result);
    certs->fresh = true;
}

/* Wakes the gateways whose routes are others than before. */
static void publish(struct certs *certs)
{
    json_t *routes = json_object();
    const char *key;
    json_t *value;
    for (size_t i = 0; i < certs->result.route_count; i++) {
        const struct router_routes *item = &certs->result.routes[i];
        AUTO_FREE char *name = store_key(item->gateway->ns, item->gateway->name);
        json_object_set(routes, name, item->routes);
    }
    json_t *before = certs->routes;
    certs->routes = routes;
    json_object_foreach (routes, key, value)
        if (!jx_equal(value, json_object_get(before, key)))
            wake(certs, key);
    json_object_foreach (before, key, value)
        if (!json_object_get(routes, key))
            wake(certs, key);
    json_decref(before);
}

static void on_timer(void *arg)
{
    struct certs *certs = arg;
    refresh(certs);
    for (size_t i = 0; i < certs->result.verdict_count; i++) {
        const struct router_verdict *verdict = &certs->result.verdicts[i];
        LOG_DEBUG("challenge",
                  LS("object", verdict->challenge->name),
                  LS("reason", verdict_name(verdict->reason)),
                  LS("err", verdict->message));
    }
    publish(certs);
}

/* What is remembered of a kind, if anything. */
static int issuance_kind_of(const struct object_kind *kind)
{
    static const struct {
        const struct object_kind *kind;
        enum issuance_kind issuance;
    } kinds[] = {
        {&object_issuer, ISSUANCE_ISSUER},
        {&object_cluster_issuer, ISSUANCE_ISSUER},
        {&object_certificate, ISSUANCE_CERTIFICATE},
        {&object_certificate_request, ISSUANCE_REQUEST},
        {&object_order, ISSUANCE_ORDER},
        {&object_challenge, ISSUANCE_CHALLENGE},
        {&object_service, ISSUANCE_SOLVER},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].kind == kind)
            return (int)kinds[i].issuance;
    return -1;
}

static bool is_child_kind(const struct object_kind *kind)
{
    return kind == &object_gateway || kind == &object_virtual_service || kind == &object_issuer ||
           kind == &object_certificate;
}

/* Somebody's Gateway on the pods of gateways with hosts of their own. */
static void wake_selected(struct certs *certs, const json_t *object)
{
    struct istio_gateway *other = istio_gateway_of(object);
    struct store_gateway *gw, *next;
    HASH_ITER (hh, certs->options.store->gateways, gw, next) {
        const struct router_gateway *gateway = gw->served ? look_up(certs, gw) : NULL;
        if (gateway && istio_selects(other, gateway->labels))
            wake(certs, gw->key);
    }
    istio_gateway_free(other);
}

/* A VirtualService of somebody's on gateways with hosts of their own. */
static void wake_bound(struct certs *certs, const json_t *object)
{
    size_t i;
    json_t *name;
    json_array_foreach (jx_array(object, "spec.gateways"), i, name) {
        const char *text = json_string_value(name);
        AUTO_FREE char *key = text && !strchr(text, '/') ? store_key(object_namespace(object), text)
                                                         : xstrdup(text ? text : "");
        const struct store_gateway *gw = store_find(certs->options.store, key);
        if (gw && gw->served)
            wake(certs, gw->key);
    }
}

/* By what a record is found. */
static char *record_key(enum issuance_kind kind, const json_t *object)
{
    return kind == ISSUANCE_ISSUER ? store_key(object_namespace(object), object_name(object))
                                   : xstrdup(object_uid(object));
}

/* The gateway at the head of the chain that the object is part of; of an issuer, all around. */
static void wake_for(struct certs *certs, enum issuance_kind kind, const json_t *object)
{
    if (kind == ISSUANCE_ISSUER) {
        wake_served(certs, object_namespace(object)[0] ? object_namespace(object) : NULL);
        return;
    }
    AUTO_FREE char *key = record_key(kind, object);
    const struct issuance_object *record = issuance_find(&certs->issuance, kind, key);
    const struct issuance_object *head = record ? issuance_head(&certs->issuance, record) : NULL;
    if (!head || !head->owner_name[0])
        return;
    AUTO_FREE char *gateway = store_key(head->ns, head->owner_name);
    if (store_find(certs->options.store, gateway))
        wake(certs, gateway);
}

/* The chain may be another one before and after. */
static void change_issuance(struct certs *certs, enum issuance_kind kind, const json_t *object,
                            bool (*change)(struct issuance *set, enum issuance_kind kind,
                                           const json_t *object))
{
    make_stale(certs);
    wake_for(certs, kind, object);
    if (change(&certs->issuance, kind, object))
        wake_for(certs, kind, object);
}

static void on_begin(void *arg, const struct object_kind *kind, const char *scope)
{
    struct certs *certs = arg;
    int issuance = issuance_kind_of(kind);
    if (issuance >= 0)
        issuance_begin(&certs->issuance, (enum issuance_kind)issuance, scope);
    else if (kind == &object_gateway)
        istio_begin_gateways(&certs->istio, scope);
    else
        istio_begin_services(&certs->istio, scope);
    if (is_child_kind(kind))
        certs->options.sink->begin(certs->options.arg, kind, scope);
}

static void on_object(void *arg, const struct object_kind *kind, json_t *object, bool filling)
{
    struct certs *certs = arg;
    int issuance = issuance_kind_of(kind);
    if (issuance >= 0) {
        change_issuance(certs, (enum issuance_kind)issuance, object, issuance_put);
    } else {
        bool gateway = kind == &object_gateway;
        make_stale(certs);
        if ((gateway ? istio_put_gateway : istio_put_service)(&certs->istio, object))
            (gateway ? wake_selected : wake_bound)(certs, object);
    }
    if (is_child_kind(kind))
        certs->options.sink->object(certs->options.arg, kind, object, filling);
}

static void on_deleted(void *arg, const struct object_kind *kind, json_t *object)
{
    struct certs *certs = arg;
    int issuance = issuance_kind_of(kind);
    if (issuance >= 0) {
        change_issuance(certs, (enum issuance_kind)issuance, object, issuance_remove);
    } else {
        bool gateway = kind == &object_gateway;
        make_stale(certs);
        if ((gateway ? istio_remove_gateway : istio_remove_service)(&certs->istio, object))
            (gateway ? wake_selected : wake_bound)(certs, object);
    }
    if (is_child_kind(kind))
        certs->options.sink->deleted(certs->options.arg, kind, object);
}

static void on_synced(void *arg, const struct object_kind *kind, const char *scope)
{
    struct certs *certs = arg;
    int issuance = issuance_kind_of(kind);
    make_stale(certs);
    bool changed = issuance >= 0
                       ? issuance_synced(&certs->issuance, (enum issuance_kind)issuance, scope)
                   : kind == &object_gateway ? istio_synced_gateways(&certs->istio, scope)
                                             : istio_synced_services(&certs->istio, scope);
    if (changed)
        wake_served(certs, scope && scope[0] ? scope : NULL);
    if (is_child_kind(kind))
        certs->options.sink->synced(certs->options.arg, kind, scope);
}

/* Routes are there when whoever waits for that goes on. */
static void on_changed(void *arg)
{
    struct certs *certs = arg;
    struct err unknown;
    if (apis_are_settled(certs->apis, &unknown))
        on_timer(certs);
    wake_served(certs, NULL);
    certs->options.sink->settled(certs->options.arg);
}

static const struct apis_sink apis_sink = {
    .begin = on_begin,
    .object = on_object,
    .deleted = on_deleted,
    .synced = on_synced,
    .changed = on_changed,
};

static void write_metrics(void *arg, struct strbuf *out)
{
    const struct certs *certs = arg;
    expiry_write(&certs->issuance, certs->options.store, out);
}

struct certs *certs_new(const struct certs_options *options)
{
    struct certs *certs = xcalloc(1, sizeof(*certs));
    certs->options = *options;
    certs->routes = json_object();
    certs->timer = loop_timer_new(options->loop, on_timer, certs);
    const struct apis_options apis = {.loop = options->loop,
                                      .kube = options->kube,
                                      .namespaces = options->namespaces,
                                      .sink = &apis_sink,
                                      .arg = certs};
    certs->apis = apis_new(&apis);
    metrics_on_write(write_metrics, certs);
    return certs;
}

void certs_free(struct certs *certs)
{
    if (!certs)
        return;
    metrics_off_write(write_metrics, certs);
    apis_free(certs->apis);
    router_done(&certs->result);
    free(certs->gateways);
    loop_timer_free(certs->timer);
    struct known *known, *next;
    HASH_ITER (hh, certs->known, known, next)
        free_known(certs, known);
    issuance_done(&certs->issuance);
    istio_done(&certs->istio);
    json_decref(certs->routes);
    free(certs);
}

bool certs_are_settled(const struct certs *certs, struct err *err)
{
    return apis_are_settled(certs->apis, err);
}

/* Names of the Certificates that were issued once. */
static json_t *issued_of(const struct certs *certs, const struct meshgateway *gw)
{
    json_t *issued = json_object();
    const json_t *old = jx_array(gw->object, "status.certificates");
    for (size_t i = 0; i < gw->server_count; i++) {
        const struct server *server = &gw->servers[i];
        if (!server->certificate)
            continue;
        const struct issuance_wish wish = {.server = server->name,
                                           .name = server->certificate_name,
                                           .secret_name = server->credential};
        if (certstatus_was_issued(
                issuance_certificate(&certs->issuance, gw->ns, gw->uid, wish.name), &wish, old))
            json_object_set_new(issued, wish.name, json_true());
    }
    return issued;
}

static json_t *temporary_of(const struct certs *certs, const struct meshgateway *gw)
{
    if (gw->server_count == 0)
        return NULL;
    struct router_gateway *gateway = routed_of(gw);
    json_t *temporary = router_temporary(gateway, &certs->istio);
    routed_free(gateway);
    return temporary;
}

void certs_live(struct certs *certs, const struct meshgateway *gw, struct templates_live *ret)
{
    *ret = (struct templates_live){.issued = NULL};
    if (!certs)
        return;
    AUTO_FREE char *key = store_key(gw->ns, gw->name);
    ret->have_istio = apis_have_istio(certs->apis);
    ret->have_cert_manager = apis_have_cert_manager(certs->apis);
    ret->issued = issued_of(certs, gw);
    ret->routes = json_incref(json_object_get(certs->routes, key));
    ret->temporary = temporary_of(certs, gw);
}

void certs_live_done(struct templates_live *live)
{
    json_decref((json_t *)(uintptr_t)live->issued);
    json_decref((json_t *)(uintptr_t)live->routes);
    json_decref((json_t *)(uintptr_t)live->temporary);
}

bool certs_issuer_is_ready(const struct certs *certs, const struct meshgateway *gw)
{
    AUTO_FREE char *key = xasprintf("%s/%s-acme", gw->ns, gw->name);
    const struct issuance_object *issuer =
        certs ? issuance_find(&certs->issuance, ISSUANCE_ISSUER, key) : NULL;
    return issuer && issuer->issuer.ready.status == ISSUANCE_TRUE;
}

void certs_tell(struct certs *certs, const struct meshgateway *gw, int64_t now_us,
                struct certs_told *ret)
{
    *ret = (struct certs_told){.bypass = NULL};
    if (!certs || gw->server_count == 0)
        return;
    refresh(certs);
    struct router_gateway *gateway = routed_of(gw);
    const struct certstatus_input input = {
        .gateway = gateway,
        .issuance = &certs->issuance,
        .router = &certs->result,
        .old = jx_array(gw->object, "status.certificates"),
        .cert_manager = apis_have_cert_manager(certs->apis),
        .istio = apis_have_istio(certs->apis),
        .now = now_us,
    };
    certstatus_make(&input, &ret->certificates);
    ret->istio_missing = !input.istio;
    ret->bypass = trouble_bypass(gateway, &certs->istio);
    ret->conflict = trouble_conflict(gateway, &certs->istio);
    routed_free(gateway);
}

void certs_told_done(struct certs_told *told)
{
    certstatus_done(&told->certificates);
    free(told->bypass);
    free(told->conflict);
    *told = (struct certs_told){.bypass = NULL};
}
