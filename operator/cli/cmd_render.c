/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "cli/clustermesh.h"
#include "cli/commands.h"
#include "cli/gateways.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "data/yamlio.h"
#include "templates/templates.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct render_options {
    struct gateways_source source;
    const char *output;
    struct settings settings;
    bool from_cluster;
    struct cluster_source cluster;
};

static const struct options_item items[] = {
    GATEWAYS_FILENAME_OPTION(struct render_options, source.paths),
    {.name = "output",
     .letter = 'o',
     .type = OPTIONS_CHOICE,
     .value = "yaml|json",
     .offset = offsetof(struct render_options, output),
     .help = "the form of the result (yaml)"},
    {.name = "namespace",
     .letter = 'n',
     .type = OPTIONS_TEXT,
     .value = "NAMESPACE",
     .offset = offsetof(struct render_options, source.ns),
     .help = "where a MeshGateway goes that names no namespace (default)"},
    SETTINGS_OPTIONS(struct render_options, settings),
    {.name = "from-cluster",
     .type = OPTIONS_FLAG,
     .offset = offsetof(struct render_options, from_cluster),
     .help = "take the mesh's values from istiod's ConfigMaps, as the\noperator does"},
    CLUSTER_OPTIONS(struct render_options, cluster),
    GATEWAYS_OTHER_KINDS_OPTION(struct render_options, source.ignore_other_kinds),
    {.name = NULL},
};

const struct options_command cmd_render_options = {
    .name = "render",
    .synopsis = "-f FILE|DIR|- [OPTION]...",
    .description =
        "Prints the Kubernetes objects that MeshGateways stand for, as the operator would apply\n"
        "them. No cluster is needed, unless --from-cluster is given. When anything in the input\n"
        "is wrong, all of it is told on standard error and nothing is printed.",
    .example = "  meshgateway render -f gateway.yaml | kubectl apply -f -",
    .items = items,
};

/* The gateways of the input, and what has become of them so far. */
struct renderer {
    struct clustermesh *meshes; /* NULL: there is no cluster */
    json_t *objects;
    bool failed;
};

static void render_objects(struct renderer *r, const struct meshgateway *gw)
{
    struct templates_list list;
    templates_render(gw, NULL, &list);
    for (size_t i = 0; i < list.count; i++)
        json_array_append(r->objects, list.items[i].object);
    templates_list_done(&list);
}

/* Once more, with the mesh's values. The spec is valid, whatever these are. */
static void render_in_mesh(struct renderer *r, json_t *object)
{
    struct err err = {.kind = ERR_NONE};
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct meshgateway gw;
    const struct config *config = clustermesh_config(r->meshes, object, &err);
    if (!config || templates_parse(object, config, &gw, &problems) < 0) {
        if (config)
            (void)problems_to_err(&problems, &err);
        fprintf(stderr, "meshgateway: %s: %s\n", object_name(object), err.msg);
        r->failed = true;
        return;
    }
    render_objects(r, &gw);
    meshgateway_done(&gw);
}

static void render_gateway(void *arg, const struct meshgateway *gw)
{
    struct renderer *r = arg;
    if (r->meshes)
        render_in_mesh(r, gw->object);
    else
        render_objects(r, gw);
}

static int print_yaml(const json_t *objects)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_RENDERED);
    for (size_t i = 0; i < json_array_size(objects); i++) {
        strbuf_adds(&text, i ? "---\n" : "");
        if (yamlio_write(json_array_get(objects, i), &text) < 0)
            break;
    }
    if (text.failed) {
        fputs("meshgateway: the result is too large\n", stderr);
        return EXIT_FAILURE;
    }
    return output_write(text.text, text.len);
}

/* One List, whatever the number of objects, as kubectl prints several. */
static int print_json(json_t *objects)
{
    json_auto_t *list =
        OBJ(F("apiVersion", STR("v1")), F("kind", STR("List")), F("items", REF(objects)));
    AUTO_FREE char *text = json_dumps(list, JSON_INDENT(4));
    AUTO_FREE char *line = xasprintf("%s\n", text);
    return output_write(line, strlen(line));
}

static int render(const struct render_options *options, const struct config *config,
                  struct clustermesh *meshes)
{
    json_auto_t *objects = json_array();
    struct renderer r = {.meshes = meshes, .objects = objects};
    AUTO_STRBUF struct strbuf problems = STRBUF_INIT(LIMIT_PROBLEMS_TEXT);
    int rc = gateways_read(&options->source, config, render_gateway, &r, &problems);
    fputs(problems.text, stderr);
    if (rc < 0 || problems.len > 0 || r.failed)
        return EXIT_FAILURE;
    return strcmp(options->output, "json") == 0 ? print_json(objects) : print_yaml(objects);
}

static int render_with_cluster(struct render_options *options, const struct config *config,
                               struct err *err)
{
    struct cluster cluster = {.loop = NULL};
    int status = -1;
    if (cluster_open(&options->cluster, &cluster, err) == 0) {
        struct clustermesh *meshes = clustermesh_new(&cluster, config);
        status = render(options, config, meshes);
        clustermesh_free(meshes);
    }
    cluster_close(&cluster);
    return status;
}

static int configure_and_render(struct render_options *options)
{
    struct config config;
    struct err err = {.kind = ERR_NONE};
    int status = -1;
    if (settings_load(&options->settings, &config, &err) == 0) {
        status = options->from_cluster ? render_with_cluster(options, &config, &err)
                                       : render(options, &config, NULL);
        config_done(&config);
    }
    if (status >= 0)
        return status;
    fprintf(stderr, "meshgateway: %s\n", err.msg);
    return EXIT_FAILURE;
}

int cmd_render(int argc, char **argv)
{
    int status;
    struct render_options options = {.source.ns = "default", .output = "yaml"};
    if (options_parse(&cmd_render_options, argc, argv, &options, &status))
        status = configure_and_render(&options);
    free(options.source.paths.items);
    settings_done(&options.settings);
    return status;
}
