/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of an API server that is not one. The first byte says how long the chunks are: what is
 * found in a stream must not depend on them.
 */
#include "fuzz.h"

#include "kube/apistatus.h"
#include "kube/decode.h"
#include "kube/items.h"
#include "kube/lines.h"
#include "kube/warnings.h"

#include <stdlib.h>
#include <string.h>

#define LINE_LIMIT 4096

static void on_line(const char *line, size_t len, struct strbuf *out)
{
    struct decode_event event;
    struct err err;
    strbuf_add(out, line, len);
    strbuf_addc(out, '\n');
    if (decode_event(line, len, false, &event, &err) < 0)
        return;
    if (event.type == DECODE_ERROR)
        (void)apistatus_set_object_error(event.object, &err);
    json_decref(event.object);
}

static void feed_lines(const char *text, size_t size, size_t chunk, struct strbuf *out)
{
    struct lines lines;
    int more = 0;
    lines_init(&lines, LINE_LIMIT);
    for (size_t at = 0; at < size && more >= 0; at += chunk) {
        const char *line = NULL;
        size_t len = 0;
        struct err err;
        lines_feed(&lines, text + at, chunk < size - at ? chunk : size - at);
        while ((more = lines_next(&lines, &line, &len, &err)) > 0)
            on_line(line, len, out);
    }
    lines_done(&lines);
}

static void feed_items(const char *text, size_t size, size_t chunk, struct strbuf *out)
{
    struct items items;
    int more = 0;
    items_init(&items, LINE_LIMIT);
    for (size_t at = 0; at < size && more >= 0; at += chunk) {
        const char *item = NULL;
        size_t len = 0;
        struct err err;
        items_feed(&items, text + at, chunk < size - at ? chunk : size - at);
        while ((more = items_next(&items, &item, &len, &err)) > 0) {
            strbuf_add(out, item, len);
            strbuf_addc(out, '\n');
            json_decref(decode_json(item, len, NULL));
        }
    }
    if (more == 0)
        strbuf_add(out, items.rest.text, items.rest.len);
    items_done(&items);
}

static void ignore(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    size_t len = size - 1;
    size_t chunk = (size_t)data[0] + 1;
    AUTO_STRBUF struct strbuf whole = STRBUF_INIT((size_t)64 << 20);
    AUTO_STRBUF struct strbuf split = STRBUF_INIT((size_t)64 << 20);
    feed_lines(text, len, len + 1, &whole);
    feed_items(text, len, len + 1, &whole);
    feed_lines(text, len, chunk, &split);
    feed_items(text, len, chunk, &split);
    if (whole.len != split.len || memcmp(whole.text, split.text, whole.len) != 0)
        abort();
    AUTO_FREE char *string = xstrndup(text, len);
    struct warnings warnings = {.count = 0};
    warnings_read(&warnings, string, ignore, NULL);
    struct err err;
    const struct apistatus_answer answer = {
        .http = 400 + data[0], .retry_after = string, .body = text, .len = len};
    return apistatus_set_error(&answer, &err) == -1 && err.kind != ERR_NONE ? 0 : (abort(), 0);
}
