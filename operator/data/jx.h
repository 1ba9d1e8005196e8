/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON helpers over jansson: a typed builder, getters by path, parsing with an error, one
 * canonical dump.
 *
 * Builder. It reads like the YAML it makes:
 *     OBJ(F("apiVersion", STR("v1")), F("metadata", metadata), FOPT("spec", spec_or_null))
 * All values are stolen, also on failure. F with NULL poisons the object: the result is NULL and
 * nothing leaks, so only the outermost result needs a check. FOPT with NULL leaves the key out.
 *
 * Getters. A path is keys joined by dots ("spec.service.type"); keys that hold dots themselves
 * (labels, annotations) are read with json_object_get. An absent value, a JSON null and a value
 * of another type all read as absent: what must be told apart is validated first.
 */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct jx_field {
    const char *key;
    json_t *value;
    bool optional;
};

#define F(key_, value_)                                                                            \
    (struct jx_field)                                                                              \
    {                                                                                              \
        .key = (key_), .value = (value_)                                                           \
    }
#define FOPT(key_, value_)                                                                         \
    (struct jx_field)                                                                              \
    {                                                                                              \
        .key = (key_), .value = (value_), .optional = true                                         \
    }
#define OBJ(...) jx_object_new((const struct jx_field[]){__VA_ARGS__, {.key = NULL}})
/* Elements must not be NULL: a NULL ends nothing, it poisons. */
#define ARR(...)                                                                                   \
    jx_array_new((json_t *const[]){__VA_ARGS__},                                                   \
                 sizeof((json_t *const[]){__VA_ARGS__}) / sizeof(json_t *))
/* STR(NULL) is NULL. */
#define STR(s)  jx_string_new(s)
#define INT(n)  json_integer(n)
#define BOOL(b) json_boolean(b)
/* One more reference to a value that somebody else owns; REF(NULL) is NULL. */
#define REF(j) json_incref(j)

json_t *jx_object_new(const struct jx_field *fields);
json_t *jx_array_new(json_t *const *values, size_t count);
json_t *jx_string_new(const char *s);
/* printf into a JSON string. */
json_t *jx_stringf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Borrowed; NULL when absent. */
json_t *jx_get(const json_t *object, const char *path);
json_t *jx_object(const json_t *object, const char *path);
json_t *jx_array(const json_t *object, const char *path);
const char *jx_str(const json_t *object, const char *path, const char *otherwise);
json_int_t jx_int(const json_t *object, const char *path, json_int_t otherwise);
bool jx_bool(const json_t *object, const char *path, bool otherwise);

/* True for null, "", {} and []: what an unset field looks like. Also for NULL. */
bool jx_empty(const json_t *value);
/* As json_equal, but two that are absent (NULL) are equal too. */
bool jx_equal(const json_t *a, const json_t *b);
/* Copies every member of `from` over `into` (shallow; values are shared). NULL `from` is empty. */
void jx_update(json_t *into, const json_t *from);
/*
 * Sets the value at a path, which it steals; objects on the way are made, or replace what is none.
 * A NULL value changes nothing.
 */
void jx_set(json_t *object, const char *path, json_t *value);
/* Removes every member and element that is null, at every depth. */
void jx_drop_nulls(json_t *value);
/* Deep merge after RFC 7396, without the meaning of null: objects merge, all else replaces. New. */
json_t *jx_merge(const json_t *base, const json_t *over);

/* New reference, or NULL with ERR_INVALID (message with line and column). Refuses duplicate keys.
 */
json_t *jx_parse(const char *text, size_t len, struct err *err) MUST_CHECK;
/* Keys sorted, no white space: equal values give equal bytes. The caller frees. */
char *jx_canonical(const json_t *value) __attribute__((returns_nonnull));
/* As it is, compact, in insertion order. The caller frees. */
char *jx_compact(const json_t *value) __attribute__((returns_nonnull));

/*
 * A digest to notice change with; equal values have equal digests, whatever the order of keys. It
 * is put together from parts, so that a digest can be made of something that is not there as JSON:
 * an object's from JX_DIGEST_OBJECT and each member in any order, an array's from JX_DIGEST_ARRAY
 * and each element in turn.
 */
#define JX_DIGEST_OBJECT 0x6f626a6563740000ULL
#define JX_DIGEST_ARRAY  0x6172726179000000ULL
uint64_t jx_digest(const json_t *value);
uint64_t jx_digest_member(uint64_t object, const char *key, uint64_t value);
uint64_t jx_digest_element(uint64_t array, uint64_t value);
