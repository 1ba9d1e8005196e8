/* SPDX-License-Identifier: Apache-2.0 */
#include "control/apis.h"

#include "control/crds.h"
#include "control/watchlog.h"
#include "data/object.h"
#include "kube/watch.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum group { ISTIO, CERT_MANAGER };

static const struct row {
    const struct object_kind *kind;
    const struct object_kind *with; /* it is watched while this kind is installed */
    enum group group;
    bool cluster_scoped;
    const char *labels;
} rows[] = {
    {&object_gateway, &object_gateway, ISTIO, false, NULL},
    {&object_virtual_service, &object_virtual_service, ISTIO, false, NULL},
    {&object_issuer, &object_issuer, CERT_MANAGER, false, NULL},
    {&object_cluster_issuer, &object_cluster_issuer, CERT_MANAGER, true, NULL},
    {&object_certificate, &object_certificate, CERT_MANAGER, false, NULL},
    {&object_certificate_request, &object_certificate_request, CERT_MANAGER, false, NULL},
    {&object_order, &object_order, CERT_MANAGER, false, NULL},
    {&object_challenge, &object_challenge, CERT_MANAGER, false, NULL},
    /* Of solvers alone: the gateways' own Services have a watch by another label. */
    {&object_service,
     &object_challenge,
     CERT_MANAGER,
     false,
     "acme.cert-manager.io/http01-solver=true"},
};

/* One watch: a row, in one scope. */
struct source {
    struct source *next;
    struct apis *apis;
    const struct row *row;
    const char *scope;
    struct watch *watch;
    bool filling, complete;
    struct err trouble;
};

struct apis {
    struct apis_options options;
    struct crds *crds;
    bool looked; /* what the definitions say is done */
    struct source *sources;
};

static void tell_changed(struct apis *apis)
{
    apis->options.sink->changed(apis->options.arg);
}

static void on_begin(void *arg)
{
    struct source *source = arg;
    source->filling = true;
    source->apis->options.sink->begin(source->apis->options.arg, source->row->kind, source->scope);
}

static void on_object(void *arg, json_t *object)
{
    struct source *source = arg;
    source->apis->options.sink->object(
        source->apis->options.arg, source->row->kind, object, source->filling);
}

static void on_deleted(void *arg, json_t *object)
{
    struct source *source = arg;
    source->apis->options.sink->deleted(source->apis->options.arg, source->row->kind, object);
}

static void on_synced(void *arg)
{
    struct source *source = arg;
    source->filling = false;
    source->apis->options.sink->synced(source->apis->options.arg, source->row->kind, source->scope);
    if (source->complete)
        return;
    source->complete = true;
    watchlog_complete(source->row->kind, source->scope);
    tell_changed(source->apis);
}

static void on_state(void *arg, const struct err *err)
{
    struct source *source = arg;
    source->trouble = err ? *err : (struct err){.kind = ERR_NONE};
    if (!err)
        return;
    watchlog_interrupted(source->row->kind, source->scope, err);
    if (!source->complete)
        tell_changed(source->apis);
}

static const struct watch_sink sink = {
    .begin = on_begin,
    .object = on_object,
    .deleted = on_deleted,
    .synced = on_synced,
    .state = on_state,
};

static bool is_watched(const struct apis *apis, const struct row *row)
{
    const struct source *source;
    LL_FOREACH (apis->sources, source)
        if (source->row == row)
            return true;
    return false;
}

static void add(struct apis *apis, const struct row *row, const char *scope)
{
    struct source *source = xcalloc(1, sizeof(*source));
    *source = (struct source){.apis = apis, .row = row, .scope = scope};
    LL_APPEND(apis->sources, source);
    struct kube_scope where = {.ns = row->cluster_scoped ? NULL : scope, .labels = row->labels};
    source->watch = watch_new(apis->options.kube, row->kind, &where, &sink, source);
}

static void start(struct apis *apis, const struct row *row)
{
    const char *const *namespaces = apis->options.namespaces;
    if (row->cluster_scoped)
        add(apis, row, "");
    else if (!namespaces[0])
        add(apis, row, NULL);
    for (size_t i = 0; !row->cluster_scoped && namespaces[i]; i++)
        add(apis, row, namespaces[i]);
}

static void drop(struct apis *apis, struct source *source)
{
    LL_DELETE(apis->sources, source);
    watch_free(source->watch);
    free(source);
}

/* What was there is gone with its definition. */
static void stop(struct apis *apis, const struct row *row)
{
    struct source *source, *next;
    LL_FOREACH_SAFE(apis->sources, source, next)
    {
        if (source->row != row)
            continue;
        on_begin(source);
        apis->options.sink->synced(apis->options.arg, row->kind, source->scope);
        drop(apis, source);
    }
}

/* Not before all of them are known: a group that seems to be there in part seems to be missing. */
static void on_crds(void *arg)
{
    struct apis *apis = arg;
    struct err unknown;
    apis->looked = crds_are_known(apis->crds, &unknown);
    for (size_t i = 0; apis->looked && i < ARRAY_LEN(rows); i++) {
        bool installed = crds_has(apis->crds, rows[i].with);
        bool watched = is_watched(apis, &rows[i]);
        if (installed && !watched)
            start(apis, &rows[i]);
        else if (!installed && watched)
            stop(apis, &rows[i]);
    }
    tell_changed(apis);
}

struct apis *apis_new(const struct apis_options *options)
{
    struct apis *apis = xcalloc(1, sizeof(*apis));
    apis->options = *options;
    apis->crds = crds_new(options->loop, options->kube, on_crds, apis);
    return apis;
}

void apis_free(struct apis *apis)
{
    if (!apis)
        return;
    crds_free(apis->crds);
    while (apis->sources)
        drop(apis, apis->sources);
    free(apis);
}

bool apis_are_settled(const struct apis *apis, struct err *err)
{
    const struct source *source;
    if (!crds_are_known(apis->crds, err) || !apis->looked)
        return false;
    LL_FOREACH (apis->sources, source) {
        bool refused = source->trouble.kind == ERR_DENIED || source->trouble.kind == ERR_NOT_FOUND;
        if (source->complete || refused)
            continue;
        *err = source->trouble;
        return false;
    }
    return true;
}

static bool have(const struct apis *apis, enum group group)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].group == group && !is_watched(apis, &rows[i]))
            return false;
    const struct source *source;
    LL_FOREACH (apis->sources, source)
        if (source->row->group == group && !source->complete)
            return false;
    return true;
}

bool apis_have_istio(const struct apis *apis)
{
    return have(apis, ISTIO);
}

bool apis_have_cert_manager(const struct apis *apis)
{
    return have(apis, CERT_MANAGER);
}
