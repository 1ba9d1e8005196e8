/* SPDX-License-Identifier: Apache-2.0 */
#include "net/httpd.h"

#include "base/limits.h"
#include "net/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A client that neither sends nor takes a byte for so long is let go. */
#define IDLE_SECONDS 30
/* When accepting fails, e.g. for want of descriptors, it rests until the next tick. */
#define TICK_MS 5000
#define BACKLOG 128

struct httpd {
    struct evhttp *http;
    struct evconnlistener *listener; /* owned by `http` */
    struct loop_timer *tick;
    const struct httpd_route *routes;
    int port;
};

static const struct httpd_route *find_route(const struct httpd_route *routes, const char *path)
{
    for (const struct httpd_route *route = routes; route->handler; route++) {
        size_t len = strlen(route->path);
        bool tree = len > 1 && route->path[len - 1] == '/';
        if (strcmp(route->path, path) == 0 || (tree && strncmp(route->path, path, len) == 0))
            return route;
    }
    return NULL;
}

static const char *status_text(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 500:
        return "Internal Server Error";
    case 503:
        return "Service Unavailable";
    }
    return status < 400 ? "OK" : "Error";
}

static void send_reply(struct evhttp_request *req, int status, const char *type,
                       const struct strbuf *body)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    evhttp_add_header(headers, "Content-Type", type ? type : "text/plain; charset=utf-8");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    if (status == 405)
        evhttp_add_header(headers, "Allow", "GET, HEAD");
    if (evhttp_request_get_command(req) != EVHTTP_REQ_HEAD)
        evbuffer_add(evhttp_request_get_output_buffer(req), body->text, body->len);
    evhttp_send_reply(req, status, status_text(status), NULL);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct httpd *httpd = arg;
    AUTO_STRBUF struct strbuf body = STRBUF_INIT(LIMIT_METRICS_TEXT);
    enum evhttp_cmd_type method = evhttp_request_get_command(req);
    if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        strbuf_adds(&body, "only GET and HEAD are served\n");
        send_reply(req, 405, NULL, &body);
        return;
    }
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
    const struct httpd_route *route = path ? find_route(httpd->routes, path) : NULL;
    if (!route) {
        strbuf_adds(&body, "there is nothing at this path\n");
        send_reply(req, 404, NULL, &body);
        return;
    }
    struct httpd_request request = {.path = path, .query = query ? query : ""};
    int status = route->handler(route->arg, &request, &body);
    if (body.failed) {
        strbuf_clear(&body);
        strbuf_adds(&body, "the answer is too large\n");
        status = 500;
    }
    send_reply(req, status, status == 200 ? route->content_type : NULL, &body);
}

/*
 * Without a rest, a full descriptor table would turn the loop at full speed. libevent passes the
 * evhttp as `arg`, from which no way leads to us, so a steady tick ends the rest.
 */
static void on_accept_error(struct evconnlistener *listener, void *arg UNUSED)
{
    evconnlistener_disable(listener);
}

static void on_tick(void *arg)
{
    struct httpd *httpd = arg;
    evconnlistener_enable(httpd->listener);
    loop_timer_start(httpd->tick, TICK_MS);
}

/* Splits "host:port", "[v6]:port" or ":port"; the host is "" for every address. */
static int split_address(const char *address, char **ret_host, char **ret_port, struct err *err)
{
    const char *colon = strrchr(address, ':');
    const char *port = colon ? colon + 1 : "";
    size_t digits = strspn(port, "0123456789");
    if (digits == 0 || digits > 5 || port[digits] != '\0' || strtol(port, NULL, 10) > 65535) {
        return err_set(
            err, ERR_INVALID, "bad address \"%s\": want HOST:PORT, :PORT, or 0 for none", address);
    }
    size_t len = (size_t)(colon - address);
    const char *host = address;
    bool bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    if (bracketed) {
        host++;
        len -= 2;
    }
    if (!bracketed && memchr(host, ':', len)) {
        return err_set(err,
                       ERR_INVALID,
                       "bad address \"%s\": an IPv6 address stands in brackets, [::1]:8080",
                       address);
    }
    *ret_host = xstrndup(host, len);
    *ret_port = xstrdup(port);
    return 0;
}

/* A listening descriptor, or -1 with errno. */
static int listen_on(const struct addrinfo *ai)
{
    AUTO_CLOSE int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    int off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return -1;
    int listening = fd;
    fd = -1;
    return listening;
}

static int open_socket(const char *address, struct err *err)
{
    AUTO_FREE char *host = NULL;
    AUTO_FREE char *port = NULL;
    if (split_address(address, &host, &port, err) < 0)
        return -1;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    /* "::" also takes IPv4; machines without IPv6 fall back to 0.0.0.0. */
    static const char *const everywhere[] = {"::", "0.0.0.0"};
    size_t tries = host[0] ? 1 : ARRAY_LEN(everywhere);
    int fd = -1;
    int failed = 0;
    for (size_t i = 0; i < tries && fd < 0 && failed != EADDRINUSE; i++) {
        int rc = getaddrinfo(host[0] ? host : everywhere[i], port, &hints, &found);
        if (rc != 0)
            return err_set(err, ERR_INVALID, "bad address \"%s\": %s", address, gai_strerror(rc));
        for (const struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next) {
            fd = listen_on(ai);
            failed = errno;
        }
        freeaddrinfo(found);
    }
    if (fd < 0)
        return err_set(
            err, ERR_UNAVAILABLE, "cannot listen on \"%s\": %s", address, strerror(failed));
    return fd;
}

static int bound_port(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof(name);
    getsockname(fd, (struct sockaddr *)&name, &len);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, &name, sizeof(v4));
    memcpy(&v6, &name, sizeof(v6));
    return ntohs(name.ss_family == AF_INET6 ? v6.sin6_port : v4.sin_port);
}

int httpd_new(struct loop *loop, const char *address, const struct httpd_route *routes,
              struct httpd **ret, struct err *err)
{
    if (address[0] == '\0' || strcmp(address, "0") == 0) {
        *ret = NULL;
        return 0;
    }
    int fd = open_socket(address, err);
    if (fd < 0)
        return -1;
    struct evhttp *http = evhttp_new(loop_base(loop));
    struct evconnlistener *listener =
        evconnlistener_new(loop_base(loop),
                           NULL,
                           NULL,
                           LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
                           0, /* it listens already */
                           fd);
    if (!http || !listener)
        abort();
    struct httpd *httpd = xmalloc(sizeof(*httpd));
    *httpd = (struct httpd){.http = http,
                            .listener = listener,
                            .tick = loop_timer_new(loop, on_tick, httpd),
                            .routes = routes,
                            .port = bound_port(fd)};
    evhttp_set_max_headers_size(http, LIMIT_HTTPD_HEAD);
    evhttp_set_max_body_size(http, 0);
    evhttp_set_timeout(http, IDLE_SECONDS);
    /* Every method reaches on_request, so that the answer is 405 and names those served. */
    evhttp_set_allowed_methods(http, (uint16_t)~0U);
    evhttp_set_gencb(http, on_request, httpd);
    evhttp_bind_listener(http, listener);
    evconnlistener_set_error_cb(listener, on_accept_error);
    loop_timer_start(httpd->tick, TICK_MS);
    *ret = httpd;
    return 0;
}

int httpd_port(const struct httpd *httpd)
{
    return httpd->port;
}

void httpd_free(struct httpd *httpd)
{
    if (!httpd)
        return;
    loop_timer_free(httpd->tick);
    evhttp_free(httpd->http);
    free(httpd);
}
