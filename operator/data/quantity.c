/* SPDX-License-Identifier: Apache-2.0 */
#include "data/quantity.h"

#include "base/limits.h"
#include "base/mem.h"

#include <string.h>

/* 1024^6 (Ei) has 19 digits: so many more than the text has can a value get. */
#define MAX_DIGITS (LIMIT_QUANTITY + 19)

/* digits * 10^exponent; the digits are numbers 0 to 9, the lowest first. */
struct decimal {
    bool negative;
    size_t count;
    unsigned char digits[MAX_DIGITS];
    int exponent;
};

static const struct {
    const char *suffix;
    int exponent;      /* of 10 */
    unsigned int kilo; /* how many times 1024 */
} suffixes[] = {
    {"n", -9, 0},
    {"u", -6, 0},
    {"m", -3, 0},
    {"", 0, 0},
    {"k", 3, 0},
    {"M", 6, 0},
    {"G", 9, 0},
    {"T", 12, 0},
    {"P", 15, 0},
    {"E", 18, 0},
    {"Ki", 0, 1},
    {"Mi", 0, 2},
    {"Gi", 0, 3},
    {"Ti", 0, 4},
    {"Pi", 0, 5},
    {"Ei", 0, 6},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void multiply_1024(struct decimal *d)
{
    unsigned int carry = 0;
    for (size_t i = 0; i < d->count; i++) {
        carry += d->digits[i] * 1024U;
        d->digits[i] = (unsigned char)(carry % 10);
        carry /= 10;
    }
    for (; carry > 0; carry /= 10)
        d->digits[d->count++] = (unsigned char)(carry % 10);
}

/* Equal values get equal digits and exponents: no zero at either end. */
static void normalise(struct decimal *d)
{
    while (d->count > 0 && d->digits[d->count - 1] == 0)
        d->count--;
    size_t zeros = 0;
    while (zeros < d->count && d->digits[zeros] == 0)
        zeros++;
    d->count -= zeros;
    memmove(d->digits, d->digits + zeros, d->count);
    d->exponent += (int)zeros;
    if (d->count == 0) {
        d->exponent = 0;
        d->negative = false;
    }
}

/* The number in front of the suffix. Returns where it ends, NULL when there is none. */
static const char *parse_number(const char *s, struct decimal *ret)
{
    if (*s == '+' || *s == '-')
        ret->negative = *s++ == '-';
    const char *start = s;
    const char *point = NULL;
    while (is_digit(*s) || (*s == '.' && !point)) {
        if (*s == '.')
            point = s;
        s++;
    }
    for (const char *c = s; c > start; c--)
        if (is_digit(c[-1]))
            ret->digits[ret->count++] = (unsigned char)(c[-1] - '0');
    if (point)
        ret->exponent -= (int)(s - point - 1);
    return ret->count > 0 ? s : NULL;
}

/* "e3", "E-2". The exponent has at most four digits, which is far beyond any quantity. */
static bool parse_exponent(const char *s, struct decimal *ret)
{
    s++;
    bool negative = *s == '-';
    if (*s == '+' || *s == '-')
        s++;
    size_t len = strlen(s);
    if (len == 0 || len > 4)
        return false;
    int value = 0;
    for (; is_digit(*s); s++)
        value = value * 10 + (*s - '0');
    ret->exponent += negative ? -value : value;
    return *s == '\0';
}

static bool parse_suffix(const char *s, struct decimal *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (strcmp(s, suffixes[i].suffix) != 0)
            continue;
        ret->exponent += suffixes[i].exponent;
        for (unsigned int n = 0; n < suffixes[i].kilo; n++)
            multiply_1024(ret);
        return true;
    }
    return (*s == 'e' || *s == 'E') && parse_exponent(s, ret);
}

static bool parse(const char *text, struct decimal *ret)
{
    *ret = (struct decimal){.count = 0};
    if (strlen(text) > LIMIT_QUANTITY)
        return false;
    const char *suffix = parse_number(text, ret);
    if (!suffix || !parse_suffix(suffix, ret))
        return false;
    normalise(ret);
    return true;
}

bool quantity_equal(const char *a, const char *b)
{
    struct decimal x;
    struct decimal y;
    return parse(a, &x) && parse(b, &y) && x.negative == y.negative && x.exponent == y.exponent &&
           x.count == y.count && memcmp(x.digits, y.digits, x.count) == 0;
}
