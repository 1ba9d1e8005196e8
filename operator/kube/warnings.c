/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/warnings.h"

#include "base/digest.h"
#include "base/limits.h"
#include "base/strbuf.h"

#include <string.h>

static bool remember(struct warnings *warnings, const struct strbuf *text)
{
    uint64_t digest = digest_add(DIGEST_START, text->text, text->len);
    size_t known = warnings->count < WARNINGS_REMEMBERED ? warnings->count : WARNINGS_REMEMBERED;
    for (size_t i = 0; i < known; i++)
        if (warnings->seen[i] == digest)
            return false;
    warnings->seen[warnings->count++ % WARNINGS_REMEMBERED] = digest;
    return true;
}

/* Reads a quoted-string; returns what follows it, NULL when it does not end. */
static const char *read_quoted(const char *s, struct strbuf *text)
{
    if (*s++ != '"')
        return NULL;
    while (*s && *s != '"') {
        if (*s == '\\' && s[1])
            s++;
        strbuf_addc(text, *s++);
    }
    return *s == '"' ? s + 1 : NULL;
}

void warnings_read(struct warnings *warnings, const char *value, warnings_cb *cb, void *arg)
{
    const char *s = value;
    while (s && *s) {
        /* warn-code SP warn-agent SP warn-text [SP warn-date] */
        s += strspn(s, " \t,");
        if (strspn(s, "0123456789") != 3 || s[3] != ' ')
            return;
        s += 4;
        s += strcspn(s, " ");
        s += strspn(s, " ");
        AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_LOG_LINE);
        s = read_quoted(s, &text);
        if (!s)
            return;
        if (text.len && !text.failed && remember(warnings, &text))
            cb(arg, text.text);
        s += strspn(s, " ");
        AUTO_STRBUF struct strbuf date = STRBUF_INIT(LIMIT_LOG_LINE);
        if (*s == '"')
            s = read_quoted(s, &date);
    }
}
