/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t len)
{
    const unsigned char *in = data;
    char *text = xmalloc((len + 2) / 3 * 4 + 1);
    char *out = text;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)in[i + 2] : 0);
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        *out++ = left > 2 ? alphabet[group & 63] : '=';
    }
    *out = '\0';
    return text;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char *base64_decode(const char *text, size_t len, size_t *ret_len)
{
    AUTO_FREE char *bytes = xmalloc(len / 4 * 3 + 4);
    size_t n = 0, digits = 0, pads = 0;
    uint32_t group = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (is_space(c))
            continue;
        const char *at = c == '\0' ? NULL : strchr(alphabet, c);
        if (c == '=')
            pads++;
        if ((!at && c != '=') || (at && pads > 0) || pads > 2)
            return NULL;
        group = group << 6 | (at ? (uint32_t)(at - alphabet) : 0);
        if (++digits % 4 != 0)
            continue;
        bytes[n++] = (char)(group >> 16 & 255);
        bytes[n++] = (char)(group >> 8 & 255);
        bytes[n++] = (char)(group & 255);
        group = 0;
    }
    if (digits % 4 != 0 || pads > n)
        return NULL;
    for (size_t i = 0; i < pads; i++)
        if (bytes[--n] != 0)
            return NULL;
    bytes[n] = '\0';
    *ret_len = n;
    return TAKE(bytes);
}
