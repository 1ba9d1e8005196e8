/* SPDX-License-Identifier: Apache-2.0 */
#include "data/jsonpointer.h"

#include "base/limits.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* "a~1b~0c" is "a/b~c" (RFC 6901, section 4). NULL when "~" stands before anything else. */
static char *unescape(const char *text, size_t len)
{
    char *token = xmalloc(len + 1);
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '~') {
            token[used++] = text[i];
        } else if (i + 1 < len && (text[i + 1] == '0' || text[i + 1] == '1')) {
            token[used++] = text[++i] == '0' ? '~' : '/';
        } else {
            free(token);
            return NULL;
        }
    }
    token[used] = '\0';
    return token;
}

static size_t count_tokens(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == '/';
    return count;
}

int jsonpointer_parse(const char *text, struct jsonpointer *ret, struct err *err)
{
    if (text[0] != '\0' && text[0] != '/')
        return err_set(err, ERR_INVALID, "\"%s\" must be empty or begin with /", text);
    size_t count = count_tokens(text);
    if (count > LIMIT_PATCH_DEPTH)
        return err_set(err, ERR_INVALID, "has more than %d steps", LIMIT_PATCH_DEPTH);
    AUTO_JSONPOINTER struct jsonpointer pointer = {.text = xstrdup(text)};
    pointer.tokens = xcalloc(count, sizeof(*pointer.tokens));
    size_t at = 0;
    while (pointer.count < count) {
        size_t len = strcspn(text + at + 1, "/");
        char *token = unescape(text + at + 1, len);
        if (!token)
            return err_set(err, ERR_INVALID, "\"%s\" has a ~ that is not ~0 or ~1", text);
        at += len + 1;
        pointer.tokens[pointer.count++] = (struct jsonpointer_token){.text = token, .end = at};
    }
    *ret = pointer;
    pointer = (struct jsonpointer){.text = NULL};
    return 0;
}

void jsonpointer_done(struct jsonpointer *pointer)
{
    for (size_t i = 0; i < pointer->count; i++)
        free(pointer->tokens[i].text);
    free(pointer->tokens);
    free(pointer->text);
    *pointer = (struct jsonpointer){.text = NULL};
}

bool jsonpointer_index(const char *token, size_t size, size_t *ret)
{
    size_t len = strspn(token, "0123456789");
    if (len == 0 || token[len] != '\0' || (token[0] == '0' && len > 1))
        return false;
    size_t index = 0;
    for (size_t i = 0; i < len && index < size; i++)
        index = index * 10 + (size_t)(token[i] - '0');
    if (index >= size)
        return false;
    *ret = index;
    return true;
}

json_t *jsonpointer_get(const struct jsonpointer *pointer, size_t count, const json_t *document,
                        struct err *err)
{
    const json_t *value = document;
    for (size_t i = 0; i < count; i++) {
        const struct jsonpointer_token *token = &pointer->tokens[i];
        size_t index = 0;
        if (json_is_object(value))
            value = json_object_get(value, token->text);
        else if (jsonpointer_index(token->text, json_array_size(value), &index))
            value = json_array_get(value, index);
        else
            value = NULL;
        if (!value) {
            err_set(err, ERR_INVALID, "there is no %.*s", (int)token->end, pointer->text);
            return NULL;
        }
    }
    return (json_t *)(uintptr_t)value;
}

bool jsonpointer_within(const struct jsonpointer *outer, const struct jsonpointer *inner)
{
    if (inner->count < outer->count)
        return false;
    for (size_t i = 0; i < outer->count; i++)
        if (strcmp(outer->tokens[i].text, inner->tokens[i].text) != 0)
            return false;
    return true;
}
