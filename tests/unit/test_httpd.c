/* SPDX-License-Identifier: Apache-2.0 */
#include "net/httpd.h"

#include "base/limits.h"
#include "net/httphead.h"
#include "support/asking.h"
#include "support/trace.h"

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

static int listen_on(struct loop *loop, const char *address, struct httpd **ret, struct err *e)
{
    return httpd_new(
        loop, &(const struct httpd_options){.address = address, .routes = routes}, ret, e);
}

static char *ask(struct loop *loop, const struct httpd *httpd, const char *bytes)
{
    return asking(loop, httpd_port(httpd), NULL, bytes, strlen(bytes));
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
        {"GET http://host/healthz?a", "200", "health /healthz a\n", NULL},
        {"GET http:///healthz", "400", NULL, NULL},
        {"GET *", "400", NULL, NULL},
        {"POST /healthz", "405", "Allow: GET, HEAD\r\n", NULL},
        {"DELETE /healthz", "405", "Allow: GET, HEAD\r\n", NULL},
    };
    struct loop *loop = loop_new();
    struct httpd *httpd = NULL;
    struct err e = {0};
    ck_assert_int_eq(listen_on(loop, "127.0.0.1:0", &httpd, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *request =
            xasprintf("%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", rows[i].request);
        AUTO_FREE char *answer = ask(loop, httpd, request);
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
    ck_assert_int_eq(listen_on(loop, "localhost:0", &httpd, &e), 0);
    AUTO_STRBUF struct strbuf head = STRBUF_INIT(ASKING_MAX);
    strbuf_adds(&head, "GET /healthz HTTP/1.1\r\nHost: x\r\n");
    while (head.len < 40000)
        strbuf_adds(&head, "X-More: and more and more and more and more\r\n");
    AUTO_FREE char *answer = ask(loop, httpd, head.text);
    ck_assert_ptr_nonnull(strstr(answer, "431 Request Header Fields Too Large"));
    static const char body[] =
        "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n";
    AUTO_FREE char *second = ask(loop, httpd, body);
    ck_assert_ptr_nonnull(strstr(second, "413 Content Too Large"));
    static const char junk[] = "\x16\x03\x01 this is not HTTP\r\n\r\n";
    AUTO_FREE char *third = ask(loop, httpd, junk);
    ck_assert_ptr_nonnull(strstr(third, "400 Bad Request"));
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
        int rc = listen_on(loop, rows[i].address, &httpd, &e);
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
    ck_assert_int_eq(listen_on(loop, "0", &off, &e), 0);
    ck_assert_ptr_null(off);
    ck_assert_int_eq(listen_on(loop, "", &off, &e), 0);
    ck_assert_ptr_null(off);
    struct httpd *first = NULL;
    struct httpd *second = NULL;
    ck_assert_int_eq(listen_on(loop, "127.0.0.1:0", &first, &e), 0);
    AUTO_FREE char *same = xasprintf("127.0.0.1:%d", httpd_port(first));
    ck_assert_int_eq(listen_on(loop, same, &second, &e), -1);
    ck_assert_int_eq(e.kind, ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(e.msg, "Address already in use"));
    httpd_free(first);
    loop_free(loop);
}
END_TEST

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n"

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        n++;
    return n;
}

START_TEST(keeps_connections)
{
    struct loop *loop = loop_new();
    struct httpd *httpd = NULL;
    ck_assert_int_eq(listen_on(loop, "127.0.0.1:0", &httpd, NULL), 0);
    /* At once, and more of them than a buffer holds: they are answered one after the other. */
    AUTO_STRBUF struct strbuf many = STRBUF_INIT(ASKING_MAX);
    for (int i = 0; i < 200; i++)
        strbuf_addf(&many, GET("/healthz/%d") "X: %0100d\r\n\r\n", i, 0);
    strbuf_adds(&many, "HEAD /readyz HTTP/1.0\r\n\r\n");
    AUTO_FREE char *answer = ask(loop, httpd, many.text);
    ck_assert_uint_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 200);
    ck_assert_uint_eq(count(answer, "Connection: keep-alive\r\n"), 200);
    ck_assert_uint_eq(count(answer, "Connection: close\r\n"), 1);
    ck_assert_ptr_nonnull(strstr(answer, "health /healthz/199 \nHTTP/1.1 503 "));
    httpd_free(httpd);
    loop_free(loop);
}
END_TEST

static const struct httpd_timing hasty = {.head = 300, .idle = 300, .answer = 300};

START_TEST(slow_clients_are_let_go)
{
    static const struct {
        const char *sent;
        const char *status; /* of the last answer; NULL: none */
        size_t answers;
    } rows[] = {
        {"", NULL, 0},
        {"G", "408", 1},
        {GET("/healthz") "X-More: a", "408", 1},
        {GET("/healthz") "\r\n", "200", 1},
        {GET("/healthz") "\r\nGET", "408", 2},
    };
    struct loop *loop = loop_new();
    struct httpd *httpd = NULL;
    const struct httpd_options options = {
        .address = "127.0.0.1:0", .routes = routes, .timing = &hasty};
    ck_assert_int_eq(httpd_new(loop, &options, &httpd, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *answer = ask(loop, httpd, rows[i].sent);
        ck_assert_msg(
            count(answer, "HTTP/1.1 ") == rows[i].answers, "%s: %s", rows[i].sent, answer);
        AUTO_FREE char *status = xasprintf("HTTP/1.1 %s ", rows[i].status ? rows[i].status : "");
        ck_assert_msg(!rows[i].status || strstr(answer, status), "%s", answer);
    }
    httpd_free(httpd);
    loop_free(loop);
}
END_TEST

START_TEST(slow_clients_make_room)
{
    struct loop *loop = loop_new();
    struct trace trace = {.loop = loop, .text = STRBUF_INIT(1000)};
    struct httpd *httpd = NULL;
    ck_assert_int_eq(listen_on(loop, "127.0.0.1:0", &httpd, NULL), 0);
    int slow[LIMIT_HTTPD_CLIENTS];
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        slow[i] = asking_connect(httpd_port(httpd));
        ck_assert_int_eq(send(slow[i], "GET", 3, MSG_NOSIGNAL), 3);
        trace_linger(&trace, 1);
    }
    AUTO_FREE char *answer = ask(loop, httpd, GET("/healthz") "Connection: close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(answer, "200 OK"));
    char byte;
    ck_assert_int_eq(recv(slow[0], &byte, 1, MSG_DONTWAIT), 0); /* the first of them had to go */
    ck_assert_int_eq(recv(slow[1], &byte, 1, MSG_DONTWAIT), -1);
    for (size_t i = 0; i < ARRAY_LEN(slow); i++)
        close(slow[i]);
    httpd_free(httpd);
    loop_free(loop);
}
END_TEST

/* A gate that lets `token good` in, turns others away at once, and `later` after a while. */
struct gatekeeper {
    struct loop_timer *timer;
    struct httpd_call *waits;
    struct trace *trace;
};

static void on_thought(void *arg)
{
    struct gatekeeper *keeper = arg;
    httpd_serve(TAKE(keeper->waits));
    trace_add(keeper->trace, "answered");
}

static void gate(void *arg, const struct httpd_request *request, struct httpd_call *call)
{
    struct gatekeeper *keeper = arg;
    const char *who = request->authorization ? request->authorization : "nobody";
    if (strcmp(who, "good") == 0) {
        httpd_serve(call);
    } else if (strcmp(who, "later") == 0) {
        keeper->waits = call;
        loop_timer_start(keeper->timer, 20);
    } else {
        httpd_refuse(call, strcmp(who, "nobody") == 0 ? 401 : 403, who);
    }
}

START_TEST(gate_decides)
{
    static const struct {
        const char *header, *status, *contains;
    } rows[] = {
        {"", "401", "\r\nWWW-Authenticate: Bearer\r\n"},
        {"Authorization: bad\r\n", "403", "\r\n\r\nbad\n"},
        {"authorization:good \r\n", "200", "health /healthz"},
        {"Authorization: later\r\n", "200", "health /healthz"},
        {"Authorization: good\r\nAuthorization: good\r\n", "400", ""},
    };
    struct loop *loop = loop_new();
    struct trace trace = {.loop = loop, .text = STRBUF_INIT(1000)};
    struct gatekeeper keeper = {.trace = &trace};
    keeper.timer = loop_timer_new(loop, on_thought, &keeper);
    struct httpd *httpd = NULL;
    const struct httpd_options options = {.address = "127.0.0.1:0",
                                          .routes = routes,
                                          .gate = gate,
                                          .gate_arg = &keeper,
                                          .timing = &hasty};
    ck_assert_int_eq(httpd_new(loop, &options, &httpd, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *request =
            xasprintf(GET("/healthz") "%sConnection: close\r\n\r\n", rows[i].header);
        AUTO_FREE char *answer = ask(loop, httpd, request);
        AUTO_FREE char *start = xasprintf("HTTP/1.1 %s ", rows[i].status);
        ck_assert_msg(strncmp(answer, start, strlen(start)) == 0, "%s: %s", request, answer);
        ck_assert_msg(strstr(answer, rows[i].contains) != NULL, "%s", answer);
    }
    /* The client goes while the gate thinks, by a reset: what it then serves is for nobody. */
    int fd = asking_connect(httpd_port(httpd));
    static const char request[] = GET("/healthz") "Authorization: later\r\n\r\n";
    ck_assert_int_gt(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), 0);
    while (!keeper.waits)
        trace_linger(&trace, 1);
    const struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    trace_until(&trace, "answered", 1);
    loop_timer_free(keeper.timer);
    httpd_free(httpd);
    loop_free(loop);
    strbuf_done(&trace.text);
}
END_TEST

#define OK(rest) "GET / HTTP/1.1\r\nHost: x\r\n" rest "\r\n"
#define BAD(rest)                                                                                  \
    {                                                                                              \
        OK(rest), 400, NULL                                                                        \
    }
static const struct {
    const char *head;
    int status;
    const char *told; /* path ? query ; authorization ; + when it may go on */
} head_rows[] = {
    {OK(""), 200, "/?;;+"},
    {OK("Connection: close\r\n"), 200, "/?;;"},
    {OK("Connection: keep-alive, x, Close\r\n"), 200, "/?;;"},
    {OK("Connection: closed\r\n"), 200, "/?;;+"},
    {OK("Content-Length: 0\r\n"), 200, "/?;;+"},
    {OK("AUTHORIZATION:\tBearer a b \t\r\n"), 200, "/?;Bearer a b;+"},
    {OK("X: \xc3\xa4\r\nY:\r\n"), 200, "/?;;+"},
    {"\r\nGET /a/%2e?b?c HTTP/1.1\r\nhost:\r\n\r\n", 200, "/a/%2e?b?c;;+"},
    {"GET HTTPS://h:1/a?b HTTP/1.1\r\nHost: h\r\n\r\n", 200, "/a?b;;+"},
    {"GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", 200, "/?;;+"},
    {"GET / HTTP/1.0\r\n\r\n", 200, "/?;;"},
    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 200, "/?;;+"},
    BAD("Host: y\r\n"),
    BAD("X : a\r\n"),
    BAD(" X: a\r\n"),
    BAD("X: a\r\n b\r\n"),
    BAD("X\r\n"),
    BAD(": a\r\n"),
    BAD("X: a\rb\r\n"),
    BAD("X: a\nY: b\r\n"),
    BAD("X: \x7f\r\n"),
    BAD("Content-Length: 0, 0\r\n"),
    BAD("Content-Length: -1\r\n"),
    BAD("Content-Length:\r\n"),
    BAD("\r\nX: behind the end\r\n"),
    {OK("Content-Length: 00010\r\n"), 413, NULL},
    {OK("Transfer-Encoding: chunked\r\n"), 413, NULL},
    {"\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: x\r\n", 400, NULL},
    {"GET / HTTP/1.1\nHost: x\n\n", 400, NULL},
    {"GET /\r\n\r\n", 400, NULL},
    {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET http://?a HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"G{T / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET / http/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, NULL},
    {"get / HTTP/1.1\r\nHost: x\r\n\r\n", 405, NULL},
};

START_TEST(heads)
{
    for (size_t i = 0; i < ARRAY_LEN(head_rows); i++) {
        AUTO_FREE char *text = xstrdup(head_rows[i].head);
        struct httphead head;
        int status = httphead_parse(text, strlen(text), &head);
        ck_assert_msg(status == head_rows[i].status, "%s: %d", head_rows[i].head, status);
        if (status != 200)
            continue;
        AUTO_FREE char *told = xasprintf("%s?%s;%s;%s",
                                         head.path,
                                         head.query,
                                         head.authorization ? head.authorization : "",
                                         head.keep_alive ? "+" : "");
        ck_assert_str_eq(told, head_rows[i].told);
    }
    char nul[] = "GET / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n";
    struct httphead head;
    ck_assert_int_eq(httphead_parse(nul, sizeof(nul) - 1, &head), 400);
}
END_TEST

UNIT_MAIN("httpd", heads, answers, refuses_large_requests, addresses, off_and_taken,
          keeps_connections, slow_clients_are_let_go, slow_clients_make_room, gate_decides)
