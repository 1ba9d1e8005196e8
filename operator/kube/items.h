/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the items out of a List while it comes in, so that a page of hundreds is never in memory
 * as a whole. It only finds where values begin and end; each item and the rest of the list are
 * parsed by a real parser, which says what is wrong with them.
 */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

struct items {
    struct strbuf item;
    struct strbuf rest; /* the list without its items: {"kind":…,"metadata":{…},"items":[]} */
    const char *chunk;
    size_t len;
    char name[8]; /* start of the last string directly in the list object */
    size_t name_len;
    int depth;
    bool in_string, escaped, in_items, fresh;
};

/* max: longest item in bytes. */
void items_init(struct items *items, size_t max);
void items_done(struct items *items);
/* The next chunk, which must stay until items_next() said 0; the one before it must be used up. */
void items_feed(struct items *items, const char *chunk, size_t len);
/* 1: an item, valid until the next call; 0: no more; -1: the item or the rest is too long. */
int items_next(struct items *items, const char **ret_item, size_t *ret_len,
               struct err *err) MUST_CHECK;
