/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows what data/yamlio makes of standard input: `yamltool json` prints one line of JSON for each
 * document, `yamltool yaml` writes the documents as YAML again.
 */
#include "base/err.h"
#include "base/limits.h"
#include "data/jx.h"
#include "data/yamlio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_all(struct strbuf *text)
{
    AUTO_FREE char *chunk = xmalloc(LIMIT_KIB(64));
    for (size_t n; (n = fread(chunk, 1, LIMIT_KIB(64), stdin)) > 0;)
        strbuf_add(text, chunk, n);
}

static int print_yaml(const struct yamlio_stream *stream)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_FILE);
    for (size_t i = 0; i < stream->count; i++) {
        strbuf_adds(&out, i ? "---\n" : "");
        if (yamlio_write(stream->documents[i].root, &out) < 0)
            return EXIT_FAILURE;
    }
    fwrite(out.text, 1, out.len, stdout);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_FILE);
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    struct err err = {.kind = ERR_NONE};
    read_all(&text);
    if (yamlio_read(text.text, text.len, "stdin", &stream, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return EXIT_FAILURE;
    }
    if (argc == 2 && strcmp(argv[1], "yaml") == 0)
        return print_yaml(&stream);
    for (size_t i = 0; i < stream.count; i++) {
        AUTO_FREE char *line = jx_compact(stream.documents[i].root);
        puts(line);
    }
    return EXIT_SUCCESS;
}
