/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted HTTP/1.1 server on loopback, on the loop of the test: the n-th request that arrives,
 * on whatever connection, gets the n-th reply, byte for byte as written.
 */
#pragma once

#include "net/loop.h"

#include <stddef.h>

struct fakeserver;

enum fakeserver_after {
    FAKESERVER_KEEP,  /* read the next request; also: say nothing more */
    FAKESERVER_CLOSE, /* orderly end */
    FAKESERVER_RESET, /* RST */
};

struct fakeserver_reply {
    const char *bytes; /* NULL: none */
    size_t len;        /* 0: up to the NUL */
    enum fakeserver_after after;
    size_t step; /* bytes for each turn of the loop, 0 = all at once */
};

struct fakeserver *fakeserver_new(struct loop *loop);
void fakeserver_free(struct fakeserver *server);
/* "http://127.0.0.1:PORT" */
const char *fakeserver_url(const struct fakeserver *server);
/* More replies; borrowed. A request beyond the last gets no answer. */
void fakeserver_add(struct fakeserver *server, const struct fakeserver_reply *replies,
                    size_t count);
/* Sends more on the connection of the latest request. */
void fakeserver_send(struct fakeserver *server, const char *text, enum fakeserver_after after);
/* Head and body of the n-th request, "" when it has not come. */
const char *fakeserver_request(const struct fakeserver *server, size_t n);
size_t fakeserver_requests(const struct fakeserver *server);
size_t fakeserver_connections(const struct fakeserver *server);
/* Accepts no more connections. */
void fakeserver_stop(struct fakeserver *server);
