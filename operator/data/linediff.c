/* SPDX-License-Identifier: Apache-2.0 */
#include "data/linediff.h"

#include "base/limits.h"

#include <stdint.h>
#include <string.h>

#define CONTEXT 3

/* The lines of a text; the last one may lack its end. */
struct lines {
    const char **starts; /* count + 1: the last is the end of the text */
    size_t count;
};

/* One line of the result: ' ' both, '-' before only, '+' after only. */
struct edit {
    char sign;
    size_t before, after; /* how many lines of each come before this one */
    const char *text;
    size_t len;
};

struct edits {
    struct edit *items;
    size_t count;
};

static struct lines split(const char *text)
{
    struct lines lines = {.starts = xmalloc((strlen(text) + 2) * sizeof(char *))};
    while (*text) {
        lines.starts[lines.count++] = text;
        const char *end = strchrnul(text, '\n');
        text = *end ? end + 1 : end;
    }
    lines.starts[lines.count] = text;
    return lines;
}

static size_t len_of(const struct lines *lines, size_t i)
{
    return (size_t)(lines->starts[i + 1] - lines->starts[i]);
}

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
    return len_of(a, i) == len_of(b, j) && memcmp(a->starts[i], b->starts[j], len_of(a, i)) == 0;
}

static void add(struct edits *edits, char sign, const struct lines *from, size_t i, size_t before,
                size_t after)
{
    edits->items[edits->count++] = (struct edit){.sign = sign,
                                                 .before = before,
                                                 .after = after,
                                                 .text = from->starts[i],
                                                 .len = len_of(from, i)};
}

/*
 * The longest common subsequence of a[head, a_end) and b[head, b_end): cell (i, j) of the table is
 * its length from there on.
 */
static void compare(struct edits *edits, const struct lines *a, size_t a_end, const struct lines *b,
                    size_t b_end, size_t head)
{
    size_t rows = a_end - head, columns = b_end - head, width = columns + 1;
    bool small = rows < LIMIT_DIFF_CELLS / (columns + 1);
    AUTO_FREE uint32_t *table = xcalloc(small ? (rows + 1) * width : 1, sizeof(uint32_t));
    for (size_t i = small ? rows : 0; i-- > 0;) {
        for (size_t j = columns; j-- > 0;) {
            uint32_t down = table[(i + 1) * width + j], right = table[i * width + j + 1];
            table[i * width + j] = same(a, head + i, b, head + j)
                                       ? table[(i + 1) * width + j + 1] + 1
                                   : down >= right ? down
                                                   : right;
        }
    }
    size_t i = 0, j = 0;
    while (i < rows || j < columns) {
        if (small && i < rows && j < columns && same(a, head + i, b, head + j)) {
            add(edits, ' ', a, head + i, head + i, head + j);
            i++;
            j++;
        } else if (i < rows && (!small || j == columns ||
                                table[(i + 1) * width + j] >= table[i * width + j + 1])) {
            add(edits, '-', a, head + i, head + i, head + j);
            i++;
        } else {
            add(edits, '+', b, head + j, head + i, head + j);
            j++;
        }
    }
}

static struct edits edits_of(const struct lines *a, const struct lines *b)
{
    struct edits edits = {.items = xcalloc(a->count + b->count + 1, sizeof(struct edit))};
    size_t head = 0, tail = 0;
    while (head < a->count && head < b->count && same(a, head, b, head)) {
        add(&edits, ' ', a, head, head, head);
        head++;
    }
    while (tail < a->count - head && tail < b->count - head &&
           same(a, a->count - 1 - tail, b, b->count - 1 - tail))
        tail++;
    compare(&edits, a, a->count - tail, b, b->count - tail, head);
    for (; tail > 0; tail--)
        add(&edits, ' ', a, a->count - tail, a->count - tail, b->count - tail);
    return edits;
}

/* "-3,7", "+1", "-0,0": where the lines of one side are. */
static void add_range(struct strbuf *out, char sign, size_t start, size_t count)
{
    strbuf_addf(out, "%c%zu", sign, count ? start + 1 : start);
    if (count != 1)
        strbuf_addf(out, ",%zu", count);
}

static void add_hunk(const struct edits *edits, size_t from, size_t to, struct strbuf *out)
{
    size_t before = 0, after = 0;
    for (size_t i = from; i < to; i++) {
        before += edits->items[i].sign != '+';
        after += edits->items[i].sign != '-';
    }
    strbuf_adds(out, "@@ ");
    add_range(out, '-', edits->items[from].before, before);
    strbuf_addc(out, ' ');
    add_range(out, '+', edits->items[from].after, after);
    strbuf_adds(out, " @@\n");
    for (size_t i = from; i < to; i++) {
        const struct edit *edit = &edits->items[i];
        strbuf_addc(out, edit->sign);
        strbuf_add(out, edit->text, edit->len);
        if (edit->len == 0 || edit->text[edit->len - 1] != '\n')
            strbuf_adds(out, "\n\\ No newline at end of file\n");
    }
}

/* The first change from here on, or the count. */
static size_t next_change(const struct edits *edits, size_t i)
{
    while (i < edits->count && edits->items[i].sign == ' ')
        i++;
    return i;
}

static void add_hunks(const struct edits *edits, struct strbuf *out)
{
    size_t done = 0;
    for (size_t first = next_change(edits, 0); first < edits->count;) {
        size_t last = first, next = first;
        while (next < edits->count && next - last <= 2 * CONTEXT + 1) {
            last = next;
            next = next_change(edits, last + 1);
        }
        size_t from = first - done > CONTEXT ? first - CONTEXT : done;
        size_t to = edits->count - last - 1 > CONTEXT ? last + 1 + CONTEXT : edits->count;
        add_hunk(edits, from, to, out);
        done = to;
        first = next;
    }
}

void linediff(const char *before, const char *after, struct strbuf *out)
{
    struct lines a = split(before), b = split(after);
    struct edits edits = edits_of(&a, &b);
    add_hunks(&edits, out);
    mem_auto_free(&edits.items);
    mem_auto_free(&a.starts);
    mem_auto_free(&b.starts);
}
