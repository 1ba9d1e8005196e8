/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Pointer (RFC 6901), strict: what the RFC calls an error is one. */
#pragma once

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct jsonpointer_token {
    char *text; /* unescaped: the name of a member, or an index */
    size_t end; /* of the token, in the pointer's text */
};

struct jsonpointer {
    char *text; /* "/spec/ports/0" */
    struct jsonpointer_token *tokens;
    size_t count; /* 0: the whole document */
};

#define AUTO_JSONPOINTER AUTO(jsonpointer_done)

int jsonpointer_parse(const char *text, struct jsonpointer *ret, struct err *err) MUST_CHECK;
void jsonpointer_done(struct jsonpointer *pointer);
/* What the first `count` tokens lead to, borrowed; NULL with an error that tells how far one gets.
 */
json_t *jsonpointer_get(const struct jsonpointer *pointer, size_t count, const json_t *document,
                        struct err *err) MUST_CHECK;
/* True when the token is an index below `size`. */
bool jsonpointer_index(const char *token, size_t size, size_t *ret);
/* Whether `inner` points into what `outer` points at, or at the same. */
bool jsonpointer_within(const struct jsonpointer *outer, const struct jsonpointer *inner);
