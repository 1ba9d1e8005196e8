/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML to JSON and back, over libyaml's events. JSON is legal input too.
 *
 * A manifest means here what it means to kubectl (data/yamlscalar.h has the rules for scalars).
 * On purpose stricter than kubectl, which takes these silently and loses or changes something: a
 * key given twice, a document after "..." without "---", NUL characters, invalid UTF-8 (in the text
 * or out of !!binary).
 *
 * Ceilings (base/limits.h): size, documents, depth, and how much aliases may expand.
 */
#pragma once

#include "base/strbuf.h"
#include "data/yamlmarks.h"

#include <jansson.h>

struct err;

struct yamlio_document {
    json_t *root; /* owned by the document; never null: empty documents are left out */
    struct yamlmarks marks;
};

struct yamlio_stream {
    struct yamlio_document *documents;
    size_t count;
};

#define YAMLIO_STREAM_INIT                                                                         \
    {                                                                                              \
        .documents = NULL                                                                          \
    }
#define AUTO_YAMLIO_STREAM AUTO(yamlio_done)

/*
 * Reads all documents of a text. `source` names it in errors: "gateways.yaml:3:7: message",
 * ERR_INVALID. The caller ends *ret with yamlio_done.
 */
int yamlio_read(const char *text, size_t len, const char *source, struct yamlio_stream *ret,
                struct err *err) MUST_CHECK;
/*
 * The line, from 1, where a value stands: "spec.ports[1].name", metadata.labels["a.b/c"]; for a
 * path that is not there, the line of its nearest parent. Values of an alias stand at the anchor.
 */
int yamlio_line(const struct yamlio_document *document, const char *path);
void yamlio_done(struct yamlio_stream *stream);

/*
 * Appends a value as one document, in the layout of kubectl's output, without "---". Every reader
 * of YAML 1.1 or 1.2 gets the same value back. Equal values in equal order give equal bytes.
 * 0, or -1 when `out` is full.
 */
int yamlio_write(const json_t *value, struct strbuf *out) MUST_CHECK;
