/* SPDX-License-Identifier: Apache-2.0 */
#include "data/fieldpath.h"

#include "base/limits.h"
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_plain(const char *key)
{
    return key[0] != '\0' && strspn(key,
                                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789_-") == strlen(key);
}

static void add_steps(struct strbuf *text, const struct fieldpath *path)
{
    if (!path)
        return;
    add_steps(text, path->up);
    if (!path->key)
        strbuf_addf(text, "[%zu]", path->index);
    else if (is_plain(path->key))
        strbuf_addf(text, "%s%s", text->len ? "." : "", path->key);
    else
        strbuf_addf(text, "[\"%s\"]", path->key);
}

char *fieldpath_text(const struct fieldpath *path)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_FIELD_PATH);
    add_steps(&text, path);
    return strbuf_take(&text);
}

void fieldpath_problem(const struct fieldpath *path, struct problems *problems, const char *fmt,
                       ...)
{
    char *message = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&message, fmt, args);
    va_end(args);
    if (n < 0)
        abort();
    AUTO_FREE char *owned = message;
    AUTO_FREE char *text = fieldpath_text(path);
    problems_add(problems, text, "%s", owned);
}
