/* SPDX-License-Identifier: Apache-2.0 */
#include "net/httpd.h"

#include "net/loop.h"
#include "support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define POLL_MS    2
#define ANSWER_MAX 65536

/* One request on a socket of its own, answered while the loop runs. */
struct client {
    struct loop *loop;
    struct loop_timer *timer;
    int fd;
    struct strbuf answer;
};

static int healthy(void *arg, const struct httpd_request *request, struct strbuf *body)
{
    strbuf_addf(body, "%s %s %s\n", (const char *)arg, request->path, request->query);
    return 200;
}

static int broken(void *arg UNUSED, const struct httpd_request *request UNUSED, struct strbuf *body)
{
    strbuf_adds(body, "not ready\n");
    return 503;
}

static int endless(void *arg UNUSED, const struct httpd_request *request UNUSED,
                   struct strbuf *body)
{
    while (!body->failed)
        strbuf_adds(body, "a line that is written far too often\n");
    return 200;
}

static char health_arg[] = "health";
static char metrics_arg[] = "metrics";

static const struct httpd_route routes[] = {
    {.path = "/healthz", .handler = healthy, .arg = health_arg},
    {.path = "/healthz/", .handler = healthy, .arg = health_arg},
    {.path = "/metrics", .content_type = "text/x", .handler = healthy, .arg = metrics_arg},
    {.path = "/readyz", .content_type = "text/x", .handler = broken},
    {.path = "/endless", .handler = endless},
    {.handler = NULL},
};

static void poll_answer(void *arg)
{
    struct client *client = arg;
    char chunk[4096];
    ssize_t n;
    while ((n = recv(client->fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0)
        strbuf_add(&client->answer, chunk, (size_t)n);
    if (n == 0 || errno != EAGAIN)
        loop_stop(client->loop);
    else
        loop_timer_start(client->timer, POLL_MS);
}

/* Sends the bytes and runs the loop until the server closes. The caller frees the answer. */
static char *ask(struct loop *loop, const struct httpd *httpd, const char *bytes, size_t len)
{
    struct client client = {.loop = loop, .answer = STRBUF_INIT(ANSWER_MAX)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)httpd_port(httpd)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(client.fd, (struct sockaddr *)&to, sizeof(to)), 0);
    ck_assert_int_eq(send(client.fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
    client.timer = loop_timer_new(loop, poll_answer, &client);
    loop_timer_start(client.timer, 0);
    loop_run(loop);
    loop_timer_free(client.timer);
    close(client.fd);
    return strbuf_take(&client.answer);
}

START_TEST(answers)
{
    static const struct {
        const char *request;
        const char *status;
        const char *contains; /* NULL: nothing more */
        const char *lacks;    /* NULL: nothing */
    } rows[] = {
        {"GET /healthz", "200", "\r\n\r\nhealth /healthz \n", NULL},
        {"GET /healthz?verbose=1", "200", "health /healthz verbose=1\n", NULL},
        {"GET /healthz/ping", "200", "health /healthz/ping \n", NULL},
        {"GET /healthzz", "404", "nothing at this path", NULL},
        {"GET /metrics", "200", "Content-Type: text/x\r\n", NULL},
        {"HEAD /metrics", "200", "Content-Type: text/x\r\n", "metrics /metrics"},
        {"GET /metrics/", "404", NULL, NULL},
        {"GET /readyz", "503", "not ready\n", "text/x"},
        {"GET /endless", "500", "the answer is too large\n", NULL},
        {"GET /", "404", NULL, NULL},
        {"GET http://[broken/", "400", NULL, NULL},
        {"POST /healthz", "405", "Allow: GET, HEAD\r\n", NULL},
        {"DELETE /healthz", "405", "Allow: GET, HEAD\r\n", NULL},
    };
    struct loop *loop = loop_new();
    struct httpd *httpd = NULL;
    struct err e = {0};
    ck_assert_int_eq(httpd_new(loop, "127.0.0.1:0", routes, &httpd, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *request =
            xasprintf("%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", rows[i].request);
        AUTO_FREE char *answer = ask(loop, httpd, request, strlen(request));
        AUTO_FREE char *start = xasprintf("HTTP/1.1 %s ", rows[i].status);
        ck_assert_msg(strncmp(answer, start, strlen(start)) == 0, "%s: %s", request, answer);
        ck_assert_msg(!rows[i].contains || strstr(answer, rows[i].contains), "%s", answer);
        ck_assert_msg(!rows[i].lacks || !strstr(answer, rows[i].lacks), "%s", answer);
    }
    httpd_free(httpd);
    loop_free(loop);
}
END_TEST

START_TEST(refuses_large_requests)
{
    struct loop *loop = loop_new();
    struct httpd *httpd = NULL;
    struct err e = {0};
    ck_assert_int_eq(httpd_new(loop, "localhost:0", routes, &httpd, &e), 0);
    AUTO_STRBUF struct strbuf head = STRBUF_INIT(ANSWER_MAX);
    strbuf_adds(&head, "GET /healthz HTTP/1.1\r\nHost: x\r\n");
    while (head.len < 40000)
        strbuf_adds(&head, "X-More: and more and more and more and more\r\n");
    AUTO_FREE char *answer = ask(loop, httpd, head.text, head.len);
    ck_assert_ptr_null(strstr(answer, "200 OK"));
    static const char body[] =
        "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n";
    AUTO_FREE char *second = ask(loop, httpd, body, sizeof(body) - 1);
    ck_assert_ptr_null(strstr(second, "200 OK"));
    static const char junk[] = "\x16\x03\x01 this is not HTTP\r\n\r\n";
    AUTO_FREE char *third = ask(loop, httpd, junk, sizeof(junk) - 1);
    ck_assert_ptr_null(strstr(third, "200 OK"));
    httpd_free(httpd);
    loop_free(loop);
}
END_TEST

START_TEST(addresses)
{
    static const struct {
        const char *address;
        enum err_kind kind;
        const char *message;
    } rows[] = {
        {":0", ERR_NONE, ""},
        {"127.0.0.1:0", ERR_NONE, ""},
        {"8080", ERR_INVALID, "want HOST:PORT"},
        {":", ERR_INVALID, "want HOST:PORT"},
        {":http", ERR_INVALID, "want HOST:PORT"},
        {":65536", ERR_INVALID, "want HOST:PORT"},
        {":123456", ERR_INVALID, "want HOST:PORT"},
        {":-1", ERR_INVALID, "want HOST:PORT"},
        {"::1:8080", ERR_INVALID, "in brackets"},
        {"no such host:80", ERR_INVALID, "bad address \"no such host:80\": "},
        {"192.0.2.1:0", ERR_UNAVAILABLE, "cannot listen on \"192.0.2.1:0\": "},
    };
    struct loop *loop = loop_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct httpd *httpd = NULL;
        struct err e = {0};
        int rc = httpd_new(loop, rows[i].address, routes, &httpd, &e);
        ck_assert_msg(e.kind == rows[i].kind, "%s: %s", rows[i].address, e.msg);
        ck_assert_ptr_nonnull(strstr(e.msg, rows[i].message));
        ck_assert_int_eq(rc, e.kind == ERR_NONE ? 0 : -1);
        ck_assert_int_eq(httpd != NULL, rc == 0);
        httpd_free(httpd);
    }
    loop_free(loop);
}
END_TEST

START_TEST(off_and_taken)
{
    struct loop *loop = loop_new();
    struct httpd *off = NULL;
    struct err e = {0};
    ck_assert_int_eq(httpd_new(loop, "0", routes, &off, &e), 0);
    ck_assert_ptr_null(off);
    ck_assert_int_eq(httpd_new(loop, "", routes, &off, &e), 0);
    ck_assert_ptr_null(off);
    struct httpd *first = NULL;
    struct httpd *second = NULL;
    ck_assert_int_eq(httpd_new(loop, "127.0.0.1:0", routes, &first, &e), 0);
    AUTO_FREE char *same = xasprintf("127.0.0.1:%d", httpd_port(first));
    ck_assert_int_eq(httpd_new(loop, same, routes, &second, &e), -1);
    ck_assert_int_eq(e.kind, ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(e.msg, "Address already in use"));
    httpd_free(first);
    loop_free(loop);
}
END_TEST

UNIT_MAIN("httpd", answers, refuses_large_requests, addresses, off_and_taken)
