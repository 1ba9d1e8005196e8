/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that somebody sends to the health server. The first one says after how many it waits: the
 * server answers with HTTP or closes the connection, and goes on.
 */
#include "fuzz.h"

#include "net/httpd.h"
#include "net/loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
    struct loop *loop;
    struct loop_timer *timer;
    int fd;
    const uint8_t *rest;
    size_t len, chunk;
    int idle; /* turns of the loop since the last byte */
    char answer[16];
    size_t answer_len;
};

static int answer(void *arg UNUSED, const struct httpd_request *request, struct strbuf *body)
{
    require(request->path && request->query);
    strbuf_adds(body, request->path);
    return 200;
}

static void take(struct client *client)
{
    char bytes[4096];
    ssize_t got = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got == 0)
        client->idle = INT16_MAX; /* the server has closed the connection */
    if (got <= 0)
        return;
    client->idle = 0;
    size_t room = sizeof(client->answer) - client->answer_len;
    size_t some = (size_t)got < room ? (size_t)got : room;
    memcpy(client->answer + client->answer_len, bytes, some);
    client->answer_len += some;
}

/* One turn: sends a piece, then looks for an answer for a few turns more. */
static void on_turn(void *arg)
{
    struct client *client = arg;
    size_t some = client->chunk < client->len ? client->chunk : client->len;
    if (some > 0 && send(client->fd, client->rest, some, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        client->len = some = 0;
    client->rest += some;
    client->len -= some;
    client->idle++;
    take(client);
    if (client->len == 0 && client->idle > 3)
        loop_stop(client->loop);
    else
        loop_timer_start(client->timer, 0);
}

static void talk(struct loop *loop, int port, const uint8_t *data, size_t size)
{
    struct client client = {.loop = loop,
                            .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                            .rest = data + 1,
                            .len = size - 1,
                            .chunk = (size_t)data[0] + 1};
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct linger reset = {.l_onoff = 1}; /* nothing is left waiting */
    setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    if (connect(client.fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
        /* Thousands of connections that the server closed first; libFuzzer's timer. */
        require(errno == EADDRNOTAVAIL || errno == EINTR);
        close(client.fd);
        return;
    }
    client.timer = loop_timer_new(loop, on_turn, &client);
    loop_timer_start(client.timer, 0);
    loop_run(loop);
    size_t told = client.answer_len < 5 ? client.answer_len : 5;
    require(memcmp(client.answer, "HTTP/", told) == 0);
    loop_timer_free(client.timer);
    close(client.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct httpd_route routes[] = {
        {.path = "/healthz", .handler = answer},
        {.path = "/debug/", .handler = answer, .content_type = "application/json"},
        {.handler = NULL},
    };
    static struct loop *loop;
    static struct httpd *httpd;
    if (size == 0)
        return 0;
    if (!loop) {
        struct err err;
        loop = loop_new();
        const struct httpd_options options = {.address = "127.0.0.1:0", .routes = routes};
        require(httpd_new(loop, &options, &httpd, &err) == 0);
    }
    talk(loop, httpd_port(httpd), data, size);
    return 0;
}
