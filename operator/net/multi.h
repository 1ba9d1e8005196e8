/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi socket API on the loop. For files of net/ only.
 *
 * libcurl forbids to add or remove a transfer from within one of its callbacks. Here both are
 * allowed at any time: what comes at a bad moment is done as soon as libcurl has returned.
 */
#pragma once

#include "net/loop.h"

#include <curl/curl.h>
#include <stdbool.h>

struct multi;

/* One easy handle on its way; embedded in its owner's struct, which sets the first three. */
struct transfer {
    CURL *easy;
    /* The transfer ended and is out of the multi handle; never called after multi_drop. */
    void (*done)(struct transfer *transfer, CURLcode code);
    /* After multi_drop: frees the owner and cleans up the easy handle. */
    void (*release)(struct transfer *transfer);
    enum { TRANSFER_OUT, TRANSFER_WAITS, TRANSFER_RUNS, TRANSFER_DROPPED } state;
    struct transfer *prev, *next;
};

/* Keeps up to max_connections open between transfers. */
struct multi *multi_new(struct loop *loop, long max_connections);
/* No transfer may be left; not from a callback of one. */
void multi_free(struct multi *multi);
void multi_add(struct multi *multi, struct transfer *transfer);
/* Ends a transfer before its time; release() runs now or a little later, done() never. */
void multi_drop(struct multi *multi, struct transfer *transfer);
