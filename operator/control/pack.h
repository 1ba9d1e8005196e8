/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small records of large objects: a struct and all its texts in one piece of memory. There are
 * thousands of them, so each is one allocation and holds nothing that nobody asks for.
 */
#pragma once

#include "data/jx.h"

/* A member `const char *` of a struct, and what goes into it; NULL is "". */
struct pack_text {
    size_t offset;
    const char *text;
};
#define PACK(type, member, value)                                                                  \
    (struct pack_text)                                                                             \
    {                                                                                              \
        .offset = offsetof(struct type, member), .text = (value)                                   \
    }

/* A zeroed struct of this size with its texts, each cut at LIMIT_RECORD_TEXT; free() it. */
void *pack_new(size_t size, const struct pack_text *texts, size_t count)
    __attribute__((returns_nonnull));
/* The strings of an array, ended by NULL, what else is in it left out; free() it. */
char **pack_list(const json_t *array) __attribute__((returns_nonnull));
/* Continues a digest over the texts. */
uint64_t pack_digest(uint64_t digest, const struct pack_text *texts, size_t count);
/* … and over the strings of a list. */
uint64_t pack_digest_list(uint64_t digest, char *const *list);

/*
 * What cert-manager says about itself, made fit to be told: without the key of a challenge (the
 * one given, or anything that looks like a key authorization, RFC 8555 section 8.1), and without
 * the local end of a connection, whose port is another one each time. The caller frees.
 */
char *pack_told(const char *text, const char *key) __attribute__((returns_nonnull));
