/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gateways.h"

#include "base/limits.h"
#include "cli/input.h"
#include "data/object.h"
#include "data/validate.h"
#include "data/yamlio.h"
#include "templates/templates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One pass over the input, and the document it stands at. */
struct reader {
    const struct gateways_source *source;
    const struct config *config;
    struct schema *schema;
    gateways_each *each;
    void *arg;
    struct strbuf *problems;
    size_t failures; /* files that could not be read */
    size_t found;    /* MeshGateways, good or not */
    const char *file;
    const struct yamlio_document *document;
};

/* One object of the document: all of it, or an item of a list. */
struct item {
    json_t *object;
    const char *prefix; /* "", "items[3]" */
};

/* The path from the root of the document. The caller frees. */
static char *full_path(const struct item *item, const char *path)
{
    return xasprintf("%s%s%s", item->prefix, item->prefix[0] && path[0] ? "." : "", path);
}

static void report(const struct reader *reader, const struct item *item, struct strbuf *out,
                   const char *path, const char *message)
{
    AUTO_FREE char *full = full_path(item, path);
    strbuf_addf(out,
                "%s:%d: %s%s%s\n",
                reader->file,
                yamlio_line(reader->document, full),
                full,
                full[0] ? ": " : "",
                message);
}

static void complain(const struct reader *reader, const struct item *item, const char *path,
                     const char *message)
{
    report(reader, item, reader->problems, path, message);
}

static void warn(const struct reader *reader, const struct item *item, const char *path,
                 const char *message)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT(LIMIT_ERROR_BODY);
    report(reader, item, &line, path, message);
    fputs(line.text, stderr);
}

/* True when it is a MeshGateway that we read; otherwise says what is wrong, unless that is fine. */
static bool check_kind(const struct reader *reader, const struct item *item)
{
    const char *version = jx_str(item->object, "apiVersion", "");
    const char *kind = jx_str(item->object, "kind", "");
    json_auto_t *want = object_api_version(&object_mesh_gateway);
    const char *wanted = json_string_value(want);
    if (!json_is_object(item->object)) {
        complain(reader, item, "", "not a Kubernetes object");
        return false;
    }
    if (version[0] == '\0' || kind[0] == '\0') {
        complain(reader, item, version[0] ? "kind" : "apiVersion", "required");
        return false;
    }
    bool ours = strcmp(kind, object_mesh_gateway.kind) == 0;
    if (ours && strcmp(version, wanted) == 0)
        return true;
    size_t group = strcspn(wanted, "/") + 1;
    if (ours && strncmp(version, wanted, group) == 0) {
        AUTO_FREE char *message = xasprintf("\"%s\" is not known, only %s", version, wanted);
        complain(reader, item, "apiVersion", message);
    } else if (!reader->source->ignore_other_kinds) {
        AUTO_FREE char *message = xasprintf(
            "%s %s is not a MeshGateway (--ignore-other-kinds passes over it)", version, kind);
        complain(reader, item, "kind", message);
    }
    return false;
}

/* As kubectl does before it sends: the namespace that an object goes to is part of the object. */
static void fill_namespace(json_t *object, const char *ns)
{
    json_t *metadata = jx_object(object, "metadata");
    if (metadata && jx_empty(json_object_get(metadata, "namespace")))
        json_object_set_new(metadata, "namespace", STR(ns));
}

struct place {
    int line;
    const struct problem *problem;
};

static int by_line(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->problem < y->problem ? -1 : x->problem > y->problem;
}

/* In the order of the text, which is the order in which a person puts it right. */
static void complain_about(const struct reader *reader, const struct item *item,
                           const struct problems *problems)
{
    AUTO_FREE struct place *places = xcalloc(problems->count, sizeof(*places));
    for (size_t i = 0; i < problems->count; i++) {
        AUTO_FREE char *path = full_path(item, problems->items[i].path);
        places[i] = (struct place){.line = yamlio_line(reader->document, path),
                                   .problem = &problems->items[i]};
    }
    qsort(places, problems->count, sizeof(*places), by_line);
    for (size_t i = 0; i < problems->count; i++)
        complain(reader, item, places[i].problem->path, places[i].problem->message);
}

static void read_object(struct reader *reader, const struct item *item)
{
    if (!check_kind(reader, item))
        return;
    reader->found++;
    fill_namespace(item->object, reader->source->ns);
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct meshgateway gw;
    validate_meshgateway(reader->schema, item->object, &problems);
    if (problems.count > 0 || templates_parse(item->object, reader->config, &gw, &problems) < 0) {
        complain_about(reader, item, &problems);
        return;
    }
    if (gw.sds_ignored)
        warn(reader, item, "spec.sds", "warning: has no effect");
    if (reader->each)
        reader->each(reader->arg, &gw);
    meshgateway_done(&gw);
}

static bool is_list(const json_t *root)
{
    const char *version = jx_str(root, "apiVersion", "");
    const char *kind = jx_str(root, "kind", "");
    json_auto_t *ours = object_api_version(&object_mesh_gateway);
    return (strcmp(version, "v1") == 0 && strcmp(kind, "List") == 0) ||
           (strcmp(version, json_string_value(ours)) == 0 && strcmp(kind, "MeshGatewayList") == 0);
}

static void read_document(struct reader *reader, const struct yamlio_document *document)
{
    reader->document = document;
    struct item whole = {.object = document->root, .prefix = ""};
    if (!is_list(document->root)) {
        read_object(reader, &whole);
        return;
    }
    const json_t *items = json_object_get(document->root, "items");
    if (items && !json_is_array(items))
        complain(reader, &whole, "items", "not a list");
    for (size_t i = 0; i < json_array_size(items); i++) {
        AUTO_FREE char *prefix = xasprintf("items[%zu]", i);
        struct item item = {.object = json_array_get(items, i), .prefix = prefix};
        read_object(reader, &item);
    }
}

static int read_file(struct reader *reader, const char *name, struct err *err)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_FILE);
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    if (input_load(name, &text, err) < 0)
        return -1;
    reader->file = input_title(name);
    struct err wrong = {.kind = ERR_NONE};
    if (yamlio_read(text.text, text.len, reader->file, &stream, &wrong) < 0)
        strbuf_addf(reader->problems, "%s\n", wrong.msg);
    for (size_t i = 0; i < stream.count; i++)
        read_document(reader, &stream.documents[i]);
    return 0;
}

static void read_path(struct reader *reader, const char *path)
{
    struct input_names names = {.items = NULL};
    struct err err = {.kind = ERR_NONE};
    if (input_find(path, &names, &err) < 0) {
        fprintf(stderr, "meshgateway: %s\n", err.msg);
        reader->failures++;
    }
    for (size_t i = 0; i < names.count; i++) {
        if (read_file(reader, names.items[i], &err) < 0) {
            fprintf(stderr, "meshgateway: %s\n", err.msg);
            reader->failures++;
        }
    }
    input_done(&names);
}

int gateways_read(const struct gateways_source *source, const struct config *config,
                  gateways_each *each, void *arg, struct strbuf *problems)
{
    struct err err = {.kind = ERR_NONE};
    struct reader reader = {.source = source,
                            .config = config,
                            .schema = schema_new_embedded(&err),
                            .each = each,
                            .arg = arg,
                            .problems = problems};
    if (!reader.schema) {
        fprintf(stderr, "meshgateway: the built-in schema: %s\n", err.msg);
        return -1;
    }
    for (size_t i = 0; i < source->paths.count; i++)
        read_path(&reader, source->paths.items[i]);
    schema_free(reader.schema);
    if (reader.failures == 0 && reader.found == 0 && problems->len == 0) {
        fputs("meshgateway: there is no MeshGateway in the input\n", stderr);
        return -1;
    }
    return reader.failures > 0 ? -1 : 0;
}
