/* SPDX-License-Identifier: Apache-2.0 */
#include "data/jsonmerge.h"

#include <stdint.h>

json_t *jsonmerge_apply(const json_t *target, const json_t *patch)
{
    if (!json_is_object(patch))
        return json_deep_copy(patch);
    json_t *merged =
        json_is_object(target) ? json_copy((json_t *)(uintptr_t)target) : json_object();
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)patch, key, value) {
        if (json_is_null(value))
            json_object_del(merged, key);
        else
            json_object_set_new(merged, key, jsonmerge_apply(json_object_get(target, key), value));
    }
    return merged;
}
