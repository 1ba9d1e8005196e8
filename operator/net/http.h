/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An asynchronous HTTP client for one server, over libcurl. Connections are kept and used again.
 *
 * `done` runs exactly once for each http_send(), never before it returned and never after
 * http_cancel(); the request is gone when `done` returns. Requests may be sent and cancelled from
 * any callback. Redirects are not followed: they would carry the credentials to somebody else.
 *
 * libcurl must have been initialised (curl_global_init) by the program.
 */
#pragma once

#include "base/err.h"
#include "net/loop.h"

#include <stdbool.h>

struct http;
struct http_request;

struct http_options {
    const char *server; /* https://host[:port][/path]; http is for tests and local proxies */
    const char *tls_server_name; /* name in the certificate when it is not the host, or NULL */
    const char *proxy_url;       /* http, https or socks5; NULL: $HTTPS_PROXY and $NO_PROXY */
    bool insecure_skip_tls_verify;
    bool http2; /* where the server does it; else HTTP/1.1 with a connection for each request */
    int connect_timeout_ms;
};

/* PEM texts; NULL: none (for ca: the roots of the system). */
struct http_identity {
    const char *ca, *client_cert, *client_key;
};

struct http_reply {
    int status;       /* 0: none came */
    const char *body; /* never NULL; what on_data did not get */
    size_t len;
    struct err err; /* of the transport; ERR_NONE whatever the status */
};

struct http_message {
    const char *method;
    const char *target;         /* path and query after the server's own path, already encoded */
    const char *const *headers; /* "Name: value", NULL-terminated */
    char *body;                 /* taken; NULL: none */
    size_t len;
    bool gzip;       /* ask for a compressed answer */
    bool secret;     /* the bodies of both do not stay in memory */
    int total_ms;    /* from send to the last byte; 0: no limit */
    int idle_ms;     /* longest time without a byte; 0: no limit */
    size_t max_body; /* a longer body of a 2xx answer is an error; others are cut */

    /*
     * Asked when the connection stands, right before the first byte of the request leaves. False:
     * it does not, and `done` gets ERR_UNAVAILABLE with the reason "NotSent". May be NULL.
     */
    bool (*may_send)(void *arg);
    /* The headers of the answer are here; may be NULL. */
    void (*on_start)(void *arg, struct http_request *request, int status);
    /* Parts of a 2xx body as they come; NULL: collected for `done`. Other bodies always are. */
    void (*on_data)(void *arg, struct http_request *request, const char *data, size_t len);
    void (*done)(void *arg, struct http_request *request, const struct http_reply *reply);
    void *arg;
};

struct http *http_new(struct loop *loop, const struct http_options *options,
                      struct err *err) MUST_CHECK;
/* All requests must have ended; not from a callback of one. */
void http_free(struct http *http);
/*
 * Who we are from now on, copied. Requests on their way end under the old identity; connections
 * of the old one are not used again and closed.
 */
void http_set_identity(struct http *http, const struct http_identity *identity);
/*
 * From now on a connection that is closed takes with it what the kernel has not delivered yet; else
 * the kernel goes on trying, even when the process has ended.
 */
void http_abandon(struct http *http);
/* "host:port" of the server. */
const char *http_host(const struct http *http);
/* Whether the server is reached over TLS, so that credentials may be sent. */
bool http_is_secure(const struct http *http);

/* Never NULL; borrowed until `done` returned or http_cancel(). The strings of message are copied.
 */
struct http_request *http_send(struct http *http, const struct http_message *message);
void http_cancel(struct http_request *request);
/* Value of the index-th header of that name; only inside a callback. NULL: there is none. */
const char *http_header(const struct http_request *request, const char *name, size_t index);
