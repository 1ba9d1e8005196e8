/* SPDX-License-Identifier: Apache-2.0 */
#include "data/jx.h"

#include "base/digest.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

json_t *jx_object_new(const struct jx_field *fields)
{
    json_t *object = json_object();
    bool poisoned = false;
    for (const struct jx_field *f = fields; f->key; f++) {
        if (!f->value)
            poisoned = poisoned || !f->optional;
        else if (json_object_set_new(object, f->key, f->value) < 0)
            poisoned = true;
    }
    if (!poisoned)
        return object;
    json_decref(object);
    return NULL;
}

json_t *jx_array_new(json_t *const *values, size_t count)
{
    json_t *array = json_array();
    bool poisoned = false;
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(array, values[i]) < 0)
            poisoned = true;
    if (!poisoned)
        return array;
    json_decref(array);
    return NULL;
}

json_t *jx_string_new(const char *s)
{
    return s ? json_string(s) : NULL;
}

json_t *jx_stringf(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    json_t *string = json_vsprintf(fmt, args);
    va_end(args);
    return string;
}

/* jansson's iteration and our borrowed results are not const-correct; nothing is written here. */
static json_t *unconst(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

json_t *jx_get(const json_t *object, const char *path)
{
    const json_t *value = object;
    for (const char *key = path; value;) {
        size_t len = strcspn(key, ".");
        value = json_object_getn(value, key, len);
        if (key[len] == '\0')
            break;
        key += len + 1;
    }
    return json_is_null(value) ? NULL : unconst(value);
}

json_t *jx_object(const json_t *object, const char *path)
{
    json_t *value = jx_get(object, path);
    return json_is_object(value) ? value : NULL;
}

json_t *jx_array(const json_t *object, const char *path)
{
    json_t *value = jx_get(object, path);
    return json_is_array(value) ? value : NULL;
}

const char *jx_str(const json_t *object, const char *path, const char *otherwise)
{
    const char *text = json_string_value(jx_get(object, path));
    return text ? text : otherwise;
}

json_int_t jx_int(const json_t *object, const char *path, json_int_t otherwise)
{
    const json_t *value = jx_get(object, path);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool jx_bool(const json_t *object, const char *path, bool otherwise)
{
    const json_t *value = jx_get(object, path);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

bool jx_empty(const json_t *value)
{
    if (!value)
        return true;
    switch (json_typeof(value)) {
    case JSON_NULL:
        return true;
    case JSON_STRING:
        return json_string_length(value) == 0;
    case JSON_OBJECT:
        return json_object_size(value) == 0;
    case JSON_ARRAY:
        return json_array_size(value) == 0;
    case JSON_INTEGER:
    case JSON_REAL:
    case JSON_TRUE:
    case JSON_FALSE:
        return false;
    }
    return false;
}

bool jx_equal(const json_t *a, const json_t *b)
{
    return a && b ? json_equal(a, b) : a == b;
}

void jx_update(json_t *into, const json_t *from)
{
    const char *key;
    json_t *value;
    json_object_foreach (unconst(from), key, value)
        json_object_set(into, key, value);
}

void jx_set(json_t *object, const char *path, json_t *value)
{
    if (!value)
        return;
    const char *key = path;
    size_t len = strcspn(key, ".");
    while (key[len] != '\0') {
        json_t *inner = json_object_getn(object, key, len);
        if (!json_is_object(inner)) {
            inner = json_object();
            json_object_setn_new(object, key, len, inner);
        }
        object = inner;
        key += len + 1;
        len = strcspn(key, ".");
    }
    json_object_set_new(object, key, value);
}

void jx_drop_nulls(json_t *value)
{
    if (json_is_object(value)) {
        const char *key;
        json_t *member;
        void *next;
        json_object_foreach_safe(value, next, key, member)
        {
            if (json_is_null(member))
                json_object_del(value, key);
            else
                jx_drop_nulls(member);
        }
        return;
    }
    for (size_t i = json_array_size(value); i > 0; i--) {
        json_t *element = json_array_get(value, i - 1);
        if (json_is_null(element))
            json_array_remove(value, i - 1);
        else
            jx_drop_nulls(element);
    }
}

json_t *jx_merge(const json_t *base, const json_t *over)
{
    if (!json_is_object(base) || !json_is_object(over))
        return json_deep_copy(over);
    json_t *merged = json_deep_copy(base);
    const char *key;
    json_t *value;
    json_object_foreach (unconst(over), key, value)
        json_object_set_new(merged, key, jx_merge(json_object_get(merged, key), value));
    return merged;
}

json_t *jx_parse(const char *text, size_t len, struct err *err)
{
    json_error_t problem;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &problem);
    if (!value)
        err_set(
            err, ERR_INVALID, "line %d, column %d: %s", problem.line, problem.column, problem.text);
    return value;
}

static char *dump(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_COMPACT | JSON_ENCODE_ANY);
    assert(text); /* memory never runs out and our values are valid UTF-8 */
    return text;
}

char *jx_canonical(const json_t *value)
{
    return dump(value, JSON_SORT_KEYS);
}

char *jx_compact(const json_t *value)
{
    return dump(value, 0);
}

/* The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 33)) * 0xff51afd7ed558ccdULL;
    bits = (bits ^ (bits >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return bits ^ (bits >> 33);
}

uint64_t jx_digest_member(uint64_t object, const char *key, uint64_t value)
{
    /* A sum, so that the order does not matter. */
    return object + mix(digest_add(DIGEST_START, key, strlen(key)) ^ mix(value));
}

uint64_t jx_digest_element(uint64_t array, uint64_t value)
{
    return mix(array ^ mix(value)) + value;
}

static uint64_t digest_scalar(const json_t *value)
{
    uint64_t digest = mix((uint64_t)json_typeof(value) + 1);
    if (json_is_string(value))
        return digest_add(digest, json_string_value(value), json_string_length(value));
    json_int_t integer = json_integer_value(value);
    double real = json_real_value(value);
    digest = digest_add(digest, &integer, sizeof(integer));
    return digest_add(digest, &real, sizeof(real));
}

uint64_t jx_digest(const json_t *value)
{
    uint64_t digest = JX_DIGEST_OBJECT;
    const char *key;
    size_t i;
    json_t *part;
    if (json_is_object(value)) {
        json_object_foreach (unconst(value), key, part)
            digest = jx_digest_member(digest, key, jx_digest(part));
        return digest;
    }
    if (!json_is_array(value))
        return value ? digest_scalar(value) : 0;
    digest = JX_DIGEST_ARRAY;
    json_array_foreach (value, i, part)
        digest = jx_digest_element(digest, jx_digest(part));
    return digest;
}
