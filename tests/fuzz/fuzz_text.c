/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readers of short texts; the first byte chooses one. What is read is written back the same,
 * and what compares things is fair to both.
 */
#include "fuzz.h"

#include "base/base64.h"
#include "base/now.h"
#include "base/utf8.h"
#include "data/config.h"
#include "data/jsonpointer.h"
#include "data/object.h"
#include "data/objectmeta.h"
#include "data/pattern.h"
#include "data/quantity.h"
#include "kube/path.h"
#include "kube/pem.h"

#include <string.h>

/* From 1970 to the end of the year 9999. */
#define MICROSECONDS_TO_10000 INT64_C(253402300799999999)

static void base64(const char *text, size_t len)
{
    size_t decoded_len = 0;
    AUTO_FREE char *decoded = base64_decode(text, len, &decoded_len);
    AUTO_FREE char *encoded = base64_encode(text, len);
    size_t again_len = 0;
    AUTO_FREE char *again = base64_decode(encoded, strlen(encoded), &again_len);
    require(again && again_len == len && memcmp(again, text, len) == 0);
    if (!decoded)
        return;
    /* There is one way to write it, but for white space. */
    AUTO_FREE char *canonical = base64_encode(decoded, decoded_len);
    size_t at = 0;
    for (size_t i = 0; i < len; i++)
        if (canonical[at] && text[i] == canonical[at])
            at++;
    require(canonical[at] == '\0');
}

static void utf8(const char *text, size_t len)
{
    AUTO_FREE char *copy = xstrndup(text, len);
    utf8_trim(copy);
    utf8_repair(copy);
    json_auto_t *accepted = json_string(copy);
    require(accepted != NULL);
}

static void times(const char *text, size_t len)
{
    AUTO_FREE char *copy = xstrndup(text, len);
    int64_t us = 0, again = 0;
    char printed[NOW_TIME_LEN];
    if (now_parse_time(copy, &us) < 0 || us < 0 || us > MICROSECONDS_TO_10000)
        return; /* clocks show nothing else */
    now_format_microtime(us, printed);
    require(now_parse_time(printed, &again) == 0 && again == us);
}

/* Two texts, one a line. */
static void pairs(const char *text, size_t len)
{
    AUTO_FREE char *a = xstrndup(text, len);
    char *b = a + strcspn(a, "\n");
    if (*b)
        *b++ = '\0';
    require(quantity_equal(a, b) == quantity_equal(b, a));
    require(!quantity_equal(a, b) || (quantity_equal(a, a) && quantity_equal(b, b)));
    int forth = object_compare_versions(a, b);
    int back = object_compare_versions(b, a);
    require((forth == 0) == (back == 0) && object_compare_versions(a, a) == 0);
    require(forth >= 0 || back > 0);
    (void)objectmeta_is_key(a, true);
    require(objectmeta_is_key(b, true) || !objectmeta_is_key(b, false));
    static struct pattern_cache *patterns; /* compiled once, as in a schema */
    if (!patterns)
        patterns = pattern_cache_new();
    (void)pattern_matches(patterns, "^[ -<>-~]+$", a);
}

static void paths(const char *text, size_t len)
{
    AUTO_FREE char *copy = xstrndup(text, len);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(1 << 20);
    struct err err;
    if (path_add(&out, &object_deployment, copy, copy, NULL, &err) < 0)
        return;
    path_add_query(&out, "labelSelector", copy);
    size_t slashes = 0;
    for (size_t i = 0; i < out.len; i++) {
        unsigned char c = (unsigned char)out.text[i];
        slashes += c == '/';
        require(c > 0x20 && c < 0x7f && c != '#');
    }
    require(slashes == 7); /* /apis/apps/v1/namespaces/NAME/deployments/NAME */
}

static void pointers(const char *text, size_t len)
{
    AUTO_FREE char *copy = xstrndup(text, len);
    AUTO_JSONPOINTER struct jsonpointer pointer = {.text = NULL};
    struct err err = {.kind = ERR_NONE};
    if (jsonpointer_parse(copy, &pointer, &err) < 0) {
        require(err.kind != ERR_NONE);
        return;
    }
    require(strcmp(pointer.text, copy) == 0 && jsonpointer_within(&pointer, &pointer));
    json_auto_t *document = OBJ(F("a", ARR(INT(1), OBJ(F("~", INT(2)), F("/", INT(3))))));
    for (size_t i = 0; i <= pointer.count; i++)
        require(jsonpointer_get(&pointer, i, document, &err) || err.kind != ERR_NONE);
}

static void pem(const char *text, size_t len)
{
    AUTO_FREE char *copy = xstrndup(text, len);
    require(!pem_has_certificate(copy) || strstr(copy, "-----END CERTIFICATE-----"));
    require(!pem_has_private_key(copy) || strstr(copy, "PRIVATE KEY-----"));
}

static void assignment(const char *text, size_t len)
{
    AUTO_FREE char *copy = xstrndup(text, len);
    struct err err = {.kind = ERR_NONE};
    struct config config;
    config_init(&config);
    require((config_assign(&config, copy, &err) < 0) == (err.kind != ERR_NONE));
    config_done(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const char *text, size_t len) = {
        base64, utf8, times, pairs, paths, pointers, pem, assignment};
    if (size > 0)
        readers[data[0] % ARRAY_LEN(readers)]((const char *)data + 1, size - 1);
    return 0;
}
