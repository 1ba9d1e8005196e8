/* SPDX-License-Identifier: Apache-2.0 */
/* What is cut out of a stream is the same however the stream is cut into chunks. */
#include "base/rnd.h"
#include "data/jx.h"
#include "kube/items.h"
#include "kube/lines.h"
#include "support/unit.h"

#include <string.h>

#define LIMIT 64

typedef void feed_fn(const char *text, size_t len, size_t chunk, struct strbuf *out);

/* All lines, each in brackets; then what is left over. */
static void feed_lines(const char *text, size_t len, size_t chunk, struct strbuf *out)
{
    struct lines lines;
    lines_init(&lines, LIMIT);
    int more = 0;
    for (size_t at = 0; at < len && more >= 0; at += chunk) {
        const char *line = NULL;
        size_t line_len = 0;
        struct err err;
        /* A copy of its own, so that a sanitizer sees a byte too many. */
        size_t n = chunk < len - at ? chunk : len - at;
        AUTO_FREE char *copy = xmalloc(n);
        memcpy(copy, text + at, n);
        lines_feed(&lines, copy, n);
        while ((more = lines_next(&lines, &line, &line_len, &err)) > 0)
            strbuf_addf(out, "[%.*s]", (int)line_len, line);
    }
    strbuf_addf(out, more < 0 ? "too long" : "(%s)", lines.partial.text);
    lines_done(&lines);
}

/* All items in brackets; then the list without them. */
static void feed_items(const char *text, size_t len, size_t chunk, struct strbuf *out)
{
    struct items items;
    items_init(&items, LIMIT);
    int more = 0;
    for (size_t at = 0; at < len && more >= 0; at += chunk) {
        const char *item = NULL;
        size_t item_len = 0;
        struct err err;
        size_t n = chunk < len - at ? chunk : len - at;
        AUTO_FREE char *copy = xmalloc(n);
        memcpy(copy, text + at, n);
        items_feed(&items, copy, n);
        while ((more = items_next(&items, &item, &item_len, &err)) > 0)
            strbuf_addf(out, "[%.*s]", (int)item_len, item);
    }
    if (more < 0)
        strbuf_adds(out, "too long");
    else
        strbuf_addf(out, "(%s)", items.rest.text);
    items_done(&items);
}

#define TEN   "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

static const struct {
    feed_fn *feed;
    const char *text, *want;
} cases[] = {
    {feed_lines, "", "()"},
    {feed_lines, "a", "(a)"},
    {feed_lines, "a\n", "[a]()"},
    {feed_lines, "\n\n", "[][]()"},
    {feed_lines, "one\ntwo\nthr", "[one][two](thr)"},
    {feed_lines, "one\r\ntwo\n", "[one\r][two]()"},
    {feed_lines, SIXTY "1234\nb\n", "[" SIXTY "1234][b]()"},
    {feed_lines, "a\n" SIXTY "12345\nb\n", "[a]too long"},
    {feed_lines, SIXTY "12345", "too long"},
    {feed_items, "{\"items\":[]}", "({\"items\":[]})"},
    {feed_items, "{\"items\":null,\"metadata\":{}}", "({\"items\":null,\"metadata\":{}})"},
    {feed_items,
     "{\"kind\":\"List\", \"items\" : [ {\"a\":1} ,\n{\"b\":[{}]}], \"metadata\":{\"x\":[1,2]}}",
     "[{\"a\":1}][{\"b\":[{}]}]({\"kind\":\"List\", \"items\" : [], \"metadata\":{\"x\":[1,2]}})"},
    /* Brackets, quotes and the name itself within strings and deeper down mean nothing. */
    {feed_items,
     "{\"a\":\"items\",\"b\":[{\"items\":[{}]}]}",
     "({\"a\":\"items\",\"b\":[{\"items\":[{}]}]})"},
    {feed_items,
     "{\"items\":[{\"s\":\"]}\\\"[{\\\\\"},{\"items\":[[{}]]}]}",
     "[{\"s\":\"]}\\\"[{\\\\\"}][{\"items\":[[{}]]}]({\"items\":[]})"},
    {feed_items, "{\"items\":[{\"a\":1},{\"b\":", "[{\"a\":1}]({\"items\":[)"},
    {feed_items, "{\"items\":[{\"a\":\"" SIXTY "\"}]}", "too long"},
    {feed_items, "<html>", "(<html>)"},
    {feed_items, "]]}}{\"items\":[{}]}", "[{}](]]}}{\"items\":[]})"},
};

START_TEST(test_every_split)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].text);
        for (size_t chunk = 1; chunk <= len + 1; chunk++) {
            AUTO_STRBUF struct strbuf out = STRBUF_INIT(1 << 20);
            cases[i].feed(cases[i].text, len, chunk, &out);
            ck_assert_str_eq(out.text, cases[i].want);
        }
    }
}
END_TEST

static json_t *random_json(int depth)
{
    switch (rnd_between(0, depth > 3 ? 2 : 4)) {
    case 0:
        return INT(rnd_between(-5, 5));
    case 1:
        return STR("a\"]}[{\\ items");
    case 2:
        return STR("items");
    case 3:
        return ARR(random_json(depth + 1), random_json(depth + 1));
    default:
        return OBJ(F("items", random_json(depth + 1)), F("b", random_json(depth + 1)));
    }
}

/* Items that a real parser puts into a list come out of it. */
START_TEST(test_items_of_any_list)
{
    for (int round = 0; round < 300; round++) {
        AUTO_STRBUF struct strbuf want = STRBUF_INIT(1 << 20);
        AUTO_STRBUF struct strbuf got = STRBUF_INIT(1 << 20);
        json_auto_t *list = OBJ(F("kind", STR("items")),
                                F("items", json_array()),
                                F("metadata", OBJ(F("x", random_json(0)))));
        for (int64_t n = rnd_between(0, 4); n > 0; n--) {
            json_t *item = OBJ(F("items", random_json(2)));
            AUTO_FREE char *text = jx_compact(item);
            strbuf_addf(&want, "[%s]", text);
            json_array_append_new(jx_get(list, "items"), item);
        }
        AUTO_FREE char *text = jx_compact(list);
        json_array_clear(jx_get(list, "items"));
        AUTO_FREE char *rest = jx_compact(list);
        strbuf_addf(&want, "(%s)", rest);
        struct items items;
        items_init(&items, 1 << 20);
        size_t len = strlen(text);
        for (size_t at = 0; at < len;) {
            size_t n = (size_t)rnd_between(1, (int64_t)(len - at));
            const char *item = NULL;
            size_t item_len = 0;
            struct err err;
            items_feed(&items, text + at, n);
            while (items_next(&items, &item, &item_len, &err) > 0)
                strbuf_addf(&got, "[%.*s]", (int)item_len, item);
            at += n;
        }
        strbuf_addf(&got, "(%s)", items.rest.text);
        items_done(&items);
        ck_assert_str_eq(got.text, want.text);
    }
}
END_TEST

UNIT_MAIN("lines", test_every_split, test_items_of_any_list)
