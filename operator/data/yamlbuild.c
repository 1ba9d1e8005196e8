/* SPDX-License-Identifier: Apache-2.0 */
#include "data/yamlbuild.h"

#include "base/limits.h"
#include "data/yamlscalar.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A scalar counts once, and once more for every so many bytes of its text. */
#define BYTES_PER_NODE 64

/* A collection that is being read. */
struct frame {
    json_t *value;   /* owned */
    json_t *written; /* owned: the keys written here, once merged ones mix in; NULL before */
    char *key;       /* owned: the key whose value comes next, NULL: a key comes next */
    bool merge;      /* that key merges */
    size_t mark;     /* of this collection */
    size_t key_line;
    size_t anchor; /* index from 1, 0 = none */
    size_t height; /* levels of collections in it */
    size_t nodes;  /* count when it began */
};

/* What an alias may refer to. */
struct anchor {
    json_t *value; /* owned; NULL while its collection is being read */
    size_t mark;
    size_t height; /* levels of collections: 0 for a scalar */
    size_t nodes;
};

struct yamlbuild {
    struct err *err;   /* of the call under way */
    size_t all_copies; /* nodes that aliases added to all documents */

    /* of the current document */
    json_t *root;
    struct yamlmarks marks;
    size_t nodes;  /* those that aliases added included */
    size_t copies; /* nodes that aliases added */
    struct frame frames[LIMIT_YAML_DEPTH];
    size_t depth;
    struct anchor *anchors;
    size_t anchor_count, anchor_cap;
    json_t *anchor_names; /* name: index from 1 of its last definition; NULL while there is none */
};

struct yamlbuild *yamlbuild_new(void)
{
    return xcalloc(1, sizeof(struct yamlbuild));
}

static void end_document(struct yamlbuild *b)
{
    for (; b->depth > 0; b->depth--) {
        struct frame *f = &b->frames[b->depth - 1];
        json_decref(f->value);
        json_decref(f->written);
        free(f->key);
    }
    for (size_t i = 0; i < b->anchor_count; i++)
        json_decref(b->anchors[i].value);
    b->anchor_count = 0;
    json_decref(TAKE(b->anchor_names));
    json_decref(TAKE(b->root));
    yamlmarks_done(&b->marks);
    b->nodes = 0;
    b->copies = 0;
}

static int count_nodes(struct yamlbuild *b, size_t nodes)
{
    b->nodes += nodes;
    if (b->nodes > LIMIT_YAML_NODES)
        return err_set(b->err, ERR_INVALID, "the document is too large");
    return 0;
}

/* Counts nodes that an alias adds. */
static int count_copies(struct yamlbuild *b, size_t nodes)
{
    b->copies += nodes;
    b->all_copies += nodes;
    if (b->copies > LIMIT_YAML_COPIES || b->all_copies > LIMIT_YAML_NODES)
        return err_set(b->err, ERR_INVALID, "aliases expand too far");
    return count_nodes(b, nodes);
}

/* Index from 1 of a new anchor, 0 without a name. */
static size_t add_anchor(struct yamlbuild *b, const yaml_char_t *name)
{
    if (!name)
        return 0;
    if (b->anchor_count == b->anchor_cap) {
        b->anchor_cap = b->anchor_cap ? b->anchor_cap * 2 : 8;
        b->anchors = xrealloc(b->anchors, b->anchor_cap * sizeof(*b->anchors));
    }
    b->anchors[b->anchor_count++] = (struct anchor){.value = NULL};
    if (!b->anchor_names)
        b->anchor_names = json_object();
    json_object_set_new(
        b->anchor_names, (const char *)name, json_integer((json_int_t)b->anchor_count));
    return b->anchor_count;
}

static const struct anchor *find_anchor(struct yamlbuild *b, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    size_t index = (size_t)json_integer_value(json_object_get(b->anchor_names, name));
    const struct anchor *anchor = index ? &b->anchors[index - 1] : NULL;
    if (!anchor)
        err_set(b->err, ERR_INVALID, "an alias without its anchor");
    else if (!anchor->value)
        err_set(b->err, ERR_INVALID, "an anchor contains an alias to itself");
    return anchor && anchor->value ? anchor : NULL;
}

static bool wants_key(const struct frame *f)
{
    return json_is_object(f->value) && !f->key;
}

/* The mark of the value that begins with this event. */
static size_t open_mark(struct yamlbuild *b, const yaml_event_t *event)
{
    const struct frame *f = b->depth ? &b->frames[b->depth - 1] : NULL;
    size_t line = f && f->key ? f->key_line : event->start_mark.line;
    return yamlmarks_open(&b->marks, line + 1, f ? f->key : NULL);
}

/* Merging ends the time when the object itself tells which keys were written here. */
static void merge_object(struct yamlbuild *b, struct frame *f, const json_t *from, size_t mark)
{
    if (!f->written)
        f->written = json_copy(f->value);
    json_object_update(f->value, (json_t *)(uintptr_t)from);
    yamlmarks_copy(&b->marks, mark);
}

/*
 * The value of a merge key: a mapping, or a sequence of them of which the first wins. As in
 * kubectl it overrides what stands above it in the mapping, and not what stands below.
 */
static int merge(struct yamlbuild *b, const yaml_event_t *event, struct frame *f,
                 const json_t *from, size_t mark)
{
    static const char message[] = "a merge key takes a mapping or a sequence of mappings";
    if (json_is_object(from)) {
        merge_object(b, f, from, mark);
        return 0;
    }
    if (!json_is_array(from) || event->type == YAML_ALIAS_EVENT)
        return err_set(b->err, ERR_INVALID, "%s", message);
    size_t count = json_array_size(from);
    AUTO_FREE size_t *marks = xcalloc(count + 1, sizeof(*marks));
    size_t next = mark + 1;
    for (size_t i = 0; i < count; i++) {
        marks[i] = next;
        next += b->marks.nodes[next].size;
    }
    for (size_t i = count; i-- > 0;) {
        const json_t *item = json_array_get(from, i);
        if (!json_is_object(item))
            return err_set(b->err, ERR_INVALID, "%s", message);
        merge_object(b, f, item, marks[i]);
    }
    return 0;
}

/* Puts a finished value (stolen) where it belongs. */
static int attach(struct yamlbuild *b, const yaml_event_t *event, json_t *stolen, size_t mark,
                  size_t height)
{
    json_auto_t *value = stolen;
    yamlmarks_close(&b->marks, mark);
    if (b->depth == 0) {
        b->root = TAKE(value);
        return 0;
    }
    struct frame *f = &b->frames[b->depth - 1];
    if (height > f->height)
        f->height = height;
    if (json_is_array(f->value))
        return json_array_append_new(f->value, TAKE(value));
    AUTO_FREE char *key = TAKE(f->key);
    if (f->merge)
        return merge(b, event, f, value, mark);
    if (f->written)
        json_object_set_new(f->written, key, json_null());
    return json_object_set_new_nocheck(f->value, key, TAKE(value));
}

/* A scalar or an alias where a key belongs. Steals `key`. */
static int begin_entry(struct yamlbuild *b, const yaml_event_t *event, char *key, bool is_merge)
{
    struct frame *f = &b->frames[b->depth - 1];
    f->key = key;
    f->key_line = event->start_mark.line;
    f->merge = is_merge;
    if (is_merge || !json_object_get(f->written ? f->written : f->value, key))
        return 0;
    return err_set(b->err, ERR_INVALID, "the key \"%.100s\" is given twice", key);
}

static int on_key(struct yamlbuild *b, const yaml_event_t *event)
{
    if (event->type == YAML_ALIAS_EVENT) {
        const struct anchor *anchor = find_anchor(b, event);
        if (!anchor)
            return -1;
        if (!json_is_string(anchor->value))
            return err_set(b->err, ERR_INVALID, "an alias as a key must stand for a string");
        return begin_entry(b, event, xstrdup(json_string_value(anchor->value)), false);
    }
    if (event->type != YAML_SCALAR_EVENT)
        return err_set(b->err, ERR_INVALID, "a mapping or a sequence cannot be a key");
    const char *text = (const char *)event->data.scalar.value;
    const char *tag = (const char *)event->data.scalar.tag;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (yamlscalar_is_merge(text, tag, plain))
        return begin_entry(b, event, xstrdup(text), true);
    char *key = yamlscalar_key(text, event->data.scalar.length, tag, plain, b->err);
    return key ? begin_entry(b, event, key, false) : -1;
}

static int on_scalar(struct yamlbuild *b, const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.scalar.tag;
    size_t len = event->data.scalar.length;
    size_t nodes = 1 + len / BYTES_PER_NODE;
    if (count_nodes(b, nodes) < 0)
        return -1;
    bool is_key = b->depth && wants_key(&b->frames[b->depth - 1]);
    size_t anchor = add_anchor(b, event->data.scalar.anchor);
    json_t *value = NULL;
    if (!is_key || anchor) {
        value = yamlscalar_value((const char *)event->data.scalar.value,
                                 len,
                                 tag,
                                 event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
                                 b->err);
        if (!value)
            return -1;
    }
    size_t mark = is_key ? 0 : open_mark(b, event);
    if (anchor)
        b->anchors[anchor - 1] =
            (struct anchor){.value = json_incref(value), .mark = mark, .nodes = nodes};
    if (!is_key)
        return attach(b, event, value, mark, 0);
    json_decref(value);
    return on_key(b, event);
}

static int on_alias(struct yamlbuild *b, const yaml_event_t *event)
{
    if (b->depth && wants_key(&b->frames[b->depth - 1]))
        return on_key(b, event);
    const struct anchor *anchor = find_anchor(b, event);
    if (!anchor)
        return -1;
    if (b->depth + anchor->height > LIMIT_YAML_DEPTH)
        return err_set(b->err, ERR_INVALID, "nested too deeply");
    if (count_copies(b, anchor->nodes) < 0)
        return -1;
    size_t mark = open_mark(b, event);
    if (anchor->height > 0)
        yamlmarks_copy(&b->marks, anchor->mark);
    return attach(b, event, json_deep_copy(anchor->value), mark, anchor->height);
}

static int on_start(struct yamlbuild *b, const yaml_event_t *event)
{
    if (b->depth && wants_key(&b->frames[b->depth - 1]))
        return on_key(b, event);
    if (b->depth == LIMIT_YAML_DEPTH)
        return err_set(b->err, ERR_INVALID, "nested too deeply");
    size_t nodes = b->nodes;
    if (count_nodes(b, 1) < 0)
        return -1;
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    size_t mark = open_mark(b, event);
    b->frames[b->depth++] = (struct frame){
        .value = mapping ? json_object() : json_array(),
        .mark = mark,
        .anchor = add_anchor(
            b, mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor),
        .nodes = nodes,
    };
    return 0;
}

static int on_end(struct yamlbuild *b, const yaml_event_t *event)
{
    struct frame f = b->frames[--b->depth];
    json_decref(f.written);
    if (f.anchor)
        b->anchors[f.anchor - 1] = (struct anchor){
            .value = json_incref(f.value),
            .mark = f.mark,
            .height = f.height + 1,
            .nodes = b->nodes - f.nodes,
        };
    return attach(b, event, f.value, f.mark, f.height + 1);
}

int yamlbuild_event(struct yamlbuild *b, const yaml_event_t *event, struct err *err)
{
    b->err = err;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_ALIAS_EVENT:
        return on_alias(b, event);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, event);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return on_end(b, event);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT:
        break;
    }
    return 0;
}

json_t *yamlbuild_take(struct yamlbuild *b, struct yamlmarks *ret_marks)
{
    json_t *root = TAKE(b->root);
    *ret_marks = b->marks;
    b->marks = (struct yamlmarks){.nodes = NULL};
    end_document(b);
    return root;
}

void yamlbuild_free(struct yamlbuild *b)
{
    if (!b)
        return;
    end_document(b);
    free(b->anchors);
    free(b);
}
