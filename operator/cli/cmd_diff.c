/* SPDX-License-Identifier: Apache-2.0 */
/* diff: what an apply of MeshGateways would change of their objects. */
#include "base/limits.h"
#include "cli/cluster.h"
#include "cli/clustermesh.h"
#include "cli/commands.h"
#include "cli/gateways.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/world.h"
#include "control/certs.h"
#include "control/facts.h"
#include "data/linediff.h"
#include "data/yamlio.h"
#include "templates/templates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Exit statuses as diff(1) has them. */
#define EXIT_SAME      0
#define EXIT_DIFFERENT 1
#define EXIT_TROUBLE   2

struct diff_options {
    struct gateways_source source;
    struct cluster_source cluster;
    struct settings settings;
    bool ignore_mesh_config;
    const char *color;
};

static const struct options_item items[] = {
    GATEWAYS_FILENAME_OPTION(struct diff_options, source.paths),
    {.name = "namespace",
     .letter = 'n',
     .type = OPTIONS_TEXT,
     .value = "NAMESPACE",
     .offset = offsetof(struct diff_options, source.ns),
     .help = "where a MeshGateway goes that names no namespace; default: the\n"
             "namespace of the context"},
    SETTINGS_OPTIONS(struct diff_options, settings),
    {.name = "ignore-mesh-config",
     .type = OPTIONS_FLAG,
     .offset = offsetof(struct diff_options, ignore_mesh_config),
     .help = "take nothing from istiod's ConfigMaps, as an operator with\nthe same flag"},
    {.name = "color",
     .type = OPTIONS_CHOICE,
     .value = "auto|always|never",
     .offset = offsetof(struct diff_options, color),
     .help = "auto: on a terminal, unless $NO_COLOR is set (auto)"},
    GATEWAYS_OTHER_KINDS_OPTION(struct diff_options, source.ignore_other_kinds),
    CLUSTER_OPTIONS(struct diff_options, cluster),
    {.name = NULL},
};

const struct options_command cmd_diff_options = {
    .name = "diff",
    .synopsis = "-f FILE|DIR|- [OPTION]...",
    .description =
        "Tells what would change of the objects of MeshGateways if these were applied: asks the\n"
        "API server for it (dry run) as the operator would now, and changes nothing. Needs leave\n"
        "to patch these objects and, with spec.servers, to list what cert-manager and Istio have\n"
        "in the namespace. \"kubectl diff\" tells what would change of the MeshGateway itself.\n"
        "Exit status: 0 no difference, 1 differences, 2 something went wrong.",
    .example = "  meshgateway diff -f gateway.yaml --config operator.yaml",
    .items = items,
};

/* One object of a gateway. */
struct pair {
    const struct object_kind *kind;
    char *name;
    json_t *wanted; /* NULL: it would be deleted, if it is the gateway's */
    json_t *live, *after;
};

struct differ {
    const struct diff_options *options;
    struct cluster cluster;
    struct config config;
    struct clustermesh *meshes; /* NULL: they are ignored */
    json_t *gateways;           /* of the input */
    struct strbuf out;
    bool color;
    int status;
};

static void fail(struct differ *d, const char *what, const char *name, const struct err *err)
{
    fprintf(stderr, "meshgateway diff: %s %s: %s\n", what, name, err->msg);
    d->status = EXIT_TROUBLE;
}

/* What says nothing of the object's intent, or changes with every write. */
static char *text_of(const json_t *object)
{
    static const char *const noise[] = {
        "managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"};
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_RENDERED);
    json_auto_t *copy = json_deep_copy(object);
    for (size_t i = 0; i < ARRAY_LEN(noise); i++)
        json_object_del(json_object_get(copy, "metadata"), noise[i]);
    json_object_del(copy, "status");
    if (copy && yamlio_write(copy, &text) < 0)
        return xstrdup("");
    return strbuf_take(&text);
}

static void add_line(struct differ *d, const char *line, size_t len)
{
    const char *color = !d->color        ? NULL
                        : line[0] == '-' ? "\033[31m"
                        : line[0] == '+' ? "\033[32m"
                        : line[0] == '@' ? "\033[36m"
                                         : NULL;
    if (color)
        strbuf_adds(&d->out, color);
    strbuf_add(&d->out, line, len);
    strbuf_adds(&d->out, color ? "\033[0m\n" : "\n");
}

static void compare(struct differ *d, const struct pair *pair, const char *ns)
{
    AUTO_FREE char *before = text_of(pair->live);
    AUTO_FREE char *after = text_of(pair->after);
    AUTO_STRBUF struct strbuf hunks = STRBUF_INIT(LIMIT_RENDERED);
    linediff(before, after, &hunks);
    if (hunks.len == 0)
        return;
    AUTO_FREE char *head = xasprintf("--- %s %s/%s in the cluster%s\n+++ %s %s/%s as wanted%s\n",
                                     pair->kind->kind,
                                     ns,
                                     pair->name,
                                     pair->live ? "" : ": not there",
                                     pair->kind->kind,
                                     ns,
                                     pair->name,
                                     pair->after ? "" : ": deleted");
    AUTO_FREE char *all = xasprintf("%s%s", head, hunks.text);
    for (const char *line = all; *line;) {
        size_t len = strcspn(line, "\n");
        add_line(d, line, len);
        line += len + 1;
    }
    if (d->status == EXIT_SAME)
        d->status = EXIT_DIFFERENT;
}

/*
 * As the operator does it: a Deployment keeps its selector, which cannot be changed, and while
 * something else scales it also its replicas.
 */
static void adapt(json_t *wanted, const json_t *live)
{
    json_t *selector = jx_object(live, "spec.selector.matchLabels");
    json_t *replicas = jx_get(live, "spec.replicas");
    if (selector) {
        jx_set(wanted, "spec.selector.matchLabels", json_deep_copy(selector));
        jx_update(jx_object(wanted, "spec.template.metadata.labels"), selector);
    }
    if (replicas && !jx_get(wanted, "spec.replicas"))
        jx_set(wanted, "spec.replicas", json_deep_copy(replicas));
}

static bool is_ours(const json_t *object, const char *uid)
{
    const json_t *owner = object_controller(object);
    return owner && uid[0] && strcmp(jx_str(owner, "uid", ""), uid) == 0;
}

/* The objects as they are. */
static void get_live(struct differ *d, struct pair *pairs, size_t count, const char *ns,
                     const char *uid)
{
    AUTO_FREE struct kube_request *requests = xcalloc(count, sizeof(*requests));
    AUTO_FREE struct cluster_answer *answers = xcalloc(count, sizeof(*answers));
    for (size_t i = 0; i < count; i++)
        requests[i] = (struct kube_request){
            .verb = KUBE_GET, .kind = pairs[i].kind, .ns = ns, .name = pairs[i].name};
    cluster_ask(&d->cluster, requests, count, answers);
    for (size_t i = 0; i < count; i++) {
        pairs[i].live = answers[i].object;
        if (!pairs[i].live && answers[i].err.kind != ERR_NOT_FOUND)
            fail(d, pairs[i].kind->kind, pairs[i].name, &answers[i].err);
        if (!pairs[i].live || is_ours(pairs[i].live, uid))
            continue;
        if (pairs[i].wanted) {
            const struct err err = {.msg = "is there and does not belong to the MeshGateway; the "
                                           "operator leaves it alone"};
            fail(d, pairs[i].kind->kind, pairs[i].name, &err);
            json_decref(pairs[i].wanted);
            pairs[i].wanted = NULL;
        }
        json_decref(pairs[i].live);
        pairs[i].live = NULL;
    }
}

/* The objects as the API server would store them. */
static void get_after(struct differ *d, struct pair *pairs, size_t count, const char *ns)
{
    AUTO_FREE struct kube_request *requests = xcalloc(count, sizeof(*requests));
    AUTO_FREE struct cluster_answer *answers = xcalloc(count, sizeof(*answers));
    AUTO_FREE size_t *asked = xcalloc(count, sizeof(*asked));
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!pairs[i].wanted)
            continue;
        if (pairs[i].kind == &object_deployment)
            adapt(pairs[i].wanted, pairs[i].live);
        asked[n] = i;
        requests[n++] = (struct kube_request){.verb = KUBE_APPLY,
                                              .kind = pairs[i].kind,
                                              .ns = ns,
                                              .name = pairs[i].name,
                                              .body = pairs[i].wanted,
                                              .manager = FACTS_MANAGER,
                                              .dry_run = true};
    }
    cluster_ask(&d->cluster, requests, n, answers);
    for (size_t i = 0; i < n; i++) {
        struct pair *pair = &pairs[asked[i]];
        pair->after = answers[i].object;
        if (!pair->after)
            fail(d, pair->kind->kind, pair->name, &answers[i].err);
        else
            compare(d, pair, ns);
    }
}

struct pairs {
    struct pair *items;
    size_t count;
};

static void add_pair(struct pairs *pairs, const struct object_kind *kind, const char *name,
                     json_t *wanted)
{
    pairs->items = xrealloc(pairs->items, (pairs->count + 1) * sizeof(*pairs->items));
    pairs->items[pairs->count++] =
        (struct pair){.kind = kind, .name = xstrdup(name), .wanted = wanted};
}

static bool has_pair(const struct pairs *pairs, const struct object_kind *kind, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (pairs->items[i].kind == kind && strcmp(pairs->items[i].name, name) == 0)
            return true;
    return false;
}

/*
 * All objects that the gateway wants now: HTTPS waits for its certificate, and challenges have
 * routes. The operator makes the rest when the API is installed.
 */
static void add_wanted(struct pairs *pairs, const struct meshgateway *gw, const struct world *world,
                       const json_t *told)
{
    struct templates_list list;
    struct templates_live live;
    world_live(world, gw, told, &live);
    live.have_istio = live.have_cert_manager = true;
    templates_render(gw, &live, &list);
    for (size_t i = 0; i < list.count; i++) {
        const struct object_kind *kind = list.items[i].kind;
        const char *name = object_name(list.items[i].object);
        if (world_serves(world, kind))
            add_pair(pairs, kind, name, json_deep_copy(list.items[i].object));
        else
            fprintf(stderr,
                    "meshgateway diff: %s %s: left out, since %s/%s is not installed\n",
                    kind->kind,
                    name,
                    kind->group,
                    kind->version);
    }
    templates_list_done(&list);
    certs_live_done(&live);
}

/* What the gateway may no longer want. */
static void add_left_overs(struct pairs *pairs, const struct meshgateway *gw,
                           const struct world *world)
{
    for (size_t k = 0; templates_kinds[k]; k++)
        if (!has_pair(pairs, templates_kinds[k], gw->name))
            add_pair(pairs, templates_kinds[k], gw->name, NULL);
    /* Not all of the world is known: a route of a challenge might look like a left-over. */
    for (size_t k = 0; world->err.kind == ERR_NONE && templates_optional_kinds[k]; k++) {
        const struct object_kind *kind = templates_optional_kinds[k];
        if (!world_serves(world, kind)) /* the operator deletes none then, either */
            continue;
        json_auto_t *names = world_children(world, kind, gw->uid);
        size_t i;
        const json_t *name;
        json_array_foreach (names, i, name)
            if (!has_pair(pairs, kind, json_string_value(name)))
                add_pair(pairs, kind, json_string_value(name), NULL);
    }
}

/* told: status.certificates of the gateway in the cluster. */
static void diff_gateway(struct differ *d, const struct meshgateway *gw, const json_t *told)
{
    struct pairs pairs = {.items = NULL};
    struct world world;
    world_read(&d->cluster, gw->ns, gw->server_count > 0, &world);
    if (gw->server_count > 0 && world.err.kind != ERR_NONE) {
        fail(d, "MeshGateway", gw->name, &world.err);
        world_done(&world);
        return;
    }
    add_wanted(&pairs, gw, &world, told);
    add_left_overs(&pairs, gw, &world);
    world_done(&world);
    get_live(d, pairs.items, pairs.count, gw->ns, gw->uid);
    get_after(d, pairs.items, pairs.count, gw->ns);
    for (size_t i = 0; i < pairs.count; i++) {
        struct pair *pair = &pairs.items[i];
        if (!pair->wanted && pair->live)
            compare(d, pair, gw->ns);
        free(pair->name);
        json_decref(pair->wanted);
        json_decref(pair->live);
        json_decref(pair->after);
    }
    free(pairs.items);
}

/* Gives the gateway the identity of the one in the cluster, which owns the objects. */
static void diff_object(struct differ *d, json_t *object)
{
    const struct kube_request request = {.verb = KUBE_GET,
                                         .kind = &object_mesh_gateway,
                                         .ns = object_namespace(object),
                                         .name = object_name(object)};
    struct cluster_answer answer;
    cluster_ask(&d->cluster, &request, 1, &answer);
    json_auto_t *live = answer.object;
    if (!live && answer.err.kind != ERR_NOT_FOUND) {
        fail(d, "MeshGateway", object_name(object), &answer.err);
        return;
    }
    if (live)
        jx_set(object, "metadata.uid", STR(object_uid(live)));
    else
        json_object_del(json_object_get(object, "metadata"), "uid");
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct err err = {.kind = ERR_NONE};
    struct meshgateway gw;
    const struct config *config =
        d->meshes ? clustermesh_config(d->meshes, object, &err) : &d->config;
    if (!config || templates_parse(object, config, &gw, &problems) < 0) {
        if (config)
            (void)problems_to_err(&problems, &err);
        fail(d, "MeshGateway", object_name(object), &err);
        return;
    }
    diff_gateway(d, &gw, jx_array(live, "status.certificates"));
    meshgateway_done(&gw);
}

static void collect(void *arg, const struct meshgateway *gw)
{
    json_array_append_new(arg, json_deep_copy(gw->object));
}

static int read_input(struct differ *d, struct err *err)
{
    AUTO_STRBUF struct strbuf problems = STRBUF_INIT(LIMIT_PROBLEMS_TEXT);
    struct gateways_source source = d->options->source;
    if (settings_load(&d->options->settings, &d->config, err) < 0)
        return -1;
    if (!source.ns)
        source.ns = d->cluster.kubeconfig.ns ? d->cluster.kubeconfig.ns : "default";
    int rc = gateways_read(&source, &d->config, collect, d->gateways, &problems);
    fputs(problems.text, stderr);
    return rc < 0 || problems.len > 0 ? err_set(err, ERR_INVALID, "the input is wrong") : 0;
}

static int diff(const struct diff_options *options)
{
    struct err err = {.kind = ERR_NONE};
    json_auto_t *gateways = json_array();
    struct differ d = {
        .options = options, .out = STRBUF_INIT(LIMIT_RENDERED), .gateways = gateways};
    d.color = strcmp(options->color, "always") == 0 ||
              (strcmp(options->color, "auto") == 0 && isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
    if (cluster_open(&options->cluster, &d.cluster, &err) < 0 || read_input(&d, &err) < 0) {
        fprintf(stderr, "meshgateway diff: %s\n", err.msg);
        d.status = EXIT_TROUBLE;
    } else {
        size_t i;
        json_t *gateway;
        if (!options->ignore_mesh_config)
            d.meshes = clustermesh_new(&d.cluster, &d.config);
        json_array_foreach (gateways, i, gateway)
            diff_object(&d, gateway);
        if (output_write(d.out.text, d.out.len) != EXIT_SUCCESS)
            d.status = EXIT_TROUBLE;
    }
    strbuf_done(&d.out);
    clustermesh_free(d.meshes);
    config_done(&d.config);
    cluster_close(&d.cluster);
    return d.status;
}

int cmd_diff(int argc, char **argv)
{
    int status;
    struct diff_options options = {.color = "auto"};
    if (options_parse(&cmd_diff_options, argc, argv, &options, &status))
        status = diff(&options);
    free(options.source.paths.items);
    settings_done(&options.settings);
    return status;
}
