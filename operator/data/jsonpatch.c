/* SPDX-License-Identifier: Apache-2.0 */
#include "data/jsonpatch.h"

#include "base/limits.h"
#include "data/jsonpointer.h"
#include "data/jx.h"

#include <stdint.h>
#include <string.h>

struct work {
    json_t *root;
    size_t copied; /* by all `copy` operations together */
};

/* One operation; what it does not have is unset. */
struct operation {
    struct jsonpointer path, from;
    const json_t *value;
};

static json_t *unconst(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

static size_t depth_of(const json_t *value)
{
    size_t deepest = 0;
    const char *key;
    size_t i;
    json_t *inner;
    json_object_foreach (unconst(value), key, inner) {
        size_t depth = 1 + depth_of(inner);
        deepest = depth > deepest ? depth : deepest;
    }
    json_array_foreach (value, i, inner) {
        size_t depth = 1 + depth_of(inner);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

/* Roughly the bytes of it as JSON. */
static size_t size_of(const json_t *value)
{
    size_t size = 1 + json_string_length(value);
    const char *key;
    size_t i;
    json_t *inner;
    json_object_foreach (unconst(value), key, inner)
        size += strlen(key) + size_of(inner);
    json_array_foreach (value, i, inner)
        size += size_of(inner);
    return size;
}

/* Numbers are equal when their values are (RFC 6902, section 4.6). */
static bool is_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return json_number_value(a) == json_number_value(b);
    if (json_typeof(a) != json_typeof(b))
        return false;
    const char *key;
    size_t i;
    json_t *inner;
    if (json_is_object(a)) {
        json_object_foreach (unconst(a), key, inner) {
            const json_t *other = json_object_get(b, key);
            if (!other || !is_equal(inner, other))
                return false;
        }
        return json_object_size(a) == json_object_size(b);
    }
    if (!json_is_array(a))
        return json_equal(a, b);
    if (json_array_size(a) != json_array_size(b))
        return false;
    json_array_foreach (a, i, inner)
        if (!is_equal(inner, json_array_get(b, i)))
            return false;
    return true;
}

static void set_root(struct work *work, json_t *value)
{
    json_decref(work->root);
    work->root = value;
}

/* Adds a value, which it steals. */
static int add_value(struct work *work, const struct jsonpointer *path, json_t *stolen,
                     struct err *err)
{
    json_auto_t *value = stolen;
    if (path->count + depth_of(value) > LIMIT_PATCH_DEPTH)
        return err_set(
            err, ERR_INVALID, "the result is nested deeper than %d levels", LIMIT_PATCH_DEPTH);
    if (path->count == 0) {
        set_root(work, TAKE(value));
        return 0;
    }
    json_t *parent = jsonpointer_get(path, path->count - 1, work->root, err);
    if (!parent)
        return -1;
    const char *last = path->tokens[path->count - 1].text;
    if (json_is_object(parent)) {
        json_object_set_new(parent, last, TAKE(value));
        return 0;
    }
    if (!json_is_array(parent))
        return err_set(err, ERR_INVALID, "its parent is neither an object nor a list");
    size_t index = json_array_size(parent);
    if (strcmp(last, "-") != 0 && !jsonpointer_index(last, index + 1, &index))
        return err_set(err,
                       ERR_INVALID,
                       "\"%s\" is no place in a list of %zu elements",
                       last,
                       json_array_size(parent));
    json_array_insert_new(parent, index, TAKE(value));
    return 0;
}

/* Takes away a value that is there. */
static void remove_value(struct work *work, const struct jsonpointer *path)
{
    json_t *parent = jsonpointer_get(path, path->count - 1, work->root, NULL);
    const char *last = path->tokens[path->count - 1].text;
    size_t index = 0;
    if (json_is_object(parent))
        json_object_del(parent, last);
    else if (jsonpointer_index(last, json_array_size(parent), &index))
        json_array_remove(parent, index);
}

static int op_add(struct work *work, const struct operation *op, struct err *err)
{
    return add_value(work, &op->path, json_deep_copy(op->value), err);
}

static int op_remove(struct work *work, const struct operation *op, struct err *err)
{
    if (op->path.count == 0)
        return err_set(err, ERR_INVALID, "the whole document cannot be removed");
    if (!jsonpointer_get(&op->path, op->path.count, work->root, err))
        return -1;
    remove_value(work, &op->path);
    return 0;
}

static int op_replace(struct work *work, const struct operation *op, struct err *err)
{
    if (!jsonpointer_get(&op->path, op->path.count, work->root, err))
        return -1;
    /* A member is overwritten in its place; an element would be inserted before the old one. */
    if (op->path.count > 0 &&
        json_is_array(jsonpointer_get(&op->path, op->path.count - 1, work->root, NULL)))
        remove_value(work, &op->path);
    return op_add(work, op, err);
}

static int op_move(struct work *work, const struct operation *op, struct err *err)
{
    json_t *value = jsonpointer_get(&op->from, op->from.count, work->root, err);
    if (!value)
        return -1;
    if (strcmp(op->from.text, op->path.text) == 0)
        return 0;
    if (jsonpointer_within(&op->from, &op->path))
        return err_set(err, ERR_INVALID, "a value cannot move into itself");
    json_auto_t *moved = json_incref(value);
    remove_value(work, &op->from);
    return add_value(work, &op->path, TAKE(moved), err);
}

static int op_copy(struct work *work, const struct operation *op, struct err *err)
{
    const json_t *value = jsonpointer_get(&op->from, op->from.count, work->root, err);
    if (!value)
        return -1;
    work->copied += size_of(value);
    if (work->copied > LIMIT_PATCH_COPIES)
        return err_set(err, ERR_INVALID, "too much is copied");
    return add_value(work, &op->path, json_deep_copy(value), err);
}

static int op_test(struct work *work, const struct operation *op, struct err *err)
{
    const json_t *value = jsonpointer_get(&op->path, op->path.count, work->root, err);
    if (!value)
        return -1;
    if (is_equal(value, op->value))
        return 0;
    AUTO_FREE char *found = jx_compact(value);
    return err_set(err, ERR_INVALID, "is %.200s", found);
}

static const struct verb {
    const char *name;
    int (*run)(struct work *work, const struct operation *op, struct err *err);
    bool has_value, has_from;
} verbs[] = {
    {"add", op_add, true, false},
    {"remove", op_remove, false, false},
    {"replace", op_replace, true, false},
    {"move", op_move, false, true},
    {"copy", op_copy, false, true},
    {"test", op_test, true, false},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static int read_pointer(const json_t *given, const char *member, struct jsonpointer *ret,
                        const struct fieldpath *at, struct problems *problems)
{
    const char *text = json_string_value(json_object_get(given, member));
    struct err err = {.kind = ERR_NONE};
    if (!text) {
        fieldpath_problem(FIELD(at, member), problems, "must be a JSON pointer, such as /spec/x");
        return -1;
    }
    if (jsonpointer_parse(text, ret, &err) == 0)
        return 0;
    fieldpath_problem(FIELD(at, member), problems, "%s", err.msg);
    return -1;
}

static int run_operation(struct work *work, const json_t *given, const struct fieldpath *at,
                         struct problems *problems)
{
    const char *name = json_string_value(json_object_get(given, "op"));
    const struct verb *verb = name ? find_verb(name) : NULL;
    if (!verb) {
        fieldpath_problem(json_is_object(given) ? FIELD(at, "op") : at,
                          problems,
                          json_is_object(given) ? "must be add, remove, replace, move, copy or test"
                                                : "must be an object with the members op and path");
        return -1;
    }
    AUTO_JSONPOINTER struct jsonpointer path = {.text = NULL};
    AUTO_JSONPOINTER struct jsonpointer from = {.text = NULL};
    if (read_pointer(given, "path", &path, at, problems) < 0 ||
        (verb->has_from && read_pointer(given, "from", &from, at, problems) < 0))
        return -1;
    struct operation op = {.path = path, .from = from, .value = json_object_get(given, "value")};
    if (verb->has_value && !op.value) {
        fieldpath_problem(FIELD(at, "value"), problems, "is required");
        return -1;
    }
    struct err err = {.kind = ERR_NONE};
    if (verb->run(work, &op, &err) == 0)
        return 0;
    fieldpath_problem(at, problems, "%s %s: %s", name, path.text, err.msg);
    return -1;
}

json_t *jsonpatch_apply(const json_t *document, const json_t *patch, const struct fieldpath *at,
                        struct problems *problems)
{
    if (!json_is_array(patch)) {
        fieldpath_problem(at, problems, "must be a list of operations");
        return NULL;
    }
    struct work work = {.root = json_deep_copy(document)};
    size_t i;
    json_t *given;
    json_array_foreach (patch, i, given) {
        if (run_operation(&work, given, ELEMENT(at, i), problems) < 0) {
            json_decref(work.root);
            return NULL;
        }
    }
    return work.root;
}
