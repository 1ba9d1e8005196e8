/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After k8s.io/kube-openapi/pkg/validation/validate and
 * apiextensions-apiserver/pkg/apiserver/schema/listtype.
 */
#include "data/schema_value.h"

#include "base/limits.h"
#include "base/strbuf.h"
#include "data/jx.h"

#include <math.h>
#include <string.h>

/* Beyond this a double is no longer sure to be the whole number that was written. */
#define SAFE_INTEGER_MAX 9007199254740991.0

static const char *type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "";
}

/* "3.0" is a whole number to the API server. */
static bool is_whole(const json_t *value)
{
    if (!json_is_real(value))
        return json_is_integer(value);
    double number = json_real_value(value);
    return number >= -SAFE_INTEGER_MAX && number <= SAFE_INTEGER_MAX &&
           number == (double)(json_int_t)number;
}

struct type {
    const char *name;
    const char *text;
};

static const struct type types[] = {
    {"object", "an object"},
    {"array", "a list"},
    {"string", "a string"},
    {"integer", "a whole number"},
    {"number", "a number"},
    {"boolean", "true or false"},
};

static bool has_type(const json_t *value, const char *type)
{
    if (strcmp(type, "object") == 0)
        return json_is_object(value);
    if (strcmp(type, "array") == 0)
        return json_is_array(value);
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "integer") == 0)
        return is_whole(value);
    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    return strcmp(type, "boolean") == 0 && json_is_boolean(value);
}

static bool check_type(struct schema_value *check, const json_t *schema, const json_t *value,
                       const struct fieldpath *path)
{
    const char *type = jx_str(schema, "type", "");
    const char *expected = type;
    bool ok = true;
    if (jx_bool(schema, "x-kubernetes-int-or-string", false)) {
        ok = is_whole(value) || json_is_string(value);
        expected = "a whole number or a string";
    } else if (type[0] != '\0' && !(json_is_null(value) && jx_bool(schema, "nullable", false))) {
        ok = has_type(value, type);
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
            if (strcmp(types[i].name, type) == 0)
                expected = types[i].text;
    }
    if (!ok) {
        check->blocked = true;
        fieldpath_problem(path, check->problems, "must be %s, not %s", expected, type_of(value));
    }
    return ok;
}

static void check_number(struct schema_value *check, const json_t *schema, const json_t *value,
                         const struct fieldpath *path)
{
    double number = json_number_value(value);
    double low = -HUGE_VAL, high = HUGE_VAL;
    if (strcmp(jx_str(schema, "format", ""), "int32") == 0) {
        low = INT32_MIN;
        high = INT32_MAX;
    }
    const json_t *minimum = json_object_get(schema, "minimum");
    const json_t *maximum = json_object_get(schema, "maximum");
    if (minimum)
        low = json_number_value(minimum);
    if (maximum)
        high = json_number_value(maximum);
    if (number < low)
        fieldpath_problem(path, check->problems, "must be at least %.0f", low);
    if (number > high)
        fieldpath_problem(path, check->problems, "must be at most %.0f", high);
}

/* Characters, not bytes: what OpenAPI counts. jansson's strings are valid UTF-8. */
static size_t character_count(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        if (((unsigned char)*text & 0xc0) != 0x80)
            count++;
    return count;
}

static void check_string(struct schema_value *check, const json_t *schema, const json_t *value,
                         const struct fieldpath *path)
{
    const char *text = json_string_value(value);
    json_int_t length = (json_int_t)character_count(text);
    json_int_t min = jx_int(schema, "minLength", 0);
    json_int_t max = jx_int(schema, "maxLength", INT64_MAX);
    if (length < min)
        fieldpath_problem(
            path, check->problems, "must have at least %" JSON_INTEGER_FORMAT " characters", min);
    if (length > max) {
        check->blocked = true;
        fieldpath_problem(
            path, check->problems, "must have at most %" JSON_INTEGER_FORMAT " characters", max);
        return;
    }
    const char *pattern = jx_str(schema, "pattern", "");
    if (pattern[0] != '\0' && !pattern_matches(check->patterns, pattern, text))
        fieldpath_problem(path, check->problems, "must match %s", pattern);
}

static void check_enum(struct schema_value *check, const json_t *schema, const json_t *value,
                       const struct fieldpath *path)
{
    const json_t *choices = jx_array(schema, "enum");
    if (!choices)
        return;
    AUTO_STRBUF struct strbuf list = STRBUF_INIT(LIMIT_ERROR_BODY);
    size_t i;
    const json_t *choice;
    json_array_foreach (choices, i, choice) {
        if (json_equal(choice, value))
            return;
        const char *text = json_string_value(choice);
        if (text && text[0] != '\0')
            strbuf_addf(&list, "%s%s", list.len ? ", " : "", text);
    }
    check->blocked = true;
    fieldpath_problem(path, check->problems, "must be one of: %s", list.text);
}

/* What makes an element unique: the element itself, or the values of its key fields. */
static char *identity(const json_t *element, const json_t *keys)
{
    if (!keys)
        return jx_canonical(element);
    json_auto_t *fields = json_object();
    size_t i;
    const json_t *key;
    json_array_foreach (keys, i, key) {
        const char *name = json_string_value(key);
        json_object_set(fields, name, json_object_get(element, name));
    }
    return jx_canonical(fields);
}

static void check_unique(struct schema_value *check, const json_t *schema, const json_t *value,
                         const struct fieldpath *path)
{
    const char *list_type = jx_str(schema, "x-kubernetes-list-type", "atomic");
    if (strcmp(list_type, "atomic") == 0)
        return;
    const json_t *keys = jx_array(schema, "x-kubernetes-list-map-keys");
    json_auto_t *seen = json_object();
    size_t i;
    const json_t *element;
    json_array_foreach (value, i, element) {
        AUTO_FREE char *key = identity(element, keys);
        if (json_object_get(seen, key))
            fieldpath_problem(ELEMENT(path, i), check->problems, "is there twice: %s", key);
        else
            json_object_set_new(seen, key, json_true());
    }
}

static void check_array(struct schema_value *check, const json_t *schema, const json_t *value,
                        const struct fieldpath *path)
{
    json_int_t count = (json_int_t)json_array_size(value);
    json_int_t min = jx_int(schema, "minItems", 0);
    json_int_t max = jx_int(schema, "maxItems", INT64_MAX);
    if (count < min)
        fieldpath_problem(
            path, check->problems, "must have at least %" JSON_INTEGER_FORMAT " elements", min);
    if (count > max) {
        check->blocked = true;
        fieldpath_problem(
            path, check->problems, "must have at most %" JSON_INTEGER_FORMAT " elements", max);
        return;
    }
    const json_t *items = json_object_get(schema, "items");
    size_t i;
    const json_t *element;
    json_array_foreach (value, i, element)
        schema_value_check(check, items, element, ELEMENT(path, i));
    check_unique(check, schema, value, path);
}

static void check_object(struct schema_value *check, const json_t *schema, json_t *value,
                         const struct fieldpath *path)
{
    json_int_t max = jx_int(schema, "maxProperties", INT64_MAX);
    if ((json_int_t)json_object_size(value) > max) {
        check->blocked = true;
        fieldpath_problem(
            path, check->problems, "must have at most %" JSON_INTEGER_FORMAT " members", max);
    }
    size_t i;
    const json_t *name;
    json_array_foreach (jx_array(schema, "required"), i, name) {
        const char *key = json_string_value(name);
        if (json_object_get(value, key))
            continue;
        check->blocked = true;
        fieldpath_problem(FIELD(path, key), check->problems, "is required");
    }
    const json_t *properties = jx_object(schema, "properties");
    const json_t *others = jx_object(schema, "additionalProperties");
    const char *key;
    json_t *member;
    json_object_foreach (value, key, member) {
        const json_t *property = json_object_get(properties, key);
        schema_value_check(check, property ? property : others, member, FIELD(path, key));
    }
}

void schema_value_check(struct schema_value *check, const json_t *schema, const json_t *value,
                        const struct fieldpath *path)
{
    if (!schema || !check_type(check, schema, value, path) || json_is_null(value))
        return;
    check_enum(check, schema, value, path);
    if (json_is_number(value))
        check_number(check, schema, value, path);
    else if (json_is_string(value))
        check_string(check, schema, value, path);
    else if (json_is_array(value))
        check_array(check, schema, value, path);
    else if (json_is_object(value))
        check_object(check, schema, (json_t *)(uintptr_t)value, path);
}
