/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After apiextensions-apiserver: pkg/apiserver/schema/pruning, defaulting/prunenulls.go and
 * defaulting/algorithm.go.
 */
#include "data/schema_fill.h"

#include "data/jx.h"

static const json_t *schema_of_member(const json_t *schema, const char *key)
{
    const json_t *property = json_object_get(json_object_get(schema, "properties"), key);
    return property ? property : json_object_get(schema, "additionalProperties");
}

/* The value to go on with; NULL: the member is to be removed. New reference. */
static json_t *replace_null(const json_t *schema, json_t *value)
{
    if (!json_is_null(value) || json_is_true(json_object_get(schema, "nullable")))
        return json_incref(value);
    return json_deep_copy(json_object_get(schema, "default"));
}

static void add_defaults(const json_t *schema, json_t *object)
{
    const char *key;
    json_t *property;
    json_object_foreach (json_object_get(schema, "properties"), key, property) {
        const json_t *otherwise = json_object_get(property, "default");
        if (otherwise && !json_object_get(object, key))
            json_object_set_new(object, key, json_deep_copy(otherwise));
    }
}

static bool fill_object(const json_t *schema, json_t *object, const struct fieldpath *path,
                        struct problems *problems)
{
    bool known = true;
    const char *key;
    json_t *member;
    void *next;
    json_object_foreach_safe(object, next, key, member)
    {
        const json_t *member_schema = schema_of_member(schema, key);
        if (!member_schema) {
            fieldpath_problem(FIELD(path, key), problems, "unknown field");
            known = false;
            continue;
        }
        json_auto_t *value = replace_null(member_schema, member);
        if (!value) {
            json_object_del(object, key);
            continue;
        }
        json_object_set(object, key, value);
        known &= schema_fill(member_schema, value, FIELD(path, key), problems);
    }
    add_defaults(schema, object);
    return known;
}

bool schema_fill(const json_t *schema, json_t *value, const struct fieldpath *path,
                 struct problems *problems)
{
    if (json_is_true(json_object_get(schema, "x-kubernetes-preserve-unknown-fields")))
        return true;
    if (json_is_object(value))
        return fill_object(schema, value, path, problems);
    bool known = true;
    size_t i;
    json_t *element;
    const json_t *items = json_object_get(schema, "items");
    json_array_foreach (value, i, element)
        known &= schema_fill(items, element, ELEMENT(path, i), problems);
    return known;
}
