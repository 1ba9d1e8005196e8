/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include "base/mem.h"
#include "base/now.h"

#include <string.h>

#define COLUMNS 12
#define GAP     3

/* Characters of a text in UTF-8. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static const char *cell(const json_t *row, size_t column)
{
    const char *text = json_string_value(json_array_get(row, column));
    return text && text[0] ? text : "-";
}

static void add_plain(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool c1 = c == 0xC2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xA0;
        strbuf_addc(out, c < 0x20 || c == 0x7F || c1 ? ' ' : *text);
        text += c1;
    }
}

void table_write(const json_t *rows, struct strbuf *out)
{
    size_t widths[COLUMNS] = {0};
    size_t i;
    json_t *row;
    json_array_foreach (rows, i, row) {
        for (size_t c = 0; c < COLUMNS && c < json_array_size(row); c++) {
            size_t width = width_of(cell(row, c));
            if (width > widths[c])
                widths[c] = width;
        }
    }
    json_array_foreach (rows, i, row) {
        size_t count = json_array_size(row);
        for (size_t c = 0; c < COLUMNS && c < count; c++) {
            add_plain(out, cell(row, c));
            if (c + 1 < count)
                strbuf_addf(out, "%*s", (int)(widths[c] - width_of(cell(row, c)) + GAP), "");
        }
        strbuf_addc(out, '\n');
    }
}

char *table_age(const char *time, int64_t now_us)
{
    int64_t then;
    if (!time || now_parse_time(time, &then) < 0)
        return xstrdup("");
    long long seconds = (long long)((now_us - then) / 1000000);
    if (seconds < 0)
        seconds = 0;
    if (seconds < 120)
        return xasprintf("%llds", seconds);
    if (seconds < 120LL * 60)
        return xasprintf("%lldm", seconds / 60);
    if (seconds < 48LL * 3600)
        return xasprintf("%lldh", seconds / 3600);
    return xasprintf("%lldd", seconds / 86400);
}
