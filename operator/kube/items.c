/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/items.h"

#include "base/limits.h"

#include <assert.h>
#include <string.h>

/* Depth 1: members of the list; 2 inside "items": between its elements. */
#define LIST_DEPTH  1
#define ITEMS_DEPTH 2

void items_init(struct items *items, size_t max)
{
    *items = (struct items){.item = STRBUF_INIT(max), .rest = STRBUF_INIT(LIMIT_ERROR_BODY)};
}

void items_done(struct items *items)
{
    strbuf_done(&items->item);
    strbuf_done(&items->rest);
    items->chunk = NULL;
    items->len = 0;
}

void items_feed(struct items *items, const char *chunk, size_t len)
{
    assert(items->len == 0);
    items->chunk = chunk;
    items->len = len;
}

static void read_string(struct items *items, char c)
{
    if (items->escaped) {
        items->escaped = false;
    } else if (c == '\\') {
        items->escaped = true;
    } else if (c == '"') {
        items->in_string = false;
        return;
    }
    if (items->depth == LIST_DEPTH) {
        if (items->name_len < sizeof(items->name))
            items->name[items->name_len] = c;
        items->name_len++;
    }
}

static bool name_is_items(const struct items *items)
{
    return items->name_len == 5 && memcmp(items->name, "items", 5) == 0;
}

/* Follows the structure; true when c ends an item. */
static bool read_char(struct items *items, char c)
{
    if (items->in_string) {
        read_string(items, c);
        return false;
    }
    switch (c) {
    case '"':
        items->in_string = true;
        if (items->depth == LIST_DEPTH)
            items->name_len = 0;
        return false;
    case '{':
    case '[':
        if (c == '[' && items->depth == LIST_DEPTH && name_is_items(items))
            items->in_items = true;
        items->depth++;
        return false;
    case '}':
    case ']':
        if (items->depth > 0)
            items->depth--;
        if (items->depth == LIST_DEPTH)
            items->in_items = false;
        return items->in_items && items->depth == ITEMS_DEPTH;
    default:
        return false;
    }
}

/* Whether c, before it is read, belongs to an item: what lies between the items is left out. */
static bool starts_item(const struct items *items, char c)
{
    return items->item.len > 0 || (c == '{' || c == '[' || c == '"');
}

int items_next(struct items *items, const char **ret_item, size_t *ret_len, struct err *err)
{
    if (items->fresh) {
        strbuf_clear(&items->item);
        items->fresh = false;
    }
    while (items->len) {
        char c = *items->chunk++;
        items->len--;
        bool within = items->in_items;
        bool end = read_char(items, c);
        struct strbuf *out = within && items->in_items ? &items->item : &items->rest;
        if (out == &items->rest || starts_item(items, c))
            strbuf_addc(out, c);
        if (out->failed)
            return err_set(err, ERR_INTERNAL, "a list holds more than %zu bytes", out->max);
        if (!end)
            continue;
        items->fresh = true;
        *ret_item = items->item.text;
        *ret_len = items->item.len;
        return 1;
    }
    return 0;
}
