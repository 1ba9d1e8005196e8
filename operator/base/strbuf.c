/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char strbuf_empty[1] = "";

static int reserve(struct strbuf *sb, size_t extra)
{
    if (sb->failed || extra > sb->max || sb->len > sb->max - extra) {
        sb->failed = true;
        return -1;
    }
    size_t need = sb->len + extra + 1;
    if (need <= sb->cap)
        return 0;
    size_t cap = sb->cap ? sb->cap : 64;
    while (cap < need)
        cap *= 2;
    if (cap > sb->max + 1)
        cap = sb->max + 1;
    sb->text = xrealloc(sb->cap ? sb->text : NULL, cap);
    sb->cap = cap;
    return 0;
}

int strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
    if (reserve(sb, len) < 0)
        return -1;
    if (len)
        memcpy(sb->text + sb->len, data, len);
    sb->len += len;
    sb->text[sb->len] = '\0';
    return 0;
}

int strbuf_adds(struct strbuf *sb, const char *s)
{
    return strbuf_add(sb, s, strlen(s));
}

int strbuf_addc(struct strbuf *sb, char c)
{
    return strbuf_add(sb, &c, 1);
}

int strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
    AUTO_FREE char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0) {
        text = NULL;
        sb->failed = true;
        return -1;
    }
    return strbuf_add(sb, text, (size_t)n);
}

void strbuf_drop(struct strbuf *sb, size_t n)
{
    if (n == 0)
        return;
    sb->len -= n;
    memmove(sb->text, sb->text + n, sb->len);
    sb->text[sb->len] = '\0';
}

void strbuf_clear(struct strbuf *sb)
{
    sb->len = 0;
    sb->failed = false;
    if (sb->cap)
        sb->text[0] = '\0';
}

char *strbuf_take(struct strbuf *sb)
{
    char *text = sb->cap ? sb->text : xstrdup("");
    *sb = (struct strbuf)STRBUF_INIT(sb->max);
    return text;
}

void strbuf_done(struct strbuf *sb)
{
    if (sb->cap)
        free(sb->text);
    *sb = (struct strbuf)STRBUF_INIT(sb->max);
}
