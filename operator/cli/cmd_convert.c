/* SPDX-License-Identifier: Apache-2.0 */
/* convert: MeshGateways out of what other operators and charts call a gateway. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/options.h"
#include "cli/output.h"
#include "data/convert_helm.h"
#include "data/convert_imgw.h"
#include "data/jx.h"
#include "data/meshgateway.h"
#include "data/validate.h"
#include "data/yamlio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct convert_options {
    struct options_list paths;
    const char *from;
    const char *name;
    const char *ns;
    const char *type;
};

static const struct options_item items[] = {
    {.name = "filename",
     .letter = 'f',
     .type = OPTIONS_LIST,
     .value = "FILE|DIR|-",
     .required = true,
     .offset = offsetof(struct convert_options, paths),
     .help = "what to read: a file, a folder with everything below it, or\n"
             "\"-\" for standard input; may be repeated"},
    {.name = "from",
     .type = OPTIONS_CHOICE,
     .value = "auto|istio-mesh-gateway|helm-values",
     .offset = offsetof(struct convert_options, from),
     .help = "what the input is; auto: a document without apiVersion and\n"
             "kind holds values of the chart (auto)"},
    {.name = "name",
     .type = OPTIONS_TEXT,
     .value = "NAME",
     .offset = offsetof(struct convert_options, name),
     .help = "of values: the name of the gateway, which is the release's"},
    {.name = "namespace",
     .letter = 'n',
     .type = OPTIONS_TEXT,
     .value = "NAMESPACE",
     .offset = offsetof(struct convert_options, ns),
     .help = "where a gateway goes that names no namespace; default: none is\nwritten"},
    {.name = "type",
     .type = OPTIONS_CHOICE,
     .value = "ingress|egress",
     .offset = offsetof(struct convert_options, type),
     .help = "of values: what the gateway is for (ingress)"},
    {.name = NULL},
};

const struct options_command cmd_convert_options = {
    .name = "convert",
    .synopsis = "-f FILE|DIR|- [OPTION]...",
    .description =
        "Prints MeshGateways that do what IstioMeshGateways (servicemesh.cisco.com/v1alpha1) or\n"
        "values of Istio's Helm chart \"gateway\" did. Everything that could not be carried over,\n"
        "or means something else now, is told on standard error, one \"file:line: field: "
        "message\"\n"
        "a line. What is printed passes \"meshgateway lint\"; when that cannot be, nothing is, "
        "and\n"
        "the exit status is 1. No cluster is needed.",
    .example = "  meshgateway convert -f imgw.yaml > gateway.yaml\n"
               "  helm get values my-gateway | meshgateway convert -f - --name my-gateway",
    .items = items,
};

/* One pass over the input, and the document it stands at. */
struct converter {
    const struct convert_options *options;
    struct schema *schema;
    struct config config;
    struct strbuf out;
    const char *file;
    const struct yamlio_document *document;
    size_t made;
    bool failed;
};

static int line_of(const struct converter *cv, const char *prefix, const struct problem *problem)
{
    AUTO_FREE char *path =
        xasprintf("%s%s%s", prefix, prefix[0] && problem->path[0] ? "." : "", problem->path);
    return yamlio_line(cv->document, path);
}

/* In the order of the text; problems on one line in the order in which they were found. */
static void tell_notes(const struct converter *cv, const char *prefix, const struct problems *notes)
{
    AUTO_FREE int *lines = xcalloc(notes->count + 1, sizeof(*lines));
    int last = 0;
    for (size_t i = 0; i < notes->count; i++) {
        lines[i] = line_of(cv, prefix, &notes->items[i]);
        last = lines[i] > last ? lines[i] : last;
    }
    for (int line = 0, next; line <= last; line = next) {
        next = last + 1;
        for (size_t i = 0; i < notes->count; i++) {
            const struct problem *note = &notes->items[i];
            if (lines[i] > line && lines[i] < next)
                next = lines[i];
            if (lines[i] == line)
                fprintf(stderr,
                        "%s:%d: %s%s%s%s%s\n",
                        cv->file,
                        line,
                        prefix,
                        prefix[0] && note->path[0] ? "." : "",
                        note->path,
                        note->path[0] || prefix[0] ? ": " : "",
                        note->message);
        }
    }
}

static void refuse(struct converter *cv, const char *prefix, const char *path, const char *message)
{
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    problems_add(&problems, path, "%s", message);
    tell_notes(cv, prefix, &problems);
    cv->failed = true;
}

/* What `lint` says of the result; its paths are those of the MeshGateway. */
static bool is_valid(struct converter *cv, const json_t *result)
{
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    json_auto_t *copy = json_deep_copy(result);
    struct meshgateway gw;
    validate_meshgateway(cv->schema, copy, &problems);
    if (problems.count == 0 && meshgateway_parse(copy, &cv->config, &gw, &problems) == 0)
        meshgateway_done(&gw);
    for (size_t i = 0; i < problems.count; i++)
        fprintf(stderr,
                "%s: the MeshGateway would be wrong: %s: %s\n",
                cv->file,
                problems.items[i].path,
                problems.items[i].message);
    cv->failed |= problems.count > 0;
    return problems.count == 0;
}

static void finish(struct converter *cv, const char *prefix, json_t *result,
                   const struct problems *notes)
{
    json_auto_t *object = result;
    tell_notes(cv, prefix, notes);
    if (notes->count == LIMIT_PROBLEMS)
        refuse(cv, prefix, "", "there is more to tell than can be told");
    json_t *metadata = jx_object(object, "metadata");
    if (cv->options->ns && !json_object_get(metadata, "namespace"))
        json_object_set_new(metadata, "namespace", STR(cv->options->ns));
    if (!is_valid(cv, object))
        return;
    strbuf_adds(&cv->out, cv->made++ ? "---\n" : "");
    if (yamlio_write(object, &cv->out) < 0) {
        fputs("meshgateway: the result is too large\n", stderr);
        cv->failed = true;
    }
}

static void convert_values(struct converter *cv, json_t *values)
{
    AUTO_PROBLEMS struct problems notes = PROBLEMS_INIT;
    const struct convert_helm_target target = {
        .name = cv->options->name, .ns = cv->options->ns, .type = cv->options->type};
    if (!json_is_object(values)) {
        refuse(cv, "", "", "values of a chart are an object");
    } else if (!cv->options->name && !jx_str(values, "name", "")[0]) {
        refuse(cv, "", "", "the values say no name: give the release's with --name");
    } else {
        json_t *result = convert_helm(values, &target, &notes);
        finish(cv, "", result, &notes);
    }
}

static void convert_object_at(struct converter *cv, json_t *object, const char *prefix)
{
    AUTO_PROBLEMS struct problems notes = PROBLEMS_INIT;
    if (convert_imgw_is(object)) {
        json_t *result = convert_imgw(object, &notes);
        finish(cv, prefix, result, &notes);
        return;
    }
    AUTO_FREE char *message =
        xasprintf("%s %s is no IstioMeshGateway",
                  jx_str(object, "apiVersion", "a document without apiVersion"),
                  jx_str(object, "kind", "and kind"));
    refuse(cv, prefix, "kind", message);
}

static void convert_document(struct converter *cv, const struct yamlio_document *document)
{
    json_t *root = document->root;
    const char *kind = jx_str(root, "kind", "");
    bool versioned = jx_str(root, "apiVersion", "")[0] != '\0';
    cv->document = document;
    if (strcmp(cv->options->from, "helm-values") == 0 ||
        (strcmp(cv->options->from, "auto") == 0 && !versioned)) {
        convert_values(cv, root);
    } else if (strcmp(kind, "List") == 0 || strcmp(kind, "IstioMeshGatewayList") == 0) {
        size_t i;
        json_t *item;
        json_array_foreach (jx_array(root, "items"), i, item) {
            AUTO_FREE char *prefix = xasprintf("items[%zu]", i);
            convert_object_at(cv, item, prefix);
        }
    } else {
        convert_object_at(cv, root, "");
    }
}

static int convert_file(struct converter *cv, const char *name, struct err *err)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_FILE);
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    cv->file = input_title(name);
    if (input_load(name, &text, err) < 0 ||
        yamlio_read(text.text, text.len, cv->file, &stream, err) < 0)
        return -1;
    for (size_t i = 0; i < stream.count; i++)
        convert_document(cv, &stream.documents[i]);
    return 0;
}

static void convert_path(struct converter *cv, const char *path)
{
    struct input_names names = {.items = NULL};
    struct err err = {.kind = ERR_NONE};
    int rc = input_find(path, &names, &err);
    for (size_t i = 0; i < names.count && rc == 0; i++)
        rc = convert_file(cv, names.items[i], &err);
    if (rc < 0) {
        fprintf(stderr, "meshgateway: %s\n", err.msg);
        cv->failed = true;
    }
    input_done(&names);
}

static int convert(const struct convert_options *options)
{
    struct err err = {.kind = ERR_NONE};
    struct converter cv = {.options = options,
                           .schema = schema_new_embedded(&err),
                           .out = STRBUF_INIT(LIMIT_RENDERED)};
    if (!cv.schema) {
        fprintf(stderr, "meshgateway: the built-in schema: %s\n", err.msg);
        return EXIT_FAILURE;
    }
    config_init(&cv.config);
    for (size_t i = 0; i < options->paths.count; i++)
        convert_path(&cv, options->paths.items[i]);
    if (!cv.failed && cv.made == 0) {
        fputs("meshgateway: there is nothing to convert in the input\n", stderr);
        cv.failed = true;
    }
    int status = cv.failed ? EXIT_FAILURE : output_write(cv.out.text, cv.out.len);
    strbuf_done(&cv.out);
    config_done(&cv.config);
    schema_free(cv.schema);
    return status;
}

int cmd_convert(int argc, char **argv)
{
    int status;
    struct convert_options options = {.from = "auto", .type = "ingress"};
    if (options_parse(&cmd_convert_options, argc, argv, &options, &status))
        status = convert(&options);
    free(options.paths.items);
    return status;
}
