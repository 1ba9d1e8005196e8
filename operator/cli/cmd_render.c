/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/gateways.h"
#include "cli/output.h"
#include "data/yamlio.h"
#include "templates/templates.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct render_options {
    struct gateways_source source;
    const char *output;
    const char *config;
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
    {.name = "config",
     .type = OPTIONS_TEXT,
     .value = "FILE",
     .offset = offsetof(struct render_options, config),
     .help = "the operator's configuration file; without it, its defaults"},
    GATEWAYS_OTHER_KINDS_OPTION(struct render_options, source.ignore_other_kinds),
    {.name = NULL},
};

const struct options_command cmd_render_options = {
    .name = "render",
    .synopsis = "-f FILE|DIR|- [OPTION]...",
    .description =
        "Prints the Kubernetes objects that MeshGateways stand for, as the operator would apply\n"
        "them. No cluster is needed. When anything in the input is wrong, all of it is told on\n"
        "standard error and nothing is printed.",
    .example = "  meshgateway render -f gateway.yaml | kubectl apply -f -",
    .items = items,
};

static void collect(void *arg, const struct meshgateway *gw)
{
    json_t *objects = arg;
    struct templates_list list;
    templates_render(gw, &list);
    for (size_t i = 0; i < list.count; i++)
        json_array_append(objects, list.items[i].object);
    templates_list_done(&list);
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

static int render(const struct render_options *options, const struct config *config)
{
    json_auto_t *objects = json_array();
    AUTO_STRBUF struct strbuf problems = STRBUF_INIT(LIMIT_PROBLEMS_TEXT);
    int rc = gateways_read(&options->source, config, collect, objects, &problems);
    fputs(problems.text, stderr);
    if (rc < 0 || problems.len > 0)
        return EXIT_FAILURE;
    return strcmp(options->output, "json") == 0 ? print_json(objects) : print_yaml(objects);
}

static int configure_and_render(const struct render_options *options)
{
    struct config config;
    struct err err = {.kind = ERR_NONE};
    if (!options->config) {
        config_init(&config);
    } else if (config_load(options->config, &config, &err) < 0) {
        fprintf(stderr, "meshgateway: %s\n", err.msg);
        return EXIT_FAILURE;
    }
    int status = render(options, &config);
    config_done(&config);
    return status;
}

int cmd_render(int argc, char **argv)
{
    int status;
    struct render_options options = {.source.ns = "default", .output = "yaml"};
    if (options_parse(&cmd_render_options, argc, argv, &options, &status))
        status = configure_and_render(&options);
    free(options.source.paths.items);
    return status;
}
