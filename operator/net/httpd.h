/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP/1.1 server on the loop, for health checks and metrics: GET and HEAD only, answers
 * made at once by handlers, nothing read but the request's head. It knows paths and texts; what
 * they mean is its user's business. It lives beside strangers: heads have a ceiling and a time by
 * which they must be there, and when there are too many connections the one that has waited longest
 * makes room, so that slow clients keep nobody else out.
 *
 * A gate may decide who is served, and may ask others first: a request waits for it.
 */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

struct httpd;
struct httpd_call;
struct loop;
struct servercert;

struct httpd_request {
    const char *path;          /* as sent, "/readyz" */
    const char *query;         /* what follows the "?", "" when there is none */
    const char *authorization; /* value of that header, or NULL */
};

/* Fills the body (any text of the route's content type) and returns the HTTP status. */
typedef int httpd_handler(void *arg, const struct httpd_request *request, struct strbuf *body);

/*
 * Must lead to one httpd_serve() or httpd_refuse() of the call, at once or later; `request` is
 * there until then. Also when the client has gone meanwhile: that shows only when it is answered.
 */
typedef void httpd_gate(void *arg, const struct httpd_request *request, struct httpd_call *call);

struct httpd_route {
    const char *path;         /* exactly this path; one that ends in "/" also all paths below it */
    const char *content_type; /* of answers with status 200; NULL: plain text */
    httpd_handler *handler;   /* NULL ends the table */
    void *arg;
};

/* In milliseconds. */
struct httpd_timing {
    int head;   /* from the first byte of a connection or a request to the end of its head */
    int idle;   /* until the next request of a connection */
    int answer; /* until the client has taken the answer */
};

struct httpd_options {
    /*
     * ":8080" (every address, IPv6 and IPv4), "127.0.0.1:8080", "[::1]:8080" or "localhost:8080";
     * port 0 takes a free one. "0" and "" turn the server off.
     */
    const char *address;
    const struct httpd_route *routes;
    struct servercert *cert; /* then HTTPS; NULL: HTTP */
    httpd_gate *gate;        /* NULL: everybody is served */
    void *gate_arg;
    const struct httpd_timing *timing; /* for tests; NULL: 32 s, 90 s, 90 s */
};

/*
 * Listens. Turned off: success, *ret NULL. ERR_INVALID: the address makes no sense;
 * ERR_UNAVAILABLE: it cannot be listened on. What the options point to is borrowed until
 * httpd_free.
 */
int httpd_new(struct loop *loop, const struct httpd_options *options, struct httpd **ret,
              struct err *err) MUST_CHECK;
/* The port it listens on. */
int httpd_port(const struct httpd *httpd);
/* Closes all connections; not from a handler, and no call may wait for the gate. NULL is fine. */
void httpd_free(struct httpd *httpd);

/* The call's route answers. */
void httpd_serve(struct httpd_call *call);
/* Answers with this status, and the text as plain text. */
void httpd_refuse(struct httpd_call *call, int status, const char *text);
