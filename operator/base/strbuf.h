/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable text with a mandatory ceiling.
 *
 * `text` is never NULL and always ends in NUL; it may hold NUL bytes within `len`. Adding beyond
 * `max` changes nothing, marks the buffer `failed` and returns -1; later additions fail too, so a
 * caller may build a whole text and check once at the end.
 */
#pragma once

#include "base/mem.h"

#include <stdbool.h>

struct strbuf {
    char *text;
    size_t len;
    size_t cap; /* 0 while `text` is the shared empty text */
    size_t max; /* most bytes of text, without the NUL */
    bool failed;
};

extern char strbuf_empty[1];

#define STRBUF_INIT(limit)                                                                         \
    {                                                                                              \
        .text = strbuf_empty, .max = (limit)                                                       \
    }
#define AUTO_STRBUF AUTO(strbuf_done)

int strbuf_add(struct strbuf *sb, const void *data, size_t len);
int strbuf_adds(struct strbuf *sb, const char *s);
int strbuf_addc(struct strbuf *sb, char c);
int strbuf_addf(struct strbuf *sb, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Removes the first n bytes (n <= len). */
void strbuf_drop(struct strbuf *sb, size_t n);
/* Makes it empty and usable again; keeps the memory. */
void strbuf_clear(struct strbuf *sb);
/* Hands the text to the caller, who frees it; the buffer is empty afterwards. */
char *strbuf_take(struct strbuf *sb) __attribute__((returns_nonnull));
void strbuf_done(struct strbuf *sb);
