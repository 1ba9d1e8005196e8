/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP/1.1 server on the loop, for health checks and metrics: GET and HEAD only, answers
 * made at once by handlers, nothing read but the request's head. It knows paths and texts; what
 * they mean is its user's business.
 */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

struct httpd;
struct loop;

struct httpd_request {
    const char *path;  /* as sent, "/readyz" */
    const char *query; /* what follows the "?", "" when there is none */
};

/* Fills the body (any text of the route's content type) and returns the HTTP status. */
typedef int httpd_handler(void *arg, const struct httpd_request *request, struct strbuf *body);

struct httpd_route {
    const char *path;         /* exactly this path; one that ends in "/" also all paths below it */
    const char *content_type; /* of answers with status 200; NULL: plain text */
    httpd_handler *handler;   /* NULL ends the table */
    void *arg;
};

/*
 * Listens on `address`: ":8080" (every address, IPv6 and IPv4), "127.0.0.1:8080", "[::1]:8080" or
 * "localhost:8080"; port 0 takes a free one. "0" and "" turn the server off: success, *ret NULL.
 * ERR_INVALID: the address makes no sense; ERR_UNAVAILABLE: it cannot be listened on. The routes
 * are borrowed until httpd_free.
 */
int httpd_new(struct loop *loop, const char *address, const struct httpd_route *routes,
              struct httpd **ret, struct err *err) MUST_CHECK;
/* The port it listens on. */
int httpd_port(const struct httpd *httpd);
/* Closes all connections; not from a handler. NULL is fine. */
void httpd_free(struct httpd *httpd);
