/* SPDX-License-Identifier: Apache-2.0 */
/* status: how gateways stand in the cluster. */
#include "base/limits.h"
#include "base/now.h"
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "data/yamlio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Between two looks of --watch. */
#define WATCH_MS 2000

struct status_options {
    struct cluster_source cluster;
    const char *ns;
    const char *output;
    const char *name;
    bool all_namespaces;
    bool watch;
};

static const struct options_item items[] = {
    {.name = "namespace",
     .letter = 'n',
     .type = OPTIONS_TEXT,
     .value = "NAMESPACE",
     .offset = offsetof(struct status_options, ns),
     .help = "where to look; default: the namespace of the context"},
    {.name = "all-namespaces",
     .letter = 'A',
     .type = OPTIONS_FLAG,
     .offset = offsetof(struct status_options, all_namespaces),
     .help = "look in all namespaces"},
    {.name = "output",
     .letter = 'o',
     .type = OPTIONS_CHOICE,
     .value = "table|wide|json|yaml",
     .offset = offsetof(struct status_options, output),
     .help = "the form of the result; wide: with messages in full (table)"},
    {.name = "watch",
     .letter = 'w',
     .type = OPTIONS_FLAG,
     .offset = offsetof(struct status_options, watch),
     .help = "tell it again every two seconds, until interrupted"},
    CLUSTER_OPTIONS(struct status_options, cluster),
    {.name = NULL},
};

const struct options_command cmd_status_options = {
    .name = "status",
    .synopsis = "[NAME] [OPTION]...",
    .description =
        "Tells how MeshGateways stand. Without a name: a line a gateway. With one: its\n"
        "conditions, certificates, objects, ports, addresses, pods, rollout and last events on\n"
        "one screen. Needs leave to get MeshGateways and, with a name, the objects and events;\n"
        "with leave to list what cert-manager and Istio have in the namespace it knows more.",
    .example = "  meshgateway status -A\n"
               "  meshgateway status echo-ingress -n default -o wide",
    .items = items,
    .operand = true,
    .operand_offset = offsetof(struct status_options, name),
};

static bool is_text(const struct status_options *options)
{
    return strcmp(options->output, "table") == 0 || strcmp(options->output, "wide") == 0;
}

/* Asks for everything that is known of a gateway. */
static json_t *ask(struct cluster *cluster, json_t *gateway)
{
    struct report_objects objects;
    struct world world;
    world_read(
        cluster, object_namespace(gateway), !jx_empty(jx_get(gateway, "spec.servers")), &world);
    report_objects_of(gateway, &world, &objects);
    world_done(&world);
    AUTO_FREE struct kube_request *requests = xcalloc(objects.count + 1, sizeof(*requests));
    AUTO_FREE struct cluster_answer *answers = xcalloc(objects.count + 1, sizeof(*answers));
    for (size_t i = 0; i < objects.count; i++)
        requests[i] = (struct kube_request){.verb = KUBE_GET,
                                            .kind = objects.items[i].kind,
                                            .ns = object_namespace(gateway),
                                            .name = objects.items[i].name};
    requests[objects.count] = (struct kube_request){
        .verb = KUBE_GET, .kind = &object_event, .ns = object_namespace(gateway)};
    cluster_ask(cluster, requests, objects.count + 1, answers);
    for (size_t i = 0; i < objects.count; i++) {
        objects.items[i].object = answers[i].object;
        objects.items[i].err = answers[i].err;
    }
    json_auto_t *events = answers[objects.count].object;
    const struct err *err = &answers[objects.count].err;
    json_t *report = report_make(gateway, &objects, jx_array(events, "items"));
    if (err->kind != ERR_NONE)
        json_object_set_new(report, "eventsProblem", STR(err->msg));
    report_objects_done(&objects);
    return report;
}

/* A reader of scripts gets a List, as of kubectl, or with a name the one report. */
static int print_reports(const struct status_options *options, json_t *reports)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_RENDERED);
    bool one = options->name && json_array_size(reports) == 1;
    json_auto_t *whole = one ? REF(json_array_get(reports, 0)) : OBJ(F("items", REF(reports)));
    if (strcmp(options->output, "json") == 0) {
        AUTO_FREE char *json = json_dumps(whole, JSON_INDENT(4));
        strbuf_addf(&text, "%s\n", json);
    } else if (yamlio_write(whole, &text) < 0) {
        fputs("meshgateway: the result is too large\n", stderr);
        return EXIT_FAILURE;
    }
    return output_write(text.text, text.len);
}

static int print_list(const struct status_options *options, const json_t *gateways)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_RENDERED);
    bool wide = strcmp(options->output, "wide") == 0;
    json_auto_t *rows = json_array();
    size_t i;
    json_t *gateway;
    json_array_append_new(rows, report_heads(wide));
    json_array_foreach (gateways, i, gateway)
        json_array_append_new(rows, report_row(gateway, wide, now_wall_us()));
    table_write(rows, &text);
    return output_write(text.text, text.len);
}

static int print_screens(const struct status_options *options, const json_t *reports)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_RENDERED);
    size_t i;
    json_t *report;
    json_array_foreach (reports, i, report) {
        strbuf_adds(&text, i ? "\n\n" : "");
        screen_write(report, strcmp(options->output, "wide") == 0, now_wall_us(), &text);
    }
    return output_write(text.text, text.len);
}

/* The gateways that are meant, as an array; NULL after saying why on stderr. */
static json_t *find_gateways(const struct status_options *options, struct cluster *cluster)
{
    const char *ns = options->ns ? options->ns : cluster->kubeconfig.ns;
    bool single = options->name && !options->all_namespaces;
    const struct kube_request request = {
        .verb = KUBE_GET,
        .kind = &object_mesh_gateway,
        .ns = options->all_namespaces ? NULL
              : ns                    ? ns
                                      : "default",
        .name = single ? options->name : NULL,
    };
    struct cluster_answer answer;
    cluster_ask(cluster, &request, 1, &answer);
    json_auto_t *object = answer.object;
    if (!object) {
        fprintf(stderr, "meshgateway status: %s\n", answer.err.msg);
        return NULL;
    }
    json_t *found = json_array();
    size_t i;
    json_t *item;
    if (single)
        json_array_append(found, object);
    json_array_foreach (jx_array(object, "items"), i, item) {
        /* The items of a list do not say what they are. */
        json_object_set_new(item, "apiVersion", object_api_version(&object_mesh_gateway));
        json_object_set_new(item, "kind", STR(object_mesh_gateway.kind));
        if (!options->name || strcmp(object_name(item), options->name) == 0)
            json_array_append(found, item);
    }
    if (json_array_size(found) == 0 && is_text(options))
        fprintf(stderr,
                "meshgateway status: no MeshGateway%s%s in %s\n",
                options->name ? " " : "",
                options->name ? options->name : "",
                request.ns ? request.ns : "any namespace");
    if (json_array_size(found) > 0 || (!is_text(options) && !options->name))
        return found;
    json_decref(found);
    return NULL;
}

static int show(const struct status_options *options, struct cluster *cluster)
{
    json_auto_t *gateways = find_gateways(options, cluster);
    if (!gateways) /* what is not there now may be there soon */
        return options->watch ? EXIT_SUCCESS : EXIT_FAILURE;
    if (is_text(options) && !options->name)
        return print_list(options, gateways);
    json_auto_t *reports = json_array();
    size_t i;
    json_t *gateway;
    json_array_foreach (gateways, i, gateway)
        json_array_append_new(reports, ask(cluster, gateway));
    return is_text(options) ? print_screens(options, reports) : print_reports(options, reports);
}

/* On a terminal each look takes the place of the one before; ends when the reader has left. */
static int watch(const struct status_options *options, struct cluster *cluster)
{
    static const char clear[] = "\033[H\033[2J";
    bool terminal = isatty(STDOUT_FILENO);
    for (;;) {
        if (terminal && output_write(clear, strlen(clear)) != EXIT_SUCCESS)
            return EXIT_FAILURE;
        if (show(options, cluster) != EXIT_SUCCESS)
            return EXIT_FAILURE;
        cluster_wait(cluster, WATCH_MS);
        if (!terminal && output_write("\n", 1) != EXIT_SUCCESS)
            return EXIT_FAILURE;
    }
}

/* What the table of options cannot say; true when all is well. */
static bool check_usage(const struct status_options *options)
{
    const char *wrong = NULL;
    if (options->all_namespaces && options->ns)
        wrong = "give --namespace or --all-namespaces, not both";
    else if (options->watch && !is_text(options))
        wrong = "--watch goes with --output table and wide only";
    if (wrong)
        fprintf(stderr, "meshgateway status: %s\n", wrong);
    return !wrong;
}

int cmd_status(int argc, char **argv)
{
    int status;
    struct status_options options = {.output = "table"};
    if (!options_parse(&cmd_status_options, argc, argv, &options, &status))
        return status;
    if (!check_usage(&options))
        return EXIT_USAGE;
    struct cluster cluster = {.loop = NULL};
    struct err err = {.kind = ERR_NONE};
    if (cluster_open(&options.cluster, &cluster, &err) < 0) {
        fprintf(stderr, "meshgateway status: %s\n", err.msg);
        status = EXIT_FAILURE;
    } else {
        status = options.watch ? watch(&options, &cluster) : show(&options, &cluster);
    }
    cluster_close(&cluster);
    return status;
}
