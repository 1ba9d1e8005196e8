/* SPDX-License-Identifier: Apache-2.0 */
#include "control/managed.h"

#include <string.h>

/* A key that the desired element leaves out has the server's default, as a port's protocol. */
static bool has_keys(const json_t *element, const json_t *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)keys, key, value) {
        const json_t *own = json_object_get(element, key);
        if (own && !json_equal(own, value))
            return false;
    }
    return json_is_object(element);
}

static const json_t *find_by_keys(const json_t *list, const char *text)
{
    struct err err;
    json_auto_t *keys = jx_parse(text, strlen(text), &err);
    size_t i;
    json_t *element;
    json_array_foreach (list, i, element)
        if (keys && has_keys(element, keys))
            return element;
    return NULL;
}

static bool has_value(const json_t *list, const char *text)
{
    AUTO_FREE char *wrapped = xasprintf("[%s]", text);
    struct err err;
    json_auto_t *values = jx_parse(wrapped, strlen(wrapped), &err);
    size_t i;
    json_t *element;
    json_array_foreach (list, i, element)
        if (json_equal(element, json_array_get(values, 0)))
            return true;
    return false;
}

/*
 * FieldsV1: "f:<name>" is a member, "k:<keys>" an element of a list merged by key, "v:<value>" one
 * of a set, "." the thing itself. An empty object is a leaf: owned whole.
 */
static bool states_all(const json_t *desired, const json_t *fields)
{
    const char *key;
    json_t *below;
    json_object_foreach ((json_t *)(uintptr_t)fields, key, below) {
        const json_t *part = desired;
        if (strncmp(key, "f:", 2) == 0)
            part = json_object_get(desired, key + 2);
        else if (strncmp(key, "k:", 2) == 0)
            part = find_by_keys(desired, key + 2);
        else if (strncmp(key, "v:", 2) == 0 && !has_value(desired, key + 2))
            return false;
        if (!part || (part != desired && !states_all(part, below)))
            return false;
    }
    return true;
}

bool managed_left_over(const json_t *desired, const json_t *live, const char *manager)
{
    size_t i;
    json_t *entry;
    json_array_foreach (jx_array(live, "metadata.managedFields"), i, entry) {
        /* Another version names other fields, and the status is another's intent. */
        if (strcmp(jx_str(entry, "manager", ""), manager) == 0 &&
            strcmp(jx_str(entry, "operation", ""), "Apply") == 0 &&
            strcmp(jx_str(entry, "subresource", ""), "") == 0 &&
            strcmp(jx_str(entry, "apiVersion", ""), jx_str(desired, "apiVersion", "")) == 0 &&
            !states_all(desired, jx_object(entry, "fieldsV1")))
            return true;
    }
    return false;
}
