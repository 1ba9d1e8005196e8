/* SPDX-License-Identifier: Apache-2.0 */
#include "control/drift.h"

#include "data/quantity.h"

#include <string.h>

/*
 * Lists of objects that server-side apply merges by key, by the name of their field, in the kinds
 * that we render (x-kubernetes-list-map-keys in the API server's OpenAPI document).
 */
static const struct list_keys {
    const char *field;
    const char *keys[3];
} map_lists[] = {
    {"containers", {"name"}},
    {"initContainers", {"name"}},
    {"env", {"name"}},
    {"volumes", {"name"}},
    {"volumeMounts", {"mountPath"}},
    {"volumeDevices", {"devicePath"}},
    {"imagePullSecrets", {"name"}},
    {"ownerReferences", {"uid"}},
    {"hostAliases", {"ip"}},
    {"claims", {"name"}},
    {"topologySpreadConstraints", {"topologyKey", "whenUnsatisfiable"}},
    {"ports", {"containerPort", "port", "protocol"}},
    {"secrets", {"name"}},
    {"resourceClaims", {"name"}},
    {"schedulingGates", {"name"}},
    {"finalizers", {NULL}}, /* a set of plain values */
};

/* Objects whose values are quantities ("target" is a metric's), and fields that are one. */
static const char *const quantity_maps[] = {"requests", "limits", "target"};
static const char *const quantity_fields[] = {"sizeLimit", "divisor"};

static const struct list_keys *find_list_keys(const char *field)
{
    for (size_t i = 0; field && i < ARRAY_LEN(map_lists); i++)
        if (strcmp(map_lists[i].field, field) == 0)
            return &map_lists[i];
    return NULL;
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; name && i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Elements with the same keys; a key that both leave out (a protocol's default) is no difference.
 */
static bool same_keys(const struct list_keys *list, const json_t *a, const json_t *b)
{
    if (!list->keys[0])
        return json_equal(a, b);
    for (size_t i = 0; i < ARRAY_LEN(list->keys) && list->keys[i]; i++) {
        const json_t *left = json_object_get(a, list->keys[i]);
        const json_t *right = json_object_get(b, list->keys[i]);
        if (left && right ? !json_equal(left, right) : left != NULL)
            return false;
    }
    return true;
}

static json_t *find_element(const struct list_keys *list, const json_t *wanted,
                            const json_t *live_list)
{
    size_t i;
    json_t *element;
    json_array_foreach (live_list, i, element)
        if (same_keys(list, wanted, element))
            return element;
    return NULL;
}

/* False: nothing is there, and that is a difference. */
static bool project(const char *field, const char *parent, const json_t *want, const json_t *live,
                    uint64_t *ret);

static uint64_t project_object(const char *field, const json_t *want, const json_t *live)
{
    uint64_t digest = JX_DIGEST_OBJECT;
    const char *key;
    json_t *value;
    uint64_t part;
    json_object_foreach ((json_t *)(uintptr_t)want, key, value)
        if (project(key, field, value, json_object_get(live, key), &part))
            digest = jx_digest_member(digest, key, part);
    return digest;
}

static uint64_t project_list(const char *field, const json_t *want, const json_t *live)
{
    const struct list_keys *keys = find_list_keys(field);
    uint64_t digest = JX_DIGEST_ARRAY;
    size_t i;
    json_t *value;
    uint64_t part;
    json_array_foreach (want, i, value) {
        json_t *element = keys ? find_element(keys, value, live) : json_array_get(live, i);
        if (project(NULL, NULL, value, element, &part))
            digest = jx_digest_element(digest, part);
    }
    /* A list that is ours whole: what others appended is a difference. */
    for (size_t extra = json_array_size(want); !keys && extra < json_array_size(live); extra++)
        digest = jx_digest_element(digest, jx_digest(json_array_get(live, extra)));
    return digest;
}

/* What the API server leaves out when it stores an object: the zero value of its type. */
static bool is_zero(const json_t *value)
{
    return jx_empty(value) || json_is_false(value) ||
           (json_is_integer(value) && json_integer_value(value) == 0);
}

static bool same_scalar(const char *field, const char *parent, const json_t *want,
                        const json_t *live)
{
    if (json_equal(want, live))
        return true;
    bool quantity = is_one_of(parent, quantity_maps, ARRAY_LEN(quantity_maps)) ||
                    is_one_of(field, quantity_fields, ARRAY_LEN(quantity_fields));
    if (!quantity || !json_is_string(live))
        return false;
    if (json_is_integer(want)) {
        json_auto_t *text = jx_stringf("%" JSON_INTEGER_FORMAT, json_integer_value(want));
        return quantity_equal(json_string_value(text), json_string_value(live));
    }
    return json_is_string(want) && quantity_equal(json_string_value(want), json_string_value(live));
}

static bool project(const char *field, const char *parent, const json_t *want, const json_t *live,
                    uint64_t *ret)
{
    if (!live || json_is_null(live)) {
        *ret = jx_digest(want);
        return is_zero(want);
    }
    if (json_is_object(want) && json_is_object(live))
        *ret = project_object(field, want, live);
    else if (json_is_array(want) && json_is_array(live))
        *ret = project_list(field, want, live);
    else
        *ret = jx_digest(same_scalar(field, parent, want, live) ? want : live);
    return true;
}

uint64_t drift_digest(const json_t *desired, const json_t *live)
{
    return live ? project_object(NULL, desired, live) : 0;
}

static char *first_difference(const char *field, const char *parent, const json_t *want,
                              const json_t *live);

static char *first_in_object(const char *field, const json_t *want, const json_t *live)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)want, key, value) {
        AUTO_FREE char *rest = first_difference(key, field, value, json_object_get(live, key));
        if (rest)
            return xasprintf("%s%s%s", key, rest[0] && rest[0] != '[' ? "." : "", rest);
    }
    return xstrdup("");
}

static char *first_in_list(const char *field, const json_t *want, const json_t *live)
{
    const struct list_keys *keys = find_list_keys(field);
    size_t i;
    json_t *value;
    json_array_foreach (want, i, value) {
        json_t *element = keys ? find_element(keys, value, live) : json_array_get(live, i);
        AUTO_FREE char *rest = first_difference(NULL, NULL, value, element);
        if (!rest)
            continue;
        const char *name = jx_str(value, "name", NULL);
        AUTO_FREE char *index = name ? xstrdup(name) : xasprintf("%zu", i);
        return xasprintf("[%s]%s%s", index, rest[0] && rest[0] != '[' ? "." : "", rest);
    }
    return xstrdup(""); /* there are more of them */
}

/* The rest of the path, "" when the value itself differs; NULL when it does not. */
static char *first_difference(const char *field, const char *parent, const json_t *want,
                              const json_t *live)
{
    uint64_t digest;
    if (!project(field, parent, want, live, &digest))
        return xstrdup("");
    if (digest == jx_digest(want))
        return NULL;
    if (json_is_object(want) && json_is_object(live))
        return first_in_object(field, want, live);
    if (json_is_array(want) && json_is_array(live))
        return first_in_list(field, want, live);
    return xstrdup("");
}

char *drift_field(const json_t *desired, const json_t *live)
{
    return first_difference(NULL, NULL, desired, live);
}
