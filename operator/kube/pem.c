/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/pem.h"

#include <stddef.h>
#include <string.h>

static const char begin[] = "-----BEGIN ";
static const char end[] = "-----END ";
static const char dashes[] = "-----";

/* The label behind a boundary's start, without the dashes that close it; 0 = no boundary. */
static size_t label_length(const char *label)
{
    const char *close = strstr(label, dashes);
    return close ? (size_t)(close - label) : 0;
}

static bool ends_with(const char *label, size_t len, const char *suffix)
{
    size_t n = strlen(suffix);
    return len >= n && memcmp(label + len - n, suffix, n) == 0;
}

static bool has(const char *text, const char *suffix)
{
    bool found = false;
    for (const char *at = text; (at = strstr(at, begin));) {
        const char *label = at + strlen(begin);
        size_t len = label_length(label);
        const char *body = label + len;
        const char *close = strstr(body, end);
        if (len == 0 || !close || strncmp(close + strlen(end), label, len) != 0 ||
            strncmp(close + strlen(end) + len, dashes, strlen(dashes)) != 0)
            return false;
        found = found || ends_with(label, len, suffix);
        at = close;
    }
    return found;
}

bool pem_has_certificate(const char *text)
{
    return has(text, "CERTIFICATE");
}

bool pem_has_private_key(const char *text)
{
    return has(text, "PRIVATE KEY");
}
