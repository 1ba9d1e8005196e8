/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a stream of chunks into lines, without copying those that lie within one chunk. */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

struct lines {
    struct strbuf partial; /* the start of a line whose end has not come */
    const char *chunk;     /* what is left of the current chunk */
    size_t len;
    bool fresh; /* `partial` was handed out and is to be emptied */
};

/* max: longest line in bytes. */
void lines_init(struct lines *lines, size_t max);
/* Frees what is kept; the lines may be used again for another stream. */
void lines_done(struct lines *lines);
/* The next chunk, which must stay until lines_next() said 0; the one before it must be used up. */
void lines_feed(struct lines *lines, const char *chunk, size_t len);
/* 1: a line, valid until the next call, without its end; 0: no more; -1: it is too long. */
int lines_next(struct lines *lines, const char **ret_line, size_t *ret_len,
               struct err *err) MUST_CHECK;
