/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef err_set
#undef err_wrap

/* Cuts a partial UTF-8 sequence off the end of a truncated text. */
static void trim_partial_character(char *s)
{
    size_t len = strlen(s);
    size_t start = len;
    while (start > 0 && ((unsigned char)s[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)s[start - 1];
    size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (want > 1 && len - start + 1 < want)
        s[start - 1] = '\0';
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
    if (n >= (int)sizeof(e->msg))
        trim_partial_character(e->msg);
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
    if (snprintf(e->msg + n, room, ": %s", old.msg) >= (int)room)
        trim_partial_character(e->msg);
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
