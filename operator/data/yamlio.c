/* SPDX-License-Identifier: Apache-2.0 */
#include "data/yamlio.h"

#include "base/err.h"
#include "base/limits.h"
#include "data/yamlbuild.h"
#include "data/yamlscalar.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    struct yamlbuild *build;
    const char *text;
    size_t len;
    const char *source;
    struct err *err;
    struct yamlio_stream stream;
    bool syntax; /* libyaml refused the text */
};

static void reader_done(struct reader *r)
{
    yamlbuild_free(r->build);
    yaml_parser_delete(&r->parser);
    yamlio_done(&r->stream);
}

/* Steals root and marks. The array grows in powers of two. */
static void add_document(struct yamlio_stream *stream, json_t *root, struct yamlmarks marks)
{
    size_t n = stream->count;
    if ((n & (n - 1)) == 0)
        stream->documents =
            xrealloc(stream->documents, (n ? n * 2 : 1) * sizeof(*stream->documents));
    stream->documents[n] = (struct yamlio_document){.root = root, .marks = marks};
    stream->count++;
}

static int end_document(struct reader *r)
{
    struct yamlmarks marks;
    json_t *root = yamlbuild_take(r->build, &marks);
    if (!json_is_null(root)) {
        if (r->stream.count == LIMIT_YAML_DOCUMENTS) {
            json_decref(root);
            yamlmarks_done(&marks);
            return err_set(r->err, ERR_INVALID, "more than %d documents", LIMIT_YAML_DOCUMENTS);
        }
        add_document(&r->stream, root, marks);
        return 0;
    }
    yamlmarks_done(&marks);
    return 0;
}

/* A place in the text, both from 0; the column counts bytes. */
struct place {
    size_t line, column, offset;
};

/* The place of a byte. */
static struct place place_of_offset(const char *text, size_t offset)
{
    struct place at = {.offset = offset};
    size_t begin = 0;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            at.line++;
            begin = i + 1;
        }
    }
    at.column = offset - begin;
    return at;
}

/* The place of libyaml's mark, which may be on a line after the last. */
static struct place place_of_mark(const struct reader *r, const yaml_mark_t *mark)
{
    const char *line = r->text;
    const char *end = r->text + r->len;
    for (size_t i = 0; i < mark->line; i++) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            return place_of_offset(r->text, r->len);
        line = next + 1;
    }
    return (struct place){
        .line = mark->line,
        .column = mark->column,
        .offset = (size_t)(line - r->text) + mark->column,
    };
}

static int fail(struct reader *r, const struct place *at, const char *message)
{
    return err_set(
        r->err, ERR_INVALID, "%s:%zu:%zu: %s", r->source, at->line + 1, at->column + 1, message);
}

static int fail_syntax(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        abort();
    r->syntax = true;
    /* of bytes that are no text libyaml tells the offset only, of a tab only that it is unexpected
     */
    struct place at = p->error == YAML_READER_ERROR ? place_of_offset(r->text, p->problem_offset)
                                                    : place_of_mark(r, &p->problem_mark);
    if (at.offset < r->len && r->text[at.offset] == '\t')
        return fail(r, &at, "a tab cannot indent YAML, only spaces can");
    AUTO_FREE char *message = xasprintf("%s%s%s",
                                        p->context ? p->context : "",
                                        p->context ? ", " : "",
                                        p->problem ? p->problem : "not YAML");
    return fail(r, &at, message);
}

static int read_events(struct reader *r)
{
    for (;;) {
        AUTO(yaml_event_delete) yaml_event_t event = {.type = YAML_NO_EVENT};
        if (!yaml_parser_parse(&r->parser, &event))
            return fail_syntax(r);
        if (event.type == YAML_STREAM_END_EVENT)
            return 0;
        int rc = event.type == YAML_DOCUMENT_END_EVENT ? end_document(r)
                                                       : yamlbuild_event(r->build, &event, r->err);
        if (rc < 0)
            return err_wrap(r->err,
                            "%s:%zu:%zu",
                            r->source,
                            event.start_mark.line + 1,
                            event.start_mark.column + 1);
    }
}

/* One escape of four hexadecimal digits. */
static bool read_escape(const char *p, unsigned *ret)
{
    if (p[0] != '\\' || p[1] != 'u')
        return false;
    *ret = 0;
    for (int i = 2; i < 6; i++) {
        const char *at = strchr("0123456789abcdef", p[i] | 0x20);
        if (!at || !*at)
            return false;
        *ret = *ret << 4 | (unsigned)(at - "0123456789abcdef");
    }
    return true;
}

/* Two escapes \uD83D\uDE00 at p: adds the one character they stand for. */
static bool add_surrogate_pair(const char *p, const char *end, struct strbuf *out)
{
    unsigned high, low;
    if (end - p < 12 || !read_escape(p, &high) || !read_escape(p + 6, &low))
        return false;
    if (high < 0xd800 || high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return false;
    unsigned c = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    const unsigned char utf8[] = {(unsigned char)(0xf0 | c >> 18),
                                  (unsigned char)(0x80 | (c >> 12 & 0x3f)),
                                  (unsigned char)(0x80 | (c >> 6 & 0x3f)),
                                  (unsigned char)(0x80 | (c & 0x3f))};
    strbuf_add(out, utf8, sizeof(utf8));
    return true;
}

/*
 * The two things of JSON that YAML lacks, made into YAML: surrogate pairs, and objects that follow
 * one another without a separator, as jq and kubectl print them. Keeps the lines where they are,
 * but for objects that share one.
 */
static void json_to_yaml(const char *text, size_t len, struct strbuf *out)
{
    const char *end = text + len;
    bool string = false, after_object = false;
    size_t depth = 0;
    for (const char *p = text; p < end; p++) {
        if (string && *p == '\\' && add_surrogate_pair(p, end, out)) {
            p += 11;
            continue;
        }
        if (!string && *p == '{' && depth == 0 && after_object)
            strbuf_adds(out, out->text[out->len - 1] == '\n' ? "--- " : "\n--- ");
        strbuf_addc(out, *p);
        if (string && *p == '\\' && p + 1 < end)
            strbuf_addc(out, *++p);
        else if (*p == '"')
            string = !string;
        else if (!string && (*p == '{' || *p == '['))
            depth++;
        else if (!string && (*p == '}' || *p == ']') && depth > 0)
            after_object = --depth == 0;
    }
}

static int read_text(const char *text, size_t len, const char *source, struct yamlio_stream *ret,
                     bool *ret_syntax, struct err *err)
{
    AUTO(reader_done)
    struct reader r = {
        .text = text, .len = len, .source = source, .err = err, .build = yamlbuild_new()};
    if (!yaml_parser_initialize(&r.parser))
        abort(); /* out of memory */
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    if (read_events(&r) < 0) {
        *ret_syntax = r.syntax;
        return -1;
    }
    *ret = r.stream;
    r.stream = (struct yamlio_stream)YAMLIO_STREAM_INIT;
    return 0;
}

int yamlio_read(const char *text, size_t len, const char *source, struct yamlio_stream *ret,
                struct err *err)
{
    if (len > LIMIT_FILE)
        return err_set(err, ERR_INVALID, "%s: larger than %zu bytes", source, LIMIT_FILE);
    bool syntax = false;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3; /* the byte order mark of some editors */
        len -= 3;
    }
    if (read_text(text, len, source, ret, &syntax, err) == 0)
        return 0;
    size_t blank = 0;
    while (blank < len && text[blank] && strchr(" \t\r\n", text[blank]))
        blank++;
    if (!syntax || blank == len || text[blank] != '{')
        return -1;
    AUTO_STRBUF struct strbuf yaml = STRBUF_INIT(LIMIT_FILE * 4);
    json_to_yaml(text, len, &yaml);
    return read_text(yaml.text, yaml.len, source, ret, &syntax, err);
}

int yamlio_line(const struct yamlio_document *document, const char *path)
{
    return yamlmarks_line(&document->marks, path);
}

void yamlio_done(struct yamlio_stream *stream)
{
    for (size_t i = 0; i < stream->count; i++) {
        json_decref(stream->documents[i].root);
        yamlmarks_done(&stream->documents[i].marks);
    }
    free(stream->documents);
    *stream = (struct yamlio_stream)YAMLIO_STREAM_INIT;
}

static int append(void *out, unsigned char *data, size_t len)
{
    return strbuf_add(out, data, len) == 0;
}

/* False without an event, which only a lack of memory brings about. */
static int emit(yaml_emitter_t *emitter, int initialized, yaml_event_t *event)
{
    if (!initialized)
        abort();
    return yaml_emitter_emit(emitter, event) ? 0 : -1;
}

static int emit_scalar(yaml_emitter_t *emitter, const char *text, size_t len,
                       yaml_scalar_style_t style)
{
    yaml_event_t event;
    return emit(emitter,
                yaml_scalar_event_initialize(&event,
                                             /* anchor= */ NULL,
                                             /* tag= */ NULL,
                                             (const yaml_char_t *)text,
                                             (int)len,
                                             /* plain_implicit= */ 1,
                                             /* quoted_implicit= */ 1,
                                             style),
                &event);
}

/* Other line breaks of YAML 1.1: readers turn them into \n unless they are escaped. */
static bool has_odd_break(const char *text)
{
    return strchr(text, '\r') || strstr(text, "\xc2\x85") || strstr(text, "\xe2\x80\xa8") ||
           strstr(text, "\xe2\x80\xa9");
}

/*
 * A wish: libyaml takes quotes where the style cannot hold the text. A block that begins with
 * white space or ends in empty lines needs hints that readers disagree on, so it is quoted too.
 */
static yaml_scalar_style_t string_style(const char *text, size_t len)
{
    if (has_odd_break(text))
        return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (memchr(text, '\n', len)) {
        bool block = !strchr(" \t\n", text[0]) && !(len > 1 && strcmp(text + len - 2, "\n\n") == 0);
        return block ? YAML_LITERAL_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    }
    return yamlscalar_is_plain(text, len) ? YAML_PLAIN_SCALAR_STYLE
                                          : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
}

static int emit_string(yaml_emitter_t *emitter, const char *text, size_t len)
{
    return emit_scalar(emitter, text, len, string_style(text, len));
}

static int emit_plain(yaml_emitter_t *emitter, const char *text)
{
    return emit_scalar(emitter, text, strlen(text), YAML_PLAIN_SCALAR_STYLE);
}

static int emit_value(yaml_emitter_t *emitter, const json_t *value);

static int emit_object(yaml_emitter_t *emitter, json_t *object)
{
    yaml_event_t event;
    if (emit(emitter,
             yaml_mapping_start_event_initialize(
                 &event, NULL, NULL, /* implicit= */ 1, YAML_BLOCK_MAPPING_STYLE),
             &event) < 0)
        return -1;
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value)
        if (emit_string(emitter, key, strlen(key)) < 0 || emit_value(emitter, value) < 0)
            return -1;
    return emit(emitter, yaml_mapping_end_event_initialize(&event), &event);
}

static int emit_array(yaml_emitter_t *emitter, const json_t *array)
{
    yaml_event_t event;
    if (emit(emitter,
             yaml_sequence_start_event_initialize(
                 &event, NULL, NULL, /* implicit= */ 1, YAML_BLOCK_SEQUENCE_STYLE),
             &event) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(array); i++)
        if (emit_value(emitter, json_array_get(array, i)) < 0)
            return -1;
    return emit(emitter, yaml_sequence_end_event_initialize(&event), &event);
}

static int emit_value(yaml_emitter_t *emitter, const json_t *value)
{
    AUTO_FREE char *text = NULL;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return emit_object(emitter, (json_t *)(uintptr_t)value);
    case JSON_ARRAY:
        return emit_array(emitter, value);
    case JSON_STRING:
        return emit_string(emitter, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        text = xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        text = yamlscalar_float(json_real_value(value));
        break;
    case JSON_TRUE:
        return emit_plain(emitter, "true");
    case JSON_FALSE:
        return emit_plain(emitter, "false");
    case JSON_NULL:
        return emit_plain(emitter, "null");
    }
    return emit_plain(emitter, text);
}

int yamlio_write(const json_t *value, struct strbuf *out)
{
    AUTO(yaml_emitter_delete) yaml_emitter_t emitter;
    yaml_event_t event;
    if (!yaml_emitter_initialize(&emitter))
        abort();
    yaml_emitter_set_output(&emitter, append, out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_indent(&emitter, 2);
    yaml_emitter_set_width(&emitter, /* unlimited */ -1);
    if (emit(&emitter, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event) < 0)
        return -1;
    if (emit(&emitter,
             yaml_document_start_event_initialize(&event, NULL, NULL, NULL, /* implicit= */ 1),
             &event) < 0)
        return -1;
    if (emit_value(&emitter, value) < 0)
        return -1;
    if (emit(&emitter, yaml_document_end_event_initialize(&event, /* implicit= */ 1), &event) < 0)
        return -1;
    return emit(&emitter, yaml_stream_end_event_initialize(&event), &event);
}
