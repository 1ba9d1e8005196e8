/* SPDX-License-Identifier: Apache-2.0 */
#include "data/yamlscalar.h"

#include "base/base64.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define BINARY_TAG "tag:yaml.org,2002:binary"
#define MERGE_TAG  "tag:yaml.org,2002:merge"

#define DIGITS "0123456789"

enum type { TYPE_NULL, TYPE_BOOL, TYPE_INT, TYPE_UINT, TYPE_FLOAT, TYPE_STRING };

struct scalar {
    enum type type;
    bool boolean;
    int64_t integer;
    uint64_t natural; /* larger than any int64_t */
    double real;
};

#define LONGEST_WORD 5

static const struct {
    const char *text;
    struct scalar value;
} words[] = {
    {"", {.type = TYPE_NULL}},
    {"~", {.type = TYPE_NULL}},
    {"null", {.type = TYPE_NULL}},
    {"Null", {.type = TYPE_NULL}},
    {"NULL", {.type = TYPE_NULL}},
    {"y", {.type = TYPE_BOOL, .boolean = true}},
    {"Y", {.type = TYPE_BOOL, .boolean = true}},
    {"yes", {.type = TYPE_BOOL, .boolean = true}},
    {"Yes", {.type = TYPE_BOOL, .boolean = true}},
    {"YES", {.type = TYPE_BOOL, .boolean = true}},
    {"true", {.type = TYPE_BOOL, .boolean = true}},
    {"True", {.type = TYPE_BOOL, .boolean = true}},
    {"TRUE", {.type = TYPE_BOOL, .boolean = true}},
    {"on", {.type = TYPE_BOOL, .boolean = true}},
    {"On", {.type = TYPE_BOOL, .boolean = true}},
    {"ON", {.type = TYPE_BOOL, .boolean = true}},
    {"n", {.type = TYPE_BOOL}},
    {"N", {.type = TYPE_BOOL}},
    {"no", {.type = TYPE_BOOL}},
    {"No", {.type = TYPE_BOOL}},
    {"NO", {.type = TYPE_BOOL}},
    {"false", {.type = TYPE_BOOL}},
    {"False", {.type = TYPE_BOOL}},
    {"FALSE", {.type = TYPE_BOOL}},
    {"off", {.type = TYPE_BOOL}},
    {"Off", {.type = TYPE_BOOL}},
    {"OFF", {.type = TYPE_BOOL}},
    {".nan", {.type = TYPE_FLOAT, .real = (double)NAN}},
    {".NaN", {.type = TYPE_FLOAT, .real = (double)NAN}},
    {".NAN", {.type = TYPE_FLOAT, .real = (double)NAN}},
    {".inf", {.type = TYPE_FLOAT, .real = HUGE_VAL}},
    {".Inf", {.type = TYPE_FLOAT, .real = HUGE_VAL}},
    {".INF", {.type = TYPE_FLOAT, .real = HUGE_VAL}},
    {"+.inf", {.type = TYPE_FLOAT, .real = HUGE_VAL}},
    {"+.Inf", {.type = TYPE_FLOAT, .real = HUGE_VAL}},
    {"+.INF", {.type = TYPE_FLOAT, .real = HUGE_VAL}},
    {"-.inf", {.type = TYPE_FLOAT, .real = -HUGE_VAL}},
    {"-.Inf", {.type = TYPE_FLOAT, .real = -HUGE_VAL}},
    {"-.INF", {.type = TYPE_FLOAT, .real = -HUGE_VAL}},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Only a text that begins like this can be anything but a string. */
static bool may_be_typed(const char *text)
{
    return text[0] == '\0' || strchr("+-." DIGITS "yYnNtTfFoO~", text[0]);
}

static bool resolve_word(const char *text, struct scalar *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (words[i].text[0] == text[0] && strcmp(words[i].text, text) == 0) {
            *ret = words[i].value;
            return true;
        }
    }
    return false;
}

/* Digits of a base, nothing else: strtoull alone would also take white space and signs. */
static bool parse_digits(const char *text, int base, uint64_t *ret)
{
    static const char all[] = "0123456789abcdefABCDEF";
    size_t count = base == 16 ? sizeof(all) - 1 : (size_t)base;
    char allowed[sizeof(all)] = "";
    memcpy(allowed, all, count);
    if (text[0] == '\0' || text[strspn(text, allowed)] != '\0')
        return false;
    errno = 0;
    *ret = strtoull(text, NULL, base);
    return errno == 0;
}

/* An integer as Go's strconv reads it with base 0; 0b may also stand before a sign, as in go-yaml.
 */
static bool resolve_integer(const char *text, struct scalar *ret)
{
    bool minus = text[0] == '-';
    bool sign = minus || text[0] == '+';
    const char *digits = text + sign;
    int base = 10;
    if (digits[0] == '0' && digits[1] != '\0') {
        base = strchr("xX", digits[1]) ? 16 : strchr("bB", digits[1]) ? 2 : 8;
        digits += base != 8 || strchr("oO", digits[1]) ? 2 : 1;
    }
    if (!sign && strncmp(text, "0b", 2) == 0 && (digits[0] == '+' || digits[0] == '-')) {
        minus = *digits++ == '-';
        sign = true;
    }
    uint64_t value;
    if (!parse_digits(digits, base, &value))
        return false;
    if (value <= INT64_MAX)
        *ret =
            (struct scalar){.type = TYPE_INT, .integer = minus ? -(int64_t)value : (int64_t)value};
    else if (minus && value == (uint64_t)INT64_MAX + 1)
        *ret = (struct scalar){.type = TYPE_INT, .integer = INT64_MIN};
    else if (!sign)
        *ret = (struct scalar){.type = TYPE_UINT, .natural = value};
    else
        return false;
    return true;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool looks_like_float(const char *text)
{
    const char *p = text + (text[0] == '+' || text[0] == '-');
    size_t before = strspn(p, DIGITS);
    p += before;
    if (*p == '.') {
        size_t after = strspn(++p, DIGITS);
        if (before == 0 && after == 0)
            return false;
        p += after;
    } else if (before == 0) {
        return false;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        if (!is_digit(*p))
            return false;
        p += strspn(p, DIGITS);
    }
    return *p == '\0';
}

/* A number too large for a double is a string, not infinity. */
static bool resolve_float(const char *text, struct scalar *ret)
{
    if (!looks_like_float(text))
        return false;
    double value = strtod(text, NULL);
    if (isinf(value))
        return false;
    *ret = (struct scalar){.type = TYPE_FLOAT, .real = value};
    return true;
}

static char *without_underscores(const char *text, size_t len)
{
    char *plain = xmalloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] != '_')
            plain[n++] = text[i];
    plain[n] = '\0';
    return plain;
}

/* Behind a leading point, where Go itself parses, an underscore must stand between digits. */
static bool separates_digits(const char *text)
{
    for (const char *p = strchr(text, '_'); p; p = strchr(p + 1, '_'))
        if (!is_digit(p[-1]) || !is_digit(p[1]))
            return false;
    return true;
}

static struct scalar resolve(const char *text, size_t len)
{
    struct scalar scalar = {.type = TYPE_STRING};
    if (!may_be_typed(text) || (len <= LONGEST_WORD && resolve_word(text, &scalar)))
        return scalar;
    if (text[0] == '.' ? !separates_digits(text) : !strchr(DIGITS "+-", text[0]))
        return scalar;
    AUTO_FREE char *plain = without_underscores(text, len);
    if (!resolve_integer(plain, &scalar))
        resolve_float(plain, &scalar);
    return scalar;
}

/* A date, or a date and a time: a string, but for a YAML 1.1 reader a value of its own type. */
static bool looks_like_timestamp(const char *text)
{
    if (strspn(text, DIGITS) != 4 || text[4] != '-')
        return false;
    size_t month = strspn(text + 5, DIGITS);
    return month > 0 && month <= 2 && text[5 + month] == '-' && is_digit(text[6 + month]);
}

static const char *short_tag(const char *tag)
{
    static const char prefix[] = "tag:yaml.org,2002:";
    return strncmp(tag, prefix, sizeof(prefix) - 1) == 0 ? tag + sizeof(prefix) - 1 : tag;
}

/* Applies an explicit tag. Tags that YAML does not define leave the text a string. */
static int resolve_tagged(const char *text, size_t len, const char *tag, struct scalar *ret,
                          struct err *err)
{
    static const struct {
        const char *tag;
        enum type type;
    } tags[] = {
        {YAML_NULL_TAG, TYPE_NULL},
        {YAML_BOOL_TAG, TYPE_BOOL},
        {YAML_INT_TAG, TYPE_INT},
        {YAML_FLOAT_TAG, TYPE_FLOAT},
        {YAML_TIMESTAMP_TAG, TYPE_STRING},
    };
    *ret = (struct scalar){.type = TYPE_STRING};
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        if (strcmp(tag, tags[i].tag) != 0)
            continue;
        struct scalar scalar = resolve(text, len);
        if (tags[i].type == TYPE_FLOAT && scalar.type == TYPE_INT)
            scalar = (struct scalar){.type = TYPE_FLOAT, .real = (double)scalar.integer};
        bool fits =
            scalar.type == tags[i].type || (tags[i].type == TYPE_INT && scalar.type == TYPE_UINT);
        if (tags[i].type == TYPE_STRING)
            fits = looks_like_timestamp(text);
        if (!fits)
            return err_set(err, ERR_INVALID, "\"%.60s\" is not a !!%s", text, short_tag(tag));
        *ret = scalar;
        break;
    }
    return 0;
}

static int resolve_any(const char *text, size_t len, const char *tag, bool plain,
                       struct scalar *ret, struct err *err)
{
    if (memchr(text, '\0', len))
        return err_set(err, ERR_INVALID, "a NUL character cannot be part of a value");
    if (tag)
        return resolve_tagged(text, len, tag, ret, err);
    *ret = plain ? resolve(text, len) : (struct scalar){.type = TYPE_STRING};
    return 0;
}

/* The text of !!binary; the caller frees. */
static char *decode_binary(const char *text, size_t len, size_t *ret_len, struct err *err)
{
    AUTO_FREE char *decoded = base64_decode(text, len, ret_len);
    if (!decoded)
        err_set(err, ERR_INVALID, "!!binary is not valid base64");
    else if (memchr(decoded, '\0', *ret_len))
        err_set(err, ERR_INVALID, "a NUL character cannot be part of a value");
    else
        return TAKE(decoded);
    return NULL;
}

/* How many digits the shortest text has that reads back as the same number. */
static int shortest_digits(double value, bool single)
{
    int most = single ? 9 : 17;
    for (int digits = 1; digits < most; digits++) {
        char text[40];
        snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            return digits;
    }
    return most;
}

/*
 * A float on its way through kubectl becomes JSON text and is read again, so 1e3 arrives as the
 * integer 1000. Go writes floats below 1e21 without an exponent and with the fewest digits that
 * tell them apart, then zeros.
 */
static json_t *float_value(double value, struct err *err)
{
    if (!isfinite(value)) {
        err_set(err, ERR_INVALID, "infinity and not-a-number have no JSON form");
        return NULL;
    }
    if (value != trunc(value) || fabs(value) >= 1e19)
        return json_real(value);
    char text[48];
    snprintf(text, sizeof(text), "%.*e", shortest_digits(value, false) - 1, value);
    /* d.ddde+XX to an integer: move the point out by XX places */
    char digits[48];
    size_t n = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    size_t places = (size_t)strtoul(p + 2, NULL, 10) + 1 + (text[0] == '-');
    while (n < places)
        digits[n++] = '0';
    digits[n] = '\0';
    errno = 0;
    long long integer = strtoll(digits, NULL, 10);
    return errno == 0 ? json_integer(integer) : json_real(value);
}

/* As Go's FormatFloat(value, 'g', -1, 32), which sigs.k8s.io/yaml uses for keys. */
static char *float_key(double value)
{
    if (isnan(value))
        return xstrdup(".nan");
    if (isinf((float)value))
        return xstrdup(value > 0 ? ".inf" : "-.inf");
    double single = (double)(float)value;
    int digits = shortest_digits(single, true);
    char *text = xasprintf("%.*e", digits - 1, single);
    long exponent = strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 6)
        return text;
    free(text);
    long decimals = digits - 1 - exponent;
    return xasprintf("%.*f", decimals > 0 ? (int)decimals : 0, single);
}

json_t *yamlscalar_value(const char *text, size_t len, const char *tag, bool plain, struct err *err)
{
    struct scalar scalar = {.type = TYPE_STRING};
    AUTO_FREE char *decoded = NULL;
    if (tag && strcmp(tag, BINARY_TAG) == 0) {
        decoded = decode_binary(text, len, &len, err);
        text = decoded;
        if (!text)
            return NULL;
    } else if (resolve_any(text, len, tag, plain, &scalar, err) < 0) {
        return NULL;
    }
    switch (scalar.type) {
    case TYPE_NULL:
        return json_null();
    case TYPE_BOOL:
        return json_boolean(scalar.boolean);
    case TYPE_INT:
        return json_integer(scalar.integer);
    case TYPE_UINT:
        return json_real((double)scalar.natural); /* what a JSON reader in Go makes of it */
    case TYPE_FLOAT:
        return float_value(scalar.real, err);
    case TYPE_STRING:
        break;
    }
    json_t *string = json_stringn(text, len);
    if (!string)
        err_set(err, ERR_INVALID, "not valid UTF-8");
    return string;
}

char *yamlscalar_key(const char *text, size_t len, const char *tag, bool plain, struct err *err)
{
    struct scalar scalar;
    if (tag && strcmp(tag, BINARY_TAG) == 0) {
        err_set(err, ERR_INVALID, "!!binary cannot be a key");
        return NULL;
    }
    if (resolve_any(text, len, tag, plain, &scalar, err) < 0)
        return NULL;
    switch (scalar.type) {
    case TYPE_NULL:
        err_set(err, ERR_INVALID, "null cannot be a key");
        return NULL;
    case TYPE_BOOL:
        return xstrdup(scalar.boolean ? "true" : "false");
    case TYPE_INT:
        return xasprintf("%" PRId64, scalar.integer);
    case TYPE_UINT:
        err_set(err, ERR_INVALID, "the number %s is too large for a key", text);
        return NULL;
    case TYPE_FLOAT:
        return float_key(scalar.real);
    case TYPE_STRING:
        break;
    }
    return xstrndup(text, len);
}

bool yamlscalar_is_merge(const char *text, const char *tag, bool plain)
{
    return strcmp(text, "<<") == 0 && (tag ? strcmp(tag, MERGE_TAG) == 0 : plain);
}

bool yamlscalar_is_plain(const char *text, size_t len)
{
    if (strcmp(text, "<<") == 0 || strcmp(text, "=") == 0)
        return false;
    if (!may_be_typed(text))
        return true;
    if (looks_like_timestamp(text) || looks_like_float(text))
        return false;
    /* base 60, as in 10:30: a number for other readers of YAML 1.1 */
    if (strchr(text, ':') && text[strspn(text, DIGITS "_:.+-")] == '\0')
        return false;
    return resolve(text, len).type == TYPE_STRING;
}

char *yamlscalar_float(double value)
{
    return xasprintf("%.*g", shortest_digits(value, false), value);
}
