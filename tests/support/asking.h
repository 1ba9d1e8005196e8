/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of our own server, within the loop of the test. */
#pragma once

#include "base/strbuf.h"
#include "net/loop.h"
#include "support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASKING_POLL_MS 2
#define ASKING_MAX     65536

struct asking {
    struct loop *loop;
    struct loop_timer *timer;
    int fd;
    SSL *ssl; /* NULL: in clear */
    const char *bytes;
    size_t left;
    struct strbuf answer;
    bool handshake_failed;
};

static int asking_connect(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* Bytes that came, 0 at the end, -1 when none are there now. */
static ssize_t asking_read(struct asking *client, char *chunk, size_t size)
{
    if (!client->ssl) {
        ssize_t n = recv(client->fd, chunk, size, MSG_DONTWAIT);
        return n < 0 && errno != EAGAIN ? 0 : n;
    }
    int n = SSL_read(client->ssl, chunk, (int)size);
    if (n > 0)
        return n;
    int why = SSL_get_error(client->ssl, n);
    client->handshake_failed = !SSL_is_init_finished(client->ssl);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ ? -1 : 0;
}

static void asking_poll(void *arg)
{
    struct asking *client = arg;
    if (client->ssl && client->left > 0 &&
        SSL_write(client->ssl, client->bytes, (int)client->left) > 0)
        client->left = 0;
    ERR_clear_error();
    char chunk[4096];
    ssize_t n;
    while ((n = asking_read(client, chunk, sizeof(chunk))) > 0)
        strbuf_add(&client->answer, chunk, (size_t)n);
    if (n == 0)
        loop_stop(client->loop);
    else
        loop_timer_start(client->timer, ASKING_POLL_MS);
}

/*
 * Sends the bytes, over TLS when there is a context for it, and runs the loop until the server
 * closes. The caller frees the answer; NULL: no TLS session came to be.
 */
static char *asking(struct loop *loop, int port, SSL_CTX *tls, const char *bytes, size_t len)
{
    struct asking client = {
        .loop = loop, .bytes = bytes, .left = len, .answer = STRBUF_INIT(ASKING_MAX)};
    client.fd = asking_connect(port);
    if (tls) {
        client.ssl = SSL_new(tls);
        ck_assert_int_eq(fcntl(client.fd, F_SETFL, O_NONBLOCK), 0);
        SSL_set_fd(client.ssl, client.fd);
        SSL_set_connect_state(client.ssl);
    } else {
        ck_assert_int_eq(send(client.fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
    }
    client.timer = loop_timer_new(loop, asking_poll, &client);
    loop_timer_start(client.timer, 0);
    loop_run(loop);
    loop_timer_free(client.timer);
    SSL_free(client.ssl);
    close(client.fd);
    char *answer = strbuf_take(&client.answer);
    if (client.handshake_failed)
        free(TAKE(answer));
    return answer;
}
