/* SPDX-License-Identifier: Apache-2.0 */
/*
 * golden [--update] CASE...: renders each folder's in.yaml, with its config.yaml and live.yaml
 * where there are any, and compares the text with its out.yaml, byte by byte. --update writes
 * out.yaml instead; read the difference before you commit it.
 */
#include "base/file.h"
#include "base/limits.h"
#include "data/yamlio.h"
#include "templates/templates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTEXT_LINES 3

static void render_into(const struct meshgateway *gw, const struct templates_live *live,
                        struct strbuf *out)
{
    struct templates_list list;
    templates_render(gw, live, &list);
    for (size_t i = 0; i < list.count; i++) {
        if (out->len > 0)
            strbuf_adds(out, "---\n");
        if (yamlio_write(list.items[i].object, out) < 0)
            abort();
    }
    templates_list_done(&list);
}

static int render_document(json_t *object, const struct config *config,
                           const struct templates_live *live, struct strbuf *out, struct err *err)
{
    struct meshgateway gw;
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    if (templates_parse(object, config, &gw, &problems) < 0)
        return problems_to_err(&problems, err);
    size_t start = out->len;
    render_into(&gw, live, out);
    AUTO_STRBUF struct strbuf again = STRBUF_INIT(LIMIT_FILE);
    render_into(&gw, live, &again);
    size_t separator = start > 0 ? strlen("---\n") : 0;
    meshgateway_done(&gw);
    if (out->len - start - separator != again.len ||
        memcmp(out->text + start + separator, again.text, again.len) != 0)
        return err_set(err, ERR_INTERNAL, "rendered twice, it differs");
    return 0;
}

static int load_config(const char *folder, struct config *config, struct err *err)
{
    AUTO_FREE char *path = xasprintf("%s/config.yaml", folder);
    if (access(path, R_OK) == 0)
        return config_load(path, config, err);
    config_init(config);
    return 0;
}

/* live.yaml: struct templates_live; what it leaves out is not there. */
static int load_live(const char *folder, struct yamlio_stream *stream, struct err *err)
{
    AUTO_FREE char *path = xasprintf("%s/live.yaml", folder);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_FILE);
    if (access(path, R_OK) != 0)
        return 0;
    if (file_read(path, &text, err) < 0)
        return -1;
    return yamlio_read(text.text, text.len, path, stream, err);
}

static int render_case(const char *folder, struct strbuf *out, struct err *err)
{
    AUTO_FREE char *path = xasprintf("%s/in.yaml", folder);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_FILE);
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    AUTO_YAMLIO_STREAM struct yamlio_stream world = YAMLIO_STREAM_INIT;
    AUTO(config_done) struct config config = {.istio_namespace = NULL};
    if (load_config(folder, &config, err) < 0 || load_live(folder, &world, err) < 0 ||
        file_read(path, &text, err) < 0 || yamlio_read(text.text, text.len, path, &stream, err) < 0)
        return -1;
    const json_t *root = world.count ? world.documents[0].root : NULL;
    struct templates_live live = {.issued = jx_object(root, "issued"),
                                  .temporary = jx_array(root, "temporary"),
                                  .routes = jx_array(root, "routes"),
                                  .have_istio = jx_bool(root, "have_istio", false),
                                  .have_cert_manager = jx_bool(root, "have_cert_manager", false)};
    for (size_t i = 0; i < stream.count; i++)
        if (render_document(stream.documents[i].root, &config, root ? &live : NULL, out, err) < 0)
            return -1;
    return 0;
}

static size_t line_length(const char *text)
{
    size_t len = strcspn(text, "\n");
    return text[len] == '\n' ? len + 1 : len;
}

/* Prints n lines, each after the mark. */
static void print_lines(char mark, const char *text, size_t n)
{
    for (; n > 0 && *text; n--) {
        size_t len = strcspn(text, "\n");
        printf("  %c %.*s\n", mark, (int)len, text);
        text += line_length(text);
    }
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text; text += line_length(text))
        n++;
    return n;
}

/* The first place where they differ: what was wanted, and what came instead. */
static void print_difference(const char *wanted, const char *found)
{
    size_t line = 1;
    while (*wanted && line_length(wanted) == line_length(found) &&
           memcmp(wanted, found, line_length(wanted)) == 0) {
        size_t len = line_length(wanted);
        wanted += len;
        found += len;
        line++;
    }
    printf("  out.yaml:%zu, with %zu and %zu lines left:\n",
           line,
           count_lines(wanted),
           count_lines(found));
    print_lines('-', wanted, CONTEXT_LINES);
    print_lines('+', found, CONTEXT_LINES);
}

static int compare(const char *path, const char *found, struct err *err)
{
    AUTO_STRBUF struct strbuf wanted = STRBUF_INIT(LIMIT_FILE);
    if (file_read(path, &wanted, err) < 0)
        return -1;
    if (strcmp(wanted.text, found) == 0)
        return 0;
    print_difference(wanted.text, found);
    return err_set(err, ERR_INVALID, "the rendered text differs");
}

static int update(const char *path, const struct strbuf *text, struct err *err)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
    size_t written = fwrite(text->text, 1, text->len, file);
    if (fclose(file) != 0 || written != text->len)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
    return 0;
}

int main(int argc, char **argv)
{
    bool updating = argc > 1 && strcmp(argv[1], "--update") == 0;
    int failed = 0;
    for (int i = updating ? 2 : 1; i < argc; i++) {
        struct err err = {.kind = ERR_NONE};
        AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_FILE);
        AUTO_FREE char *path = xasprintf("%s/out.yaml", argv[i]);
        if (render_case(argv[i], &out, &err) < 0 ||
            (updating ? update(path, &out, &err) : compare(path, out.text, &err)) < 0) {
            printf("%s: %s\n", argv[i], err.msg);
            failed++;
        }
    }
    printf("%d of %d cases failed\n", failed, argc - (updating ? 2 : 1));
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
