/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fakeserver.h"

#include "base/strbuf.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <utlist.h>

#define MAX_REQUESTS 512

struct connection {
    struct fakeserver *server;
    struct bufferevent *io;
    struct strbuf in;
    struct evbuffer *out; /* what is sent step by step */
    size_t step;
    enum fakeserver_after after;
    struct loop_timer *turn;
    struct connection *prev, *next;
};

struct fakeserver {
    struct loop *loop;
    struct evconnlistener *listener;
    char *url;
    struct connection *connections;
    struct connection *latest;
    size_t connection_count;
    const struct fakeserver_reply *replies[MAX_REQUESTS];
    size_t reply_count;
    char *requests[MAX_REQUESTS];
    size_t request_count;
};

static void connection_free(struct connection *connection)
{
    struct fakeserver *server = connection->server;
    if (server->latest == connection)
        server->latest = NULL;
    DL_DELETE(server->connections, connection);
    loop_timer_free(connection->turn);
    strbuf_done(&connection->in);
    evbuffer_free(connection->out);
    bufferevent_free(connection->io);
    free(connection);
}

static void end_if_sent(struct connection *connection)
{
    if (connection->after == FAKESERVER_KEEP || evbuffer_get_length(connection->out) ||
        evbuffer_get_length(bufferevent_get_output(connection->io)))
        return;
    if (connection->after == FAKESERVER_RESET) {
        const struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(
            bufferevent_getfd(connection->io), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    connection_free(connection);
}

static void on_turn(void *arg)
{
    struct connection *connection = arg;
    size_t left = evbuffer_get_length(connection->out);
    size_t step = connection->step && connection->step < left ? connection->step : left;
    evbuffer_remove_buffer(connection->out, bufferevent_get_output(connection->io), step);
    if (left > step)
        loop_timer_start(connection->turn, 0);
    else
        end_if_sent(connection);
}

static void on_written(struct bufferevent *io, void *arg)
{
    (void)io;
    end_if_sent(arg);
}

static void queue_reply(struct connection *connection, const struct fakeserver_reply *reply)
{
    if (reply->bytes)
        evbuffer_add(connection->out, reply->bytes, reply->len ? reply->len : strlen(reply->bytes));
    connection->step = reply->step;
    connection->after = reply->after;
    loop_timer_start(connection->turn, 0);
}

/* Length of the first request in the text, 0 while it is not complete. */
static size_t request_len(const char *text, size_t len)
{
    const char *end = memmem(text, len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - text) + 4;
    const char *field = strcasestr(text, "\r\ncontent-length:");
    size_t body = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
    return head + body <= len ? head + body : 0;
}

static void on_readable(struct bufferevent *io, void *arg)
{
    struct connection *connection = arg;
    struct fakeserver *server = connection->server;
    char chunk[4096];
    size_t len = 0;
    while ((len = bufferevent_read(io, chunk, sizeof(chunk))) > 0)
        strbuf_add(&connection->in, chunk, len);
    while ((len = request_len(connection->in.text, connection->in.len)) > 0) {
        assert(server->request_count < MAX_REQUESTS);
        size_t n = server->request_count++;
        server->requests[n] = xstrndup(connection->in.text, len);
        server->latest = connection;
        strbuf_drop(&connection->in, len);
        if (n < server->reply_count)
            queue_reply(connection, server->replies[n]);
    }
}

static void on_event(struct bufferevent *io, short what, void *arg)
{
    (void)io;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        connection_free(arg);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int len, void *arg)
{
    (void)listener;
    (void)from;
    (void)len;
    struct fakeserver *server = arg;
    struct connection *connection = xcalloc(1, sizeof(*connection));
    connection->server = server;
    connection->in = (struct strbuf)STRBUF_INIT(16 << 20);
    connection->out = evbuffer_new();
    connection->turn = loop_timer_new(server->loop, on_turn, connection);
    connection->io = bufferevent_socket_new(loop_base(server->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(connection->io, on_readable, on_written, on_event, connection);
    bufferevent_enable(connection->io, EV_READ | EV_WRITE);
    DL_APPEND(server->connections, connection);
    server->connection_count++;
}

struct fakeserver *fakeserver_new(struct loop *loop)
{
    struct fakeserver *server = xcalloc(1, sizeof(*server));
    server->loop = loop;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server->listener = evconnlistener_new_bind(loop_base(loop),
                                               on_accept,
                                               server,
                                               LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
                                               -1,
                                               (struct sockaddr *)&address,
                                               sizeof(address));
    assert(server->listener);
    socklen_t len = sizeof(address);
    getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&address, &len);
    server->url = xasprintf("http://127.0.0.1:%d", (int)ntohs(address.sin_port));
    return server;
}

void fakeserver_free(struct fakeserver *server)
{
    while (server->connections)
        connection_free(server->connections);
    fakeserver_stop(server);
    for (size_t i = 0; i < server->request_count; i++)
        free(server->requests[i]);
    free(server->url);
    free(server);
}

const char *fakeserver_url(const struct fakeserver *server)
{
    return server->url;
}

void fakeserver_add(struct fakeserver *server, const struct fakeserver_reply *replies, size_t count)
{
    assert(server->reply_count + count <= MAX_REQUESTS);
    for (size_t i = 0; i < count; i++)
        server->replies[server->reply_count++] = &replies[i];
}

void fakeserver_send(struct fakeserver *server, const char *text, enum fakeserver_after after)
{
    assert(server->latest);
    queue_reply(server->latest, &(const struct fakeserver_reply){.bytes = text, .after = after});
}

const char *fakeserver_request(const struct fakeserver *server, size_t n)
{
    return n < server->request_count ? server->requests[n] : "";
}

size_t fakeserver_requests(const struct fakeserver *server)
{
    return server->request_count;
}

size_t fakeserver_connections(const struct fakeserver *server)
{
    return server->connection_count;
}

void fakeserver_stop(struct fakeserver *server)
{
    if (server->listener)
        evconnlistener_free(TAKE(server->listener));
}
