/* SPDX-License-Identifier: Apache-2.0 */
#include "net/httpd.h"

#include "base/limits.h"
#include "base/now.h"
#include "net/httphead.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/servercert.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

static const struct httpd_timing usual = {.head = 32000, .idle = 90000, .answer = 90000};

/* When accepting fails, e.g. for want of descriptors, it rests for a while. */
#define REST_MS 1000

/* A connection is in one of these, and goes round: WAITS, HEAD, CALL, ANSWER. */
enum conn_state {
    CONN_WAITS,  /* for the first byte of a request */
    CONN_HEAD,   /* for the rest of its head, and before it for the TLS handshake */
    CONN_CALL,   /* for the gate */
    CONN_ANSWER, /* for the client to take the answer */
};

struct httpd_call {
    struct conn *conn;
    char *text; /* the head */
    size_t len;
    struct httphead head;
    struct httpd_request request;
};

struct conn {
    struct httpd *httpd;
    struct bufferevent *bev;
    struct loop_timer *timer;
    enum conn_state state;
    bool gone;       /* the client, while the gate thinks */
    bool keep_alive; /* after the answer */
    struct httpd_call call;
    struct conn *prev, *next;
};

struct httpd {
    struct loop *loop;
    struct httpd_options options;
    struct evconnlistener *listener;
    struct loop_timer *rest;
    struct conn *conns; /* the one that changed its state last is at the end */
    size_t conn_count;
    int port;
};

static void call_done(struct httpd_call *call)
{
    if (call->text)
        explicit_bzero(call->text, call->len); /* there may be a token in it */
    free(call->text);
    *call = (struct httpd_call){.conn = NULL};
}

static void conn_free(struct conn *conn)
{
    struct httpd *httpd = conn->httpd;
    SSL *ssl = httpd->options.cert ? bufferevent_openssl_get_ssl(conn->bev) : NULL;
    if (ssl && SSL_is_init_finished(ssl))
        SSL_shutdown(ssl); /* only says good-bye; there is no wait for the other side's */
    bufferevent_free(conn->bev);
    ERR_clear_error();
    loop_timer_free(conn->timer);
    call_done(&conn->call);
    DL_DELETE(httpd->conns, conn);
    httpd->conn_count--;
    free(conn);
}

static void set_state(struct conn *conn, enum conn_state state)
{
    const struct httpd_timing *timing = conn->httpd->options.timing;
    const int limits[] = {
        [CONN_WAITS] = timing->idle, [CONN_HEAD] = timing->head, [CONN_ANSWER] = timing->answer};
    conn->state = state;
    if (conn->next) { /* not at the end yet */
        DL_DELETE(conn->httpd->conns, conn);
        DL_APPEND(conn->httpd->conns, conn);
    }
    if (state == CONN_CALL)
        loop_timer_stop(conn->timer); /* the gate has a limit of its own */
    else
        loop_timer_start(conn->timer, limits[state]);
}

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
    static const struct {
        int status;
        const char *text;
    } texts[] = {{200, "OK"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {408, "Request Timeout"},
                 {413, "Content Too Large"},
                 {431, "Request Header Fields Too Large"},
                 {500, "Internal Server Error"},
                 {503, "Service Unavailable"},
                 {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return status < 400 ? "OK" : "Error";
}

static void add_date(struct evbuffer *out)
{
    time_t now = (time_t)(now_wall_us() / 1000000);
    struct tm utc;
    char date[64]; /* the program never calls setlocale(), so these are English */
    gmtime_r(&now, &utc);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    evbuffer_add_printf(out, "Date: %s\r\n", date);
}

/* Sends the answer and ends the call. */
static void answer(struct conn *conn, int status, const char *type, const struct strbuf *body)
{
    if (conn->gone) {
        conn_free(conn);
        return;
    }
    struct evbuffer *out = bufferevent_get_output(conn->bev);
    bool with_body = !conn->call.head.head;
    call_done(&conn->call);
    evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", status, status_text(status));
    add_date(out);
    evbuffer_add_printf(out,
                        "Content-Type: %s\r\nContent-Length: %zu\r\n"
                        "X-Content-Type-Options: nosniff\r\n",
                        type ? type : "text/plain; charset=utf-8",
                        body->len);
    if (status == 401)
        evbuffer_add_printf(out, "WWW-Authenticate: Bearer\r\n");
    if (status == 405)
        evbuffer_add_printf(out, "Allow: GET, HEAD\r\n");
    evbuffer_add_printf(out, "Connection: %s\r\n\r\n", conn->keep_alive ? "keep-alive" : "close");
    if (with_body)
        evbuffer_add(out, body->text, body->len);
    set_state(conn, CONN_ANSWER);
}

static void answer_text(struct conn *conn, int status, const char *text)
{
    AUTO_STRBUF struct strbuf body = STRBUF_INIT(LIMIT_ERROR_BODY);
    strbuf_addf(&body, "%s\n", text);
    answer(conn, status, NULL, &body);
}

void httpd_serve(struct httpd_call *call)
{
    struct conn *conn = call->conn;
    AUTO_STRBUF struct strbuf body = STRBUF_INIT(LIMIT_METRICS_TEXT);
    const struct httpd_route *route = find_route(conn->httpd->options.routes, call->request.path);
    if (!route) {
        answer_text(conn, 404, "there is nothing at this path");
        return;
    }
    int status = route->handler(route->arg, &call->request, &body);
    if (body.failed)
        answer_text(conn, 500, "the answer is too large");
    else
        answer(conn, status, status == 200 ? route->content_type : NULL, &body);
}

void httpd_refuse(struct httpd_call *call, int status, const char *text)
{
    answer_text(call->conn, status, text);
}

/* The answer to a head that is not as it should be. It is the last one: who knows what follows. */
static void refuse_head(struct conn *conn, int status)
{
    conn->keep_alive = false;
    answer_text(conn,
                status,
                status == 405   ? "only GET and HEAD are served"
                : status == 413 ? "a request has no body here"
                                : status_text(status));
}

static void start_call(struct conn *conn, size_t len)
{
    struct httpd_call *call = &conn->call;
    const struct httpd_options *options = &conn->httpd->options;
    *call = (struct httpd_call){.conn = conn, .text = xmalloc(len + 1), .len = len};
    bufferevent_read(conn->bev, call->text, len);
    call->text[len] = '\0';
    set_state(conn, CONN_CALL);
    int status = httphead_parse(call->text, len, &call->head);
    if (status != 200) {
        refuse_head(conn, status);
        return;
    }
    conn->keep_alive = call->head.keep_alive;
    call->request = (struct httpd_request){.path = call->head.path,
                                           .query = call->head.query,
                                           .authorization = call->head.authorization};
    if (options->gate)
        options->gate(options->gate_arg, &call->request, call);
    else
        httpd_serve(call);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct conn *conn = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t have = evbuffer_get_length(in);
    if (have == 0 || conn->state > CONN_HEAD)
        return;
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    if (end.pos >= 0) {
        start_call(conn, (size_t)end.pos + 4);
    } else if (have >= LIMIT_HTTPD_HEAD) {
        refuse_head(conn, 431);
    } else if (conn->state == CONN_WAITS) {
        set_state(conn, CONN_HEAD);
    }
}

/* The client has taken the answer. */
static void on_written(struct bufferevent *bev, void *arg)
{
    struct conn *conn = arg;
    if (conn->state != CONN_ANSWER)
        return;
    if (!conn->keep_alive) {
        conn_free(conn);
        return;
    }
    set_state(conn, CONN_WAITS);
    on_read(bev, conn); /* the next request may be here already */
}

static void on_event(struct bufferevent *bev UNUSED, short what, void *arg)
{
    struct conn *conn = arg;
    if (what & BEV_EVENT_CONNECTED) /* the TLS handshake is over */
        return;
    if (what & BEV_EVENT_EOF && conn->state > CONN_HEAD) /* it has no more to say, but listens */
        conn->keep_alive = false;
    else if (conn->state == CONN_CALL)
        conn->gone = true;
    else
        conn_free(conn);
}

static void on_too_slow(void *arg)
{
    struct conn *conn = arg;
    /* Only who has begun a request learns why; during a handshake there is nobody to tell. */
    if (conn->state == CONN_HEAD && evbuffer_get_length(bufferevent_get_input(conn->bev)) > 0) {
        refuse_head(conn, 408);
    } else {
        conn_free(conn);
    }
}

/* Whether there is a place for one more connection, if need be that of the slowest client. */
static bool make_room(struct httpd *httpd)
{
    if (httpd->conn_count < LIMIT_HTTPD_CLIENTS)
        return true;
    struct conn *conn;
    DL_FOREACH (httpd->conns, conn) {
        if (conn->state <= CONN_HEAD) {
            conn_free(conn);
            return true;
        }
    }
    return false;
}

static void on_accept(struct evconnlistener *listener UNUSED, evutil_socket_t fd,
                      struct sockaddr *peer UNUSED, int peer_len UNUSED, void *arg)
{
    struct httpd *httpd = arg;
    if (!make_room(httpd)) {
        close(fd);
        return;
    }
    struct event_base *base = loop_base(httpd->loop);
    struct conn *conn = xcalloc(1, sizeof(*conn));
    conn->httpd = httpd;
    conn->timer = loop_timer_new(httpd->loop, on_too_slow, conn);
    conn->bev = httpd->options.cert
                    ? bufferevent_openssl_socket_new(base,
                                                     fd,
                                                     servercert_session(httpd->options.cert),
                                                     BUFFEREVENT_SSL_ACCEPTING,
                                                     BEV_OPT_CLOSE_ON_FREE)
                    : bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!conn->bev)
        abort();
    DL_APPEND(httpd->conns, conn);
    httpd->conn_count++;
    bufferevent_setcb(conn->bev, on_read, on_written, on_event, conn);
    bufferevent_setwatermark(conn->bev, EV_READ, 0, LIMIT_HTTPD_HEAD);
    set_state(conn, CONN_HEAD);
    bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
}

/* Without a rest, a full descriptor table would turn the loop at full speed. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct httpd *httpd = arg;
    evconnlistener_disable(listener);
    loop_timer_start(httpd->rest, REST_MS);
}

static void on_rested(void *arg)
{
    struct httpd *httpd = arg;
    evconnlistener_enable(httpd->listener);
}

int httpd_new(struct loop *loop, const struct httpd_options *options, struct httpd **ret,
              struct err *err)
{
    if (options->address[0] == '\0' || strcmp(options->address, "0") == 0) {
        *ret = NULL;
        return 0;
    }
    int fd = listen_open(options->address, err);
    if (fd < 0)
        return -1;
    struct httpd *httpd = xcalloc(1, sizeof(*httpd));
    httpd->loop = loop;
    httpd->options = *options;
    if (!options->timing)
        httpd->options.timing = &usual;
    httpd->rest = loop_timer_new(loop, on_rested, httpd);
    httpd->port = listen_port(fd);
    httpd->listener = evconnlistener_new(loop_base(loop),
                                         on_accept,
                                         httpd,
                                         LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
                                         0, /* it listens already */
                                         fd);
    if (!httpd->listener)
        abort();
    evconnlistener_set_error_cb(httpd->listener, on_accept_error);
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
    while (httpd->conns) {
        assert(httpd->conns->state != CONN_CALL);
        conn_free(httpd->conns);
    }
    evconnlistener_free(httpd->listener);
    loop_timer_free(httpd->rest);
    free(httpd);
}
