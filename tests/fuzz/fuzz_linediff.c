/* SPDX-License-Identifier: Apache-2.0 */
/* Two texts, split at a NUL: the hunks make the second one of the first. */
#include "fuzz.h"

#include "data/linediff.h"

#include <string.h>

/* With its newline, if it has one. */
static size_t line_len(const char *text)
{
    size_t len = strcspn(text, "\n");
    return len + (text[len] == '\n');
}

/* One line of a hunk; where `before` stands then. */
static const char *patch_line(const char *before, const char *line, struct strbuf *out)
{
    size_t len = line_len(line);
    bool open = line[len] == '\\'; /* "\ No newline at end of file" */
    const char *text = line + 1;
    size_t text_len = len - 1 - open;
    if (*line == '+') {
        strbuf_add(out, text, text_len);
        return before;
    }
    require(line_len(before) == text_len && memcmp(before, text, text_len) == 0);
    if (*line == ' ')
        strbuf_add(out, text, text_len);
    return before + text_len;
}

/* What patch(1) does with hunks that fit exactly. */
static void patch(const char *before, const char *hunks, struct strbuf *out)
{
    long next = 1; /* number of the line where `before` stands */
    while (*hunks) {
        char *end;
        require(strncmp(hunks, "@@ -", 4) == 0);
        long first = strtol(hunks + 4, &end, 10);
        first += strncmp(end, ",0 ", 3) == 0; /* then it is the line before */
        for (; next < first; next++) {
            require(*before != '\0');
            strbuf_add(out, before, line_len(before));
            before += line_len(before);
        }
        hunks += line_len(hunks);
        for (; *hunks && *hunks != '@'; hunks += line_len(hunks)) {
            if (*hunks == '\\')
                continue;
            before = patch_line(before, hunks, out);
            next += *hunks != '+';
        }
    }
    strbuf_adds(out, before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *before = xstrndup((const char *)data, size);
    size_t len = strlen(before);
    AUTO_FREE char *after =
        len < size ? xstrndup((const char *)data + len + 1, size - len - 1) : xstrdup("");
    AUTO_STRBUF struct strbuf hunks = STRBUF_INIT((size_t)64 << 20);
    AUTO_STRBUF struct strbuf patched = STRBUF_INIT((size_t)64 << 20);
    linediff(before, after, &hunks);
    require((hunks.len == 0) == (strcmp(before, after) == 0));
    patch(before, hunks.len > 0 ? hunks.text : "", &patched);
    require(strlen(after) == patched.len && memcmp(patched.text, after, patched.len) == 0);
    return 0;
}
