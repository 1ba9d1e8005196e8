/* SPDX-License-Identifier: Apache-2.0 */
#include "data/shape.h"

#include "data/jx.h"

#include <stdint.h>

bool shape_is_count(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           json_integer_value(value) <= INT32_MAX;
}

bool shape_expect(bool ok, struct problems *problems, const char *path, const char *member,
                  const char *what)
{
    if (ok)
        return true;
    AUTO_FREE char *full = xasprintf("spec.%s%s", path, member);
    problems_add(problems, full, "%s", what);
    return false;
}

static bool check_map(const json_t *map, const char *path, struct problems *problems)
{
    if (!shape_expect(json_is_object(map), problems, path, "", "must be an object"))
        return false;
    bool ok = true;
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)map, key, value) {
        AUTO_FREE char *member = xasprintf("[\"%s\"]", key);
        ok &= shape_expect(json_is_string(value), problems, path, member, "must be a string");
    }
    return ok;
}

static bool check_list(const json_t *list, enum shape shape, const char *path,
                       struct problems *problems)
{
    if (!shape_expect(json_is_array(list), problems, path, "", "must be a list"))
        return false;
    bool ok = true;
    size_t i;
    json_t *element;
    json_array_foreach (list, i, element) {
        AUTO_FREE char *member = xasprintf("[%zu]", i);
        if (shape == SHAPE_STRINGS) {
            ok &= shape_expect(json_is_string(element), problems, path, member, "must be a string");
            continue;
        }
        bool object =
            shape_expect(json_is_object(element), problems, path, member, "must be an object");
        ok &= object;
        if (shape != SHAPE_NAMED || !object)
            continue;
        AUTO_FREE char *name = xasprintf("[%zu].name", i);
        ok &= shape_expect(
            jx_str(element, "name", "")[0] != '\0', problems, path, name, "is required");
    }
    return ok;
}

bool shape_check(const json_t *value, enum shape shape, const char *path, struct problems *problems)
{
    switch (shape) {
    case SHAPE_STRING:
        return shape_expect(json_is_string(value), problems, path, "", "must be a string");
    case SHAPE_BOOL:
        return shape_expect(json_is_boolean(value), problems, path, "", "must be true or false");
    case SHAPE_COUNT:
        return shape_expect(
            shape_is_count(value), problems, path, "", "must be a whole number, 0 or more");
    case SHAPE_COUNT_OR_STRING:
        return shape_expect(shape_is_count(value) || json_is_string(value),
                            problems,
                            path,
                            "",
                            "must be a whole number or a percentage");
    case SHAPE_GROUP:
    case SHAPE_OBJECT:
        return shape_expect(json_is_object(value), problems, path, "", "must be an object");
    case SHAPE_STRING_MAP:
        return check_map(value, path, problems);
    case SHAPE_STRINGS:
    case SHAPE_OBJECTS:
    case SHAPE_NAMED:
    case SHAPE_PATCHES:
        return check_list(value, shape, path, problems);
    }
    return false;
}
