/* SPDX-License-Identifier: Apache-2.0 */
#include "control/pack.h"

#include "base/digest.h"
#include "base/limits.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define THUMBPRINT_LEN 43 /* SHA-256 in base64url */
#define TOKEN_MIN      22 /* 128 bits, which RFC 8555 asks for */
#define WORD_MAX       256
#define HIDDEN         "<key>"

/* Copies the text to *into and moves that behind the NUL. */
static char *put(char **into, const char *text)
{
    char *start = *into;
    size_t len = text ? strnlen(text, LIMIT_RECORD_TEXT) : 0;
    if (len > 0)
        memcpy(start, text, len);
    start[len] = '\0';
    if (len == LIMIT_RECORD_TEXT)
        utf8_trim(start);
    *into += len + 1;
    return start;
}

static size_t space_of(const char *text)
{
    return (text ? strnlen(text, LIMIT_RECORD_TEXT) : 0) + 1;
}

void *pack_new(size_t size, const struct pack_text *texts, size_t count)
{
    size_t space = size;
    for (size_t i = 0; i < count; i++)
        space += space_of(texts[i].text);
    char *record = xcalloc(1, space);
    char *next = record + size;
    for (size_t i = 0; i < count; i++) {
        const char *text = put(&next, texts[i].text);
        memcpy(record + texts[i].offset, &text, sizeof(text));
    }
    return record;
}

char **pack_list(const json_t *array)
{
    size_t count = 0;
    size_t space = 0;
    size_t i;
    const json_t *each;
    json_array_foreach (array, i, each) {
        if (!json_is_string(each))
            continue;
        count++;
        space += space_of(json_string_value(each));
    }
    char **list = xcalloc(1, (count + 1) * sizeof(*list) + space);
    char *next = (char *)&list[count + 1];
    count = 0;
    json_array_foreach (array, i, each)
        if (json_is_string(each))
            list[count++] = put(&next, json_string_value(each));
    return list;
}

static uint64_t add_text(uint64_t digest, const char *text)
{
    const char *given = text ? text : "";
    return digest_add(digest, given, strlen(given) + 1);
}

uint64_t pack_digest(uint64_t digest, const struct pack_text *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        digest = add_text(digest, texts[i].text);
    return digest;
}

uint64_t pack_digest_list(uint64_t digest, char *const *list)
{
    for (; *list; list++)
        digest = add_text(digest, *list);
    return add_text(digest, "");
}

static size_t base64url_length(const char *text)
{
    size_t len = 0;
    while (len < WORD_MAX &&
           (isalnum((unsigned char)text[len]) || text[len] == '-' || text[len] == '_'))
        len++;
    return len;
}

/* Length of the key authorization that the text begins with: token, dot, thumbprint; 0: none. */
static size_t authorization_length(const char *text)
{
    size_t token = base64url_length(text);
    if (token < TOKEN_MIN || text[token] != '.')
        return 0;
    const char *thumbprint = text + token + 1;
    if (base64url_length(thumbprint) != THUMBPRINT_LEN)
        return 0;
    /* DNS names have no capitals, digests nearly always do. */
    for (size_t i = 0; i < THUMBPRINT_LEN; i++)
        if (isupper((unsigned char)thumbprint[i]))
            return token + 1 + THUMBPRINT_LEN;
    return 0;
}

/* "read tcp 10.0.0.7:57676->10.0.0.8:80": takes off the address before the arrow. */
static void drop_local_end(struct strbuf *out)
{
    while (out->len > 0) {
        char last = out->text[out->len - 1];
        if (!isxdigit((unsigned char)last) && !strchr(".:[]%", last))
            break;
        out->text[--out->len] = '\0';
    }
}

char *pack_told(const char *text, const char *key)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_RECORD_TEXT);
    size_t key_len = key ? strlen(key) : 0;
    bool inside = false; /* of a word: an authorization begins where a word does */
    while (*text) {
        bool arrow = strncmp(text, "->", 2) == 0;
        bool is_key = key_len > 0 && strncmp(text, key, key_len) == 0;
        size_t hidden = is_key ? key_len : inside ? 0 : authorization_length(text);
        inside = base64url_length(text) > 0;
        if (arrow)
            drop_local_end(&out);
        else if (strbuf_add(&out, hidden ? HIDDEN : text, hidden ? strlen(HIDDEN) : 1) < 0)
            break;
        text += hidden ? hidden : arrow ? 2 : 1;
    }
    utf8_trim(out.text);
    return strbuf_take(&out);
}
