/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#undef err_set
#undef err_wrap

/* A message may quote what a server sent, and becomes a part of JSON. */
static void tidy(char *msg, bool cut)
{
    if (cut)
        utf8_trim(msg);
    utf8_repair(msg);
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    if (!e)
        return -1;
    *e = (struct err){.kind = kind};
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(e->msg, sizeof(e->msg), fmt, args);
    va_end(args);
    tidy(e->msg, n >= (int)sizeof(e->msg));
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e)
        return -1;
    struct err old = *e;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(e->msg, sizeof(e->msg), fmt, args);
    va_end(args);
    if (n < 0 || n >= (int)sizeof(e->msg))
        n = (int)sizeof(e->msg) - 1;
    size_t room = sizeof(e->msg) - (size_t)n;
    bool cut = snprintf(e->msg + n, room, ": %s", old.msg) >= (int)room;
    tidy(e->msg, cut);
    return -1;
}

const char *err_kind_name(enum err_kind kind)
{
    switch (kind) {
    case ERR_NONE:
        return "none";
    case ERR_INVALID:
        return "invalid";
    case ERR_NOT_FOUND:
        return "not-found";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_GONE:
        return "gone";
    case ERR_THROTTLED:
        return "throttled";
    case ERR_DENIED:
        return "denied";
    case ERR_UNAVAILABLE:
        return "unavailable";
    case ERR_INTERNAL:
        return "internal";
    }
    return "unknown";
}
