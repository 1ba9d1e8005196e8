/* SPDX-License-Identifier: Apache-2.0 */
#include "data/problems.h"

#include "base/limits.h"
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void problems_add(struct problems *list, const char *path, const char *fmt, ...)
{
    if (list->count == LIMIT_PROBLEMS)
        return;
    char *message = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&message, fmt, args);
    va_end(args);
    if (n < 0)
        abort();
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].path, path) == 0 &&
            strcmp(list->items[i].message, message) == 0) {
            free(message);
            return;
        }
    }
    list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] = (struct problem){.path = xstrdup(path), .message = message};
}

int problems_to_err(const struct problems *list, struct err *err)
{
    if (list->count == 0)
        return 0;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_ERROR_BODY);
    for (size_t i = 0; i < list->count; i++) {
        const struct problem *p = &list->items[i];
        strbuf_addf(&text, "%s%s%s%s", i ? "; " : "", p->path, p->path[0] ? ": " : "", p->message);
    }
    return err_set(err, ERR_INVALID, "%s", text.text);
}

void problems_done(struct problems *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].path);
        free(list->items[i].message);
    }
    free(list->items);
    *list = (struct problems)PROBLEMS_INIT;
}
