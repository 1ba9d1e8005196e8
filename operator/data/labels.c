/* SPDX-License-Identifier: Apache-2.0 */
#include "data/labels.h"

#include "data/jx.h"

#include <string.h>

const char *labels_get(const json_t *labels, const char *key)
{
    return json_string_value(json_object_get(labels, key));
}

static bool is_one_of(const char *value, const json_t *values)
{
    size_t i;
    json_t *one;
    json_array_foreach (values, i, one)
        if (json_is_string(one) && strcmp(json_string_value(one), value) == 0)
            return true;
    return false;
}

/* NotIn holds for a label that is not there at all. */
static bool meets(const json_t *requirement, const json_t *labels)
{
    const char *op = jx_str(requirement, "operator", "");
    const char *value = labels_get(labels, jx_str(requirement, "key", ""));
    const json_t *values = jx_array(requirement, "values");
    if (strcmp(op, "Exists") == 0)
        return value != NULL;
    if (strcmp(op, "DoesNotExist") == 0)
        return value == NULL;
    if (strcmp(op, "In") == 0)
        return value && is_one_of(value, values);
    return strcmp(op, "NotIn") == 0 && !(value && is_one_of(value, values));
}

bool labels_match(const json_t *selector, const json_t *labels)
{
    const char *key;
    json_t *wanted;
    json_object_foreach (jx_object(selector, "matchLabels"), key, wanted) {
        const char *value = labels_get(labels, key);
        if (!value || !json_is_string(wanted) || strcmp(value, json_string_value(wanted)) != 0)
            return false;
    }
    size_t i;
    json_t *requirement;
    json_array_foreach (jx_array(selector, "matchExpressions"), i, requirement)
        if (!meets(requirement, labels))
            return false;
    return true;
}
