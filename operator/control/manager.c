/* SPDX-License-Identifier: Apache-2.0 */
#include "control/manager.h"

#include "base/log.h"
#include "control/certs.h"
#include "control/children.h"
#include "control/facts.h"
#include "control/gauges.h"
#include "control/injectors.h"
#include "control/members.h"
#include "control/meshes.h"
#include "control/namespaces.h"
#include "control/watchlog.h"
#include "kube/watch.h"
#include "templates/common.h"
#include "templates/templates.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define CHILD_SELECTOR COMMON_MANAGED_BY "=" COMMON_MANAGED_BY_VALUE
#define EVENTS_SOURCE  "meshgateway.banzaicloud.io/" FACTS_MANAGER
/* Every request has a deadline of about a minute; passes that end in none of these are stuck. */
#define STALL_MS (10 * 60 * 1000)
/* So many control planes are rarely all in use: it is worth looking which are. */
#define MESHES_MANY 10

/* One watch: a kind, in one namespace or in all. */
struct source {
    struct source *next;
    struct manager *m;
    const struct object_kind *kind;
    const char *ns; /* NULL: all */
    struct watch *watch;
    bool filling; /* between begin() and synced() for the first time or again */
    bool synced;  /* has been complete once */
    struct err trouble;
};

struct manager {
    struct manager_options options;
    struct store store;
    struct members members;
    const char **namespaces; /* each once; NULL-terminated */
    struct around around;
    struct children children;
    struct reconcile *reconcile;
    struct events *events;
    struct source *sources;
    bool children_watched;
    bool started;
    bool leads;
    loop_cb *drained;
    void *drained_arg;
};

static void enqueue(struct source *source, const struct store_gateway *gw)
{
    enum queue_priority priority = source->filling ? QUEUE_BACKGROUND : QUEUE_NORMAL;
    queue_add(reconcile_queue(source->m->reconcile), gw->key, priority);
}

static void begin(struct manager *m)
{
    rolls_start(m->around.rolls);
    LOG_INFO("reconciling", LI("gateways", HASH_COUNT(m->store.gateways)));
    reconcile_start(m->reconcile);
}

static void start_when_synced(struct manager *m)
{
    const struct source *source;
    LL_FOREACH (m->sources, source)
        if (!source->synced)
            return;
    struct err unknown;
    if (m->started || !m->children_watched || !certs_are_settled(m->around.certs, &unknown))
        return;
    m->started = true;
    children_start(&m->children);
    malloc_trim(0); /* the first sight of everything left its peak behind */
    if (m->leads) {
        begin(m);
        return;
    }
    LOG_INFO("standing by", LI("gateways", HASH_COUNT(m->store.gateways)));
    reconcile_stand_by(m->reconcile);
}

static void mark_synced(struct source *source)
{
    source->filling = false;
    if (!source->synced)
        watchlog_complete(source->kind, source->ns);
    source->synced = true;
}

static void state_changed(void *arg, const struct err *err)
{
    struct source *source = arg;
    if (err) {
        source->trouble = *err;
        watchlog_interrupted(source->kind, source->ns, err);
        return;
    }
    source->trouble = (struct err){0};
    LOG_DEBUG("watch connected", LS("kind", source->kind->kind));
    queue_wake(reconcile_queue(source->m->reconcile));
}

/* MeshGateways */

static void gateways_begin(void *arg)
{
    struct source *source = arg;
    source->filling = true;
    struct store_gateway *gw, *next;
    HASH_ITER (hh, source->m->store.gateways, gw, next)
        if (store_in_scope(source->ns, gw->key))
            gw->seen = false;
}

/* Whether a pass would do the same: all but the bookkeeping of the API server is equal. */
static bool is_same_gateway(const struct store_gateway *known, const json_t *object)
{
    json_auto_t *before = store_object(known);
    return store_same_intent(before, object) &&
           jx_equal(jx_get(before, "status"), jx_get(object, "status"));
}

/* Children of a gateway that is not known yet were passed over; somebody has written its status. */
static bool may_have_children(const struct manager *m, const json_t *object)
{
    return m->options.selector && m->children_watched && !jx_empty(jx_get(object, "status"));
}

static void gateway_changed(void *arg, json_t *object)
{
    struct source *source = arg;
    struct store *store = &source->m->store;
    AUTO_FREE char *key = store_key(object_namespace(object), object_name(object));
    struct store_gateway *gw = store_find(store, key);
    if (gw && strcmp(gw->uid, object_uid(object)) == 0) {
        gw->seen = true;
        if (object_compare_versions(object_resource_version(object), gw->version) <= 0)
            return;
    } else {
        reconcile_namespace_lives(source->m->reconcile, key);
    }
    bool known = gw != NULL;
    bool same = known && is_same_gateway(gw, object);
    gw = store_put(store, object);
    gw->seen = true;
    gw->arrived = gw->arrived || (!known && may_have_children(source->m, object));
    if (!same)
        enqueue(source, gw);
}

static bool is_mesh_used(void *arg, const char *ns, const char *revision)
{
    const struct manager *m = arg;
    return members_any(&m->members, ns, revision);
}

static void gateway_deleted(void *arg, json_t *object)
{
    struct source *source = arg;
    AUTO_FREE char *key = store_key(object_namespace(object), object_name(object));
    struct store_gateway *gw = store_find(&source->m->store, key);
    /* The children go by garbage collection. */
    if (gw && strcmp(gw->uid, object_uid(object)) == 0) {
        LOG_INFO(source->m->options.selector ? "gateway deleted or not selected any more"
                                             : "gateway deleted",
                 LS("object", key));
        store_remove(&source->m->store, gw);
        rolls_look(source->m->around.rolls, key);
        if (meshes_count(source->m->around.meshes) > MESHES_MANY)
            meshes_keep(source->m->around.meshes, is_mesh_used, source->m);
    }
}

static void ask_for_meshes(struct manager *m);
static void watch_children(struct manager *m);

static void gateways_synced(void *arg)
{
    struct source *source = arg;
    struct manager *m = source->m;
    struct store_gateway *gw, *next;
    HASH_ITER (hh, m->store.gateways, gw, next)
        if (store_in_scope(source->ns, gw->key) && !gw->seen)
            store_remove(&m->store, gw);
    mark_synced(source);
    ask_for_meshes(m);
    watch_children(m);
    start_when_synced(m);
}

static const struct watch_sink gateway_sink = {
    .begin = gateways_begin,
    .object = gateway_changed,
    .deleted = gateway_deleted,
    .synced = gateways_synced,
    .state = state_changed,
};

/* Children */

static void on_children_begin(void *arg)
{
    struct source *source = arg;
    source->filling = true;
    children_begin(&source->m->children, source->kind, source->ns);
}

static void on_child(void *arg, json_t *object)
{
    struct source *source = arg;
    enum queue_priority priority = source->filling ? QUEUE_BACKGROUND : QUEUE_NORMAL;
    children_changed(&source->m->children, source->kind, object, priority);
}

static void on_child_deleted(void *arg, json_t *object)
{
    struct source *source = arg;
    children_deleted(&source->m->children, source->kind, object);
}

static void on_children_synced(void *arg)
{
    struct source *source = arg;
    children_synced(&source->m->children, source->kind, source->ns);
    mark_synced(source);
    start_when_synced(source->m);
}

static const struct watch_sink child_sink = {
    .begin = on_children_begin,
    .object = on_child,
    .deleted = on_child_deleted,
    .synced = on_children_synced,
    .state = state_changed,
};

static void add_source(struct manager *m, const struct object_kind *kind, const char *ns)
{
    struct source *source = xcalloc(1, sizeof(*source));
    *source = (struct source){.m = m, .kind = kind, .ns = ns};
    bool gateways = kind == &object_mesh_gateway;
    LL_APPEND(m->sources, source);
    struct kube_scope scope = {.ns = ns, .labels = gateways ? m->options.selector : CHILD_SELECTOR};
    source->watch =
        watch_new(m->options.kube, kind, &scope, gateways ? &gateway_sink : &child_sink, source);
}

static void add_sources(struct manager *m, const struct object_kind *kind)
{
    if (!m->namespaces[0])
        add_source(m, kind, NULL);
    for (size_t i = 0; m->namespaces[i]; i++)
        add_source(m, kind, m->namespaces[i]);
}

/* Kinds that may not be installed */

static void on_optional_begin(void *arg, const struct object_kind *kind, const char *scope)
{
    struct manager *m = arg;
    children_begin(&m->children, kind, scope);
}

static void on_optional(void *arg, const struct object_kind *kind, json_t *object, bool filling)
{
    struct manager *m = arg;
    children_changed(&m->children, kind, object, filling ? QUEUE_BACKGROUND : QUEUE_NORMAL);
}

static void on_optional_deleted(void *arg, const struct object_kind *kind, json_t *object)
{
    struct manager *m = arg;
    children_deleted(&m->children, kind, object);
}

static void on_optional_synced(void *arg, const struct object_kind *kind, const char *scope)
{
    struct manager *m = arg;
    children_synced(&m->children, kind, scope);
}

/* Before the start all gateways wait in the queue anyway, behind what users change. */
static void wake(void *arg, const char *key)
{
    struct manager *m = arg;
    if (!m->started)
        return;
    queue_add(reconcile_queue(m->reconcile), key, QUEUE_NORMAL);
}

static void certs_settled(void *arg)
{
    start_when_synced(arg);
}

static const struct certs_sink certs_sink = {
    .begin = on_optional_begin,
    .object = on_optional,
    .deleted = on_optional_deleted,
    .synced = on_optional_synced,
    .wake = wake,
    .settled = certs_settled,
};

static void watch_certificates(struct manager *m)
{
    const struct certs_options certs = {.loop = m->options.loop,
                                        .kube = m->options.kube,
                                        .namespaces = m->namespaces,
                                        .store = &m->store,
                                        .meshes = m->around.meshes,
                                        .sink = &certs_sink,
                                        .arg = m};
    m->around.certs = certs_new(&certs);
}

/* Also that of gateways to come, which shall not have to wait for it. */
static void ask_for_meshes(struct manager *m)
{
    struct err unknown;
    meshes_config(m->around.meshes, NULL, &unknown);
    struct store_gateway *gw, *next;
    HASH_ITER (hh, m->store.gateways, gw, next) {
        json_auto_t *object = store_object(gw);
        meshes_config(m->around.meshes, object, &unknown);
    }
}

/* Children are compared with what their gateway wants: the gateways and their meshes come first. */
static void watch_children(struct manager *m)
{
    const struct source *source;
    LL_FOREACH (m->sources, source)
        if (!source->synced)
            return;
    if (m->children_watched || !meshes_settled(m->around.meshes))
        return;
    m->children_watched = true;
    for (size_t i = 0; templates_kinds[i]; i++)
        add_sources(m, templates_kinds[i]);
    watch_certificates(m);
}

/* What is around */

static void mesh_changed(void *arg, const char *ns, const char *revision)
{
    struct manager *m = arg;
    members_queue(&m->members, ns, revision, reconcile_queue(m->reconcile));
    watch_children(m);
}

static void injectors_changed(void *arg)
{
    struct manager *m = arg;
    meshes_tags_changed(m->around.meshes);
    members_queue_injected(&m->members, reconcile_queue(m->reconcile));
}

static void look_around(struct manager *m)
{
    struct injectors_options injectors = {.loop = m->options.loop,
                                          .kube = m->options.kube,
                                          .namespaces = m->namespaces,
                                          .changed = injectors_changed,
                                          .arg = m};
    m->around.injectors = injectors_new(&injectors);
    struct meshes_options meshes = {.loop = m->options.loop,
                                    .kube = m->options.ignore_mesh_config ? NULL : m->options.kube,
                                    .config = m->options.config,
                                    .injectors = m->around.injectors,
                                    .changed = mesh_changed,
                                    .arg = m};
    m->around.meshes = meshes_new(&meshes);
    m->around.rolls = rolls_new(&m->store, &m->options.max_rolling, wake, m);
}

struct manager *manager_new(const struct manager_options *options)
{
    struct manager *m = xcalloc(1, sizeof(*m));
    m->options = *options;
    m->leads = !options->standby;
    m->members = (struct members){.store = &m->store, .config = options->config};
    kube_keep_managers(options->kube, options->standby);
    m->events = events_new(options->loop, options->kube, EVENTS_SOURCE, options->instance);
    m->namespaces = namespaces_each_once(options->namespaces);
    look_around(m);
    struct pass_context context = {.loop = options->loop,
                                   .kube = options->kube,
                                   .store = &m->store,
                                   .around = &m->around,
                                   .events = m->events};
    /* A pass that waits for one slow answer must not keep the line idle. */
    int passes = options->max_inflight;
    m->reconcile = reconcile_new(options->loop, &context, passes);
    m->children = (struct children){
        .store = &m->store, .around = &m->around, .queue = reconcile_queue(m->reconcile)};
    gauges_register(&m->store);
    add_sources(m, &object_mesh_gateway);
    return m;
}

/*
 * What others wrote meanwhile was seen with its managers, so that all is known that a restart would
 * find out.
 */
void manager_lead(struct manager *m)
{
    m->leads = true;
    kube_keep_managers(m->options.kube, false);
    if (!m->started)
        return;
    struct store_gateway *gw, *next;
    HASH_ITER (hh, m->store.gateways, gw, next)
        queue_add(reconcile_queue(m->reconcile), gw->key, QUEUE_BACKGROUND);
    begin(m);
}

static void passes_ended(void *arg)
{
    struct manager *m = arg;
    events_flush(m->events, m->drained, m->drained_arg);
}

void manager_stop(struct manager *m, loop_cb *drained, void *arg)
{
    m->drained = drained;
    m->drained_arg = arg;
    reconcile_stop(m->reconcile, passes_ended, m);
}

void manager_free(struct manager *m)
{
    if (!m)
        return;
    gauges_unregister(&m->store);
    struct source *source, *next;
    LL_FOREACH_SAFE(m->sources, source, next)
    {
        watch_free(source->watch);
        free(source);
    }
    reconcile_free(m->reconcile);
    certs_free(m->around.certs);
    children_done(&m->children);
    rolls_free(m->around.rolls);
    meshes_free(m->around.meshes);
    injectors_free(m->around.injectors);
    events_free(m->events);
    store_done(&m->store);
    free(m->namespaces);
    free(m);
}

bool manager_is_ready(const struct manager *m, struct strbuf *reason)
{
    const struct source *source;
    LL_FOREACH (m->sources, source) {
        enum err_kind kind = source->trouble.kind;
        bool blocked = kind == ERR_NOT_FOUND || kind == ERR_DENIED;
        if (source->synced && !blocked)
            continue;
        if (reason)
            strbuf_addf(reason,
                        "%s: %s",
                        source->kind->resource,
                        kind ? source->trouble.msg : "not complete yet");
        return false;
    }
    if (!m->started && reason)
        strbuf_adds(reason, "istiod's ConfigMaps: not complete yet");
    return m->started;
}

bool manager_is_alive(const struct manager *m)
{
    return queue_stalled_ms(reconcile_queue(m->reconcile)) < STALL_MS;
}
