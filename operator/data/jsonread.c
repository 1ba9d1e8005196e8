/* SPDX-License-Identifier: Apache-2.0 */
#include "data/jsonread.h"

#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

/* What is nested deeper, or has more digits, is left to jansson. */
#define DEPTH_MAX  64
#define DIGITS_MAX 18 /* always fit an int64_t */

struct reader {
    const char *at, *end;
    int depth;
};

struct token {
    const char *text; /* behind the quote */
    size_t len;
    bool plain; /* the text is the string's value: ASCII without escapes */
};

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static json_t *by_jansson(const char *text, size_t len)
{
    return json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
}

static bool read_token(struct reader *r, struct token *ret)
{
    if (!take(r, '"'))
        return false;
    const char *start = r->at;
    bool plain = true;
    for (; r->at < r->end && *r->at != '"'; r->at++) {
        unsigned char c = (unsigned char)*r->at;
        if (c >= 0x20 && c < 0x80 && c != '\\')
            continue;
        plain = false;
        if (c == '\\' && ++r->at == r->end)
            return false;
    }
    *ret = (struct token){.text = start, .len = (size_t)(r->at - start), .plain = plain};
    return take(r, '"');
}

static json_t *string_of(const struct token *token)
{
    return token->plain ? json_stringn_nocheck(token->text, token->len)
                        : by_jansson(token->text - 1, token->len + 2);
}

static json_t *read_string(struct reader *r)
{
    struct token token;
    return read_token(r, &token) ? string_of(&token) : NULL;
}

static json_t *read_number(struct reader *r)
{
    const char *start = r->at;
    while (r->at < r->end && memchr("+-.0123456789Ee", *r->at, 15))
        r->at++;
    size_t len = (size_t)(r->at - start);
    bool negative = *start == '-';
    size_t first = negative ? 1 : 0;
    json_int_t number = 0;
    if (len == first || len > first + DIGITS_MAX || start[first] == '0')
        return by_jansson(start, len);
    for (size_t i = first; i < len; i++) {
        if (start[i] < '0' || start[i] > '9')
            return by_jansson(start, len);
        number = number * 10 + (start[i] - '0');
    }
    return json_integer(negative ? -number : number);
}

static json_t *read_word(struct reader *r, const char *word, json_t *value)
{
    size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return NULL;
    r->at += len;
    return value;
}

static json_t *read_value(struct reader *r);

/* Steals the value. */
static int set_member(json_t *object, const struct token *key, json_t *value)
{
    if (key->plain)
        return json_object_setn_new_nocheck(object, key->text, key->len, value);
    json_auto_t *name = string_of(key);
    if (name && !memchr(json_string_value(name), '\0', json_string_length(name)))
        return json_object_set_new(object, json_string_value(name), value);
    json_decref(value);
    return -1;
}

static json_t *read_object(struct reader *r)
{
    json_auto_t *object = json_object();
    struct token key;
    r->at++;
    if (take(r, '}'))
        return TAKE(object);
    do {
        if (!read_token(r, &key) || !take(r, ':') || set_member(object, &key, read_value(r)) < 0)
            return NULL;
    } while (take(r, ','));
    return take(r, '}') ? TAKE(object) : NULL;
}

static json_t *read_array(struct reader *r)
{
    json_auto_t *array = json_array();
    r->at++;
    if (take(r, ']'))
        return TAKE(array);
    do {
        if (json_array_append_new(array, read_value(r)) < 0)
            return NULL;
    } while (take(r, ','));
    return take(r, ']') ? TAKE(array) : NULL;
}

static json_t *read_nested(struct reader *r)
{
    if (r->depth == DEPTH_MAX)
        return NULL;
    r->depth++;
    json_t *value = *r->at == '{' ? read_object(r) : read_array(r);
    r->depth--;
    return value;
}

static json_t *read_value(struct reader *r)
{
    skip_space(r);
    if (r->at == r->end)
        return NULL;
    switch (*r->at) {
    case '{':
    case '[':
        return read_nested(r);
    case '"':
        return read_string(r);
    case 't':
        return read_word(r, "true", json_true());
    case 'f':
        return read_word(r, "false", json_false());
    case 'n':
        return read_word(r, "null", json_null());
    default:
        return read_number(r);
    }
}

json_t *jsonread_bytes(const char *text, size_t len, json_error_t *error)
{
    struct reader r = {.at = text, .end = text + len};
    json_auto_t *value = read_value(&r);
    skip_space(&r);
    bool complete = r.at == r.end && (json_is_object(value) || json_is_array(value));
    return complete ? TAKE(value) : json_loadb(text, len, JSON_ALLOW_NUL, error);
}
