/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/lines.h"

#include <assert.h>
#include <string.h>

void lines_init(struct lines *lines, size_t max)
{
    *lines = (struct lines){.partial = STRBUF_INIT(max)};
}

void lines_done(struct lines *lines)
{
    strbuf_done(&lines->partial);
    lines->chunk = NULL;
    lines->len = 0;
    lines->fresh = false;
}

void lines_feed(struct lines *lines, const char *chunk, size_t len)
{
    assert(lines->len == 0);
    lines->chunk = chunk;
    lines->len = len;
}

static int too_long(const struct lines *lines, struct err *err)
{
    return err_set(err, ERR_INTERNAL, "a line is longer than %zu bytes", lines->partial.max);
}

int lines_next(struct lines *lines, const char **ret_line, size_t *ret_len, struct err *err)
{
    if (lines->fresh) {
        /* One long line must not keep its memory for the hours of a watch. */
        strbuf_done(&lines->partial);
        lines->fresh = false;
    }
    const char *end = lines->len ? memchr(lines->chunk, '\n', lines->len) : NULL;
    size_t part = end ? (size_t)(end - lines->chunk) : lines->len;
    if (part > lines->partial.max - lines->partial.len)
        return too_long(lines, err);
    const char *start = lines->chunk;
    if (!end) {
        strbuf_add(&lines->partial, start, part);
        lines->len = 0;
        return 0;
    }
    lines->chunk += part + 1;
    lines->len -= part + 1;
    if (lines->partial.len == 0) {
        *ret_line = start;
        *ret_len = part;
        return 1;
    }
    strbuf_add(&lines->partial, start, part);
    lines->fresh = true;
    *ret_line = lines->partial.text;
    *ret_len = lines->partial.len;
    return 1;
}
