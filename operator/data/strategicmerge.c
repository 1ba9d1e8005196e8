/* SPDX-License-Identifier: Apache-2.0 */
#include "data/strategicmerge.h"

#include "base/limits.h"
#include "data/jx.h"
#include "data/mergekeys.h"
#include "data/mergelist.h"

#include <stdint.h>
#include <string.h>

#define DIRECTIVE     "$patch"
#define RETAIN_KEYS   "$retainKeys"
#define DELETE_PREFIX "$deleteFromPrimitiveList/"
#define ORDER_PREFIX  "$setElementOrder/"

static json_t *merge_object(const json_t *original, const json_t *patch,
                            const struct mergekeys_member *type, const struct fieldpath *at,
                            struct problems *problems);

static json_t *unconst(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

/* The member that a directive with this prefix is about; NULL: it is another member. */
static const char *subject(const char *key, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(key, prefix, len) == 0 ? key + len : NULL;
}

/* $patch of an object or list element; "merge" when there is none; NULL when it is unknown. */
static const char *directive_of(const json_t *patch)
{
    static const char *const known[] = {"merge", "replace", "delete"};
    const json_t *directive = json_object_get(patch, DIRECTIVE);
    const char *text = directive ? json_string_value(directive) : "merge";
    for (size_t i = 0; text && i < ARRAY_LEN(known); i++)
        if (strcmp(text, known[i]) == 0)
            return known[i];
    return NULL;
}

/*
 * A part of a patch that there is nothing to merge with: a deep copy without nulls and directives;
 * NULL when a directive deletes it.
 */
static json_t *copy_plain(const json_t *patch)
{
    if (json_is_object(patch)) {
        const char *directive = directive_of(patch);
        if (directive && strcmp(directive, "delete") == 0)
            return NULL;
        json_t *copy = json_object();
        const char *key;
        json_t *value;
        json_object_foreach (unconst(patch), key, value) {
            json_auto_t *inner = key[0] == '$' || json_is_null(value) ? NULL : copy_plain(value);
            if (inner)
                json_object_set(copy, key, inner);
        }
        return copy;
    }
    if (!json_is_array(patch))
        return json_deep_copy(patch);
    json_t *copy = json_array();
    size_t i;
    json_t *value;
    json_array_foreach (patch, i, value) {
        /* In a list that marks the list, not the element. */
        bool is_mark = strcmp(jx_str(value, DIRECTIVE, ""), "replace") == 0;
        json_auto_t *inner = is_mark ? NULL : copy_plain(value);
        if (inner)
            json_array_append(copy, inner);
    }
    return copy;
}

/*
 * Sorts the elements of a keyed patch list: those that merge into `given`; those of $patch: delete
 * leave `kept`. Returns true with *replace set when the list is to be what is given.
 */
static bool take_elements(const json_t *patch, const char *key, json_t *kept, json_t *given,
                          bool *replace, const struct fieldpath *at, struct problems *problems)
{
    size_t before = problems->count;
    size_t i;
    json_t *element;
    json_array_foreach (patch, i, element) {
        const struct fieldpath *here = ELEMENT(at, i);
        const char *directive = directive_of(element);
        bool replaces = directive && strcmp(directive, "replace") == 0;
        if (!json_is_object(element))
            fieldpath_problem(here, problems, "must be an object: the list is merged by %s", key);
        else if (!directive)
            fieldpath_problem(FIELD(here, DIRECTIVE), problems, "must be merge, replace or delete");
        else if (replaces)
            *replace = true;
        else if (!json_object_get(element, key))
            fieldpath_problem(FIELD(here, key), problems, "is required: the list is merged by it");
        else if (strcmp(directive, "delete") == 0)
            mergelist_remove(kept, element, key);
        else
            json_array_append(given, element);
    }
    return problems->count == before;
}

static bool merge_elements(json_t *merged, const json_t *patch, const json_t *given,
                           const struct mergekeys_member *member, const struct fieldpath *at,
                           struct problems *problems)
{
    size_t i;
    json_t *element;
    json_array_foreach (given, i, element) {
        size_t found = mergelist_index(merged, element, member->key);
        if (found == json_array_size(merged)) {
            json_array_append_new(merged, copy_plain(element));
            continue;
        }
        size_t place = mergelist_index(patch, element, member->key);
        json_t *result = merge_object(
            json_array_get(merged, found), element, member->type, ELEMENT(at, place), problems);
        if (!result)
            return false;
        json_array_set_new(merged, found, result);
    }
    return true;
}

static json_t *merge_objects(const json_t *original, const json_t *patch,
                             const struct mergekeys_member *member, const struct fieldpath *at,
                             struct problems *problems)
{
    json_auto_t *kept = json_copy(unconst(original));
    json_auto_t *given = json_array();
    bool replace = false;
    if (!take_elements(patch, member->key, kept, given, &replace, at, problems))
        return NULL;
    if (replace)
        return copy_plain(given);
    json_auto_t *merged = json_copy(kept);
    if (!merge_elements(merged, patch, given, member, at, problems))
        return NULL;
    return mergelist_arrange(merged, given, kept, member->key);
}

static json_t *merge_values(const json_t *original, const json_t *patch, const struct fieldpath *at,
                            struct problems *problems)
{
    json_auto_t *merged = json_array();
    mergelist_unite(merged, original);
    size_t i;
    json_t *element;
    json_array_foreach (patch, i, element) {
        if (json_is_object(element) || json_is_array(element)) {
            fieldpath_problem(ELEMENT(at, i), problems, "must be a plain value");
            return NULL;
        }
    }
    mergelist_unite(merged, patch);
    return mergelist_arrange(merged, patch, original, "");
}

/* Two lists that are merged; the original is empty when there is none. */
static json_t *merge_list(const json_t *original, const json_t *patch,
                          const struct mergekeys_member *member, const struct fieldpath *at,
                          struct problems *problems)
{
    if (json_array_size(patch) > LIMIT_PATCH_LIST) {
        fieldpath_problem(at, problems, "must have at most %d elements", LIMIT_PATCH_LIST);
        return NULL;
    }
    return member->key[0] ? merge_objects(original, patch, member, at, problems)
                          : merge_values(original, patch, at, problems);
}

/* One member of a patch that is no directive. */
static bool merge_member(json_t *result, const char *key, const json_t *value,
                         const struct mergekeys_member *type, const struct fieldpath *at,
                         struct problems *problems)
{
    const struct mergekeys_member *member = mergekeys_find(type, key);
    const json_t *original = json_object_get(result, key);
    bool deleted = json_is_null(value);
    json_auto_t *merged = NULL;
    if (json_is_object(original) && json_is_object(value)) {
        merged = merge_object(original, value, member ? member->type : NULL, at, problems);
    } else if (json_is_array(original) && json_is_array(value) && member && member->key) {
        merged = merge_list(original, value, member, at, problems);
    } else if (!deleted) {
        merged = copy_plain(value);
        deleted = !merged;
    }
    if (merged)
        json_object_set(result, key, merged);
    else if (deleted)
        json_object_del(result, key);
    return merged || deleted;
}

/* What $retainKeys does not list is not kept. */
static bool retain_keys(json_t *result, const json_t *patch, const struct fieldpath *at,
                        struct problems *problems)
{
    const json_t *keys = json_object_get(patch, RETAIN_KEYS);
    if (!keys)
        return true;
    const struct fieldpath *here = FIELD(at, RETAIN_KEYS);
    if (!json_is_array(keys) || json_array_size(keys) > LIMIT_PATCH_LIST) {
        fieldpath_problem(here, problems, "must be a list of at most %d names", LIMIT_PATCH_LIST);
        return false;
    }
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach (unconst(patch), key, value) {
        json_auto_t *name = STR(key);
        if (key[0] != '$' && !json_is_null(value) && !mergelist_holds(keys, name, "")) {
            fieldpath_problem(here, problems, "must list %s, which the patch sets", key);
            return false;
        }
    }
    json_object_foreach_safe(result, next, key, value)
    {
        json_auto_t *name = STR(key);
        if (!mergelist_holds(keys, name, ""))
            json_object_del(result, key);
    }
    return true;
}

/* The list that a directive is about, as it stands; NULL: there is none. */
static json_t *subject_list(const json_t *result, const char *name)
{
    json_t *list = json_object_get(result, name);
    return json_is_array(list) ? list : NULL;
}

static bool check_directive_list(const json_t *list, const struct fieldpath *at,
                                 struct problems *problems)
{
    if (json_is_array(list) && json_array_size(list) <= LIMIT_PATCH_LIST)
        return true;
    fieldpath_problem(at, problems, "must be a list of at most %d elements", LIMIT_PATCH_LIST);
    return false;
}

/* `original`: the object before anything was merged. */
static bool set_order(json_t *result, const json_t *original, const json_t *patch, const char *name,
                      const json_t *order, const struct mergekeys_member *type,
                      const struct fieldpath *at, struct problems *problems)
{
    const struct mergekeys_member *member = mergekeys_find(type, name);
    if (!check_directive_list(order, at, problems))
        return false;
    if (!member || !member->key) {
        fieldpath_problem(at, problems, "%s is no list that is merged", name);
        return false;
    }
    const json_t *given = subject_list(patch, name);
    for (size_t i = 0; i < json_array_size(order); i++) {
        if (member->key[0] && !json_object_get(json_array_get(order, i), member->key)) {
            fieldpath_problem(
                ELEMENT(at, i), problems, "must be an object with the member %s", member->key);
            return false;
        }
    }
    if (!mergelist_follows(given, order, member->key)) {
        fieldpath_problem(at, problems, "must list the elements of %s in the same order", name);
        return false;
    }
    const json_t *list = subject_list(result, name);
    if (list)
        json_object_set_new(
            result,
            name,
            mergelist_arrange(list, order, subject_list(original, name), member->key));
    return true;
}

static bool delete_values(json_t *result, const char *name, const json_t *values,
                          const struct fieldpath *at, struct problems *problems)
{
    json_t *list = subject_list(result, name);
    if (!check_directive_list(values, at, problems))
        return false;
    json_auto_t *kept = list ? json_copy(list) : NULL;
    for (size_t i = 0; kept && i < json_array_size(values); i++)
        mergelist_remove(kept, json_array_get(values, i), "");
    if (kept)
        json_object_set(result, name, kept);
    return true;
}

/* The directives that need the merged members. */
static bool apply_directive(json_t *result, const json_t *original, const json_t *patch,
                            const char *key, const json_t *value,
                            const struct mergekeys_member *type, const struct fieldpath *at,
                            struct problems *problems)
{
    const char *ordered = subject(key, ORDER_PREFIX);
    const char *deleted = subject(key, DELETE_PREFIX);
    if (ordered)
        return set_order(result, original, patch, ordered, value, type, at, problems);
    if (deleted)
        return delete_values(result, deleted, value, at, problems);
    if (strcmp(key, DIRECTIVE) == 0 || strcmp(key, RETAIN_KEYS) == 0)
        return true;
    fieldpath_problem(at, problems, "unknown directive");
    return false;
}

static json_t *merge_object(const json_t *original, const json_t *patch,
                            const struct mergekeys_member *type, const struct fieldpath *at,
                            struct problems *problems)
{
    const char *directive = directive_of(patch);
    if (!directive) {
        fieldpath_problem(FIELD(at, DIRECTIVE), problems, "must be merge, replace or delete");
        return NULL;
    }
    if (strcmp(directive, "delete") == 0)
        return json_object();
    if (strcmp(directive, "replace") == 0)
        return copy_plain(patch);
    json_auto_t *result = json_copy(unconst(original));
    bool ok = retain_keys(result, patch, at, problems);
    const char *key;
    json_t *value;
    json_object_foreach (unconst(patch), key, value)
        if (key[0] != '$')
            ok &= merge_member(result, key, value, type, FIELD(at, key), problems);
    /* Orders, then removals: a removal must not change where the others end up. */
    for (int removals = 0; removals < 2; removals++)
        json_object_foreach (unconst(patch), key, value)
            if (key[0] == '$' && (subject(key, DELETE_PREFIX) != NULL) == removals)
                ok &= apply_directive(
                    result, original, patch, key, value, type, FIELD(at, key), problems);
    return ok ? TAKE(result) : NULL;
}

json_t *strategicmerge_apply(const struct object_kind *kind, const json_t *object,
                             const json_t *patch, const struct fieldpath *at,
                             struct problems *problems)
{
    if (json_is_object(patch))
        return merge_object(object, patch, mergekeys_of(kind), at, problems);
    fieldpath_problem(at, problems, "must be an object");
    return NULL;
}
