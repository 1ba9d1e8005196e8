/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "net/http.h"
#include "support/fakeserver.h"
#include "support/trace.h"
#include "support/unit.h"

#include <curl/curl.h>
#include <stdio.h>

#define HEAD(type) "HTTP/1.1 200 OK\r\nContent-Type: " type "\r\n"
#define OK(length) HEAD("text/plain") "Content-Length: " length "\r\n\r\n"

struct fixture {
    struct loop *loop;
    struct fakeserver *server;
    struct http *http;
    struct trace trace;
    struct http_request *request;
    bool cancel_on_start, cancel_on_data, send_on_data;
};

static void set_up_at(struct fixture *f, const char *url)
{
    *f = (struct fixture){.loop = loop_new()};
    f->server = fakeserver_new(f->loop);
    f->trace = (struct trace){.loop = f->loop, .text = STRBUF_INIT(1 << 20)};
    const struct http_options options = {.server = url ? url : fakeserver_url(f->server),
                                         .connect_timeout_ms = 5000};
    f->http = http_new(f->loop, &options, NULL);
    ck_assert_ptr_nonnull(f->http);
}

static void set_up(struct fixture *f)
{
    set_up_at(f, NULL);
}

static void tear_down(struct fixture *f)
{
    http_free(f->http);
    fakeserver_free(f->server);
    loop_free(f->loop);
    strbuf_done(&f->trace.text);
}

static void on_done(void *arg, struct http_request *request, const struct http_reply *reply)
{
    struct fixture *f = arg;
    const char *twice = http_header(request, "X-Twice", 1);
    AUTO_FREE char *line = xasprintf("done %d %.*s%s%s %s %s",
                                     reply->status,
                                     (int)reply->len,
                                     reply->body,
                                     twice ? " " : "",
                                     twice ? twice : "",
                                     err_kind_name(reply->err.kind),
                                     reply->err.reason[0] ? reply->err.reason : "-");
    trace_add(&f->trace, line);
    trace_add(&f->trace, "done");
    f->request = NULL;
}

static void send_simple(struct fixture *f);

static void on_start(void *arg, struct http_request *request, int status)
{
    struct fixture *f = arg;
    AUTO_FREE char *line = xasprintf("start %d", status);
    trace_add(&f->trace, line);
    if (f->cancel_on_start)
        http_cancel(request);
}

static void on_data(void *arg, struct http_request *request, const char *data, size_t len)
{
    struct fixture *f = arg;
    AUTO_FREE char *line = xasprintf("data %.*s", (int)len, data);
    trace_add(&f->trace, line);
    if (f->send_on_data)
        send_simple(f);
    if (f->cancel_on_data)
        http_cancel(request);
}

static struct http_message message(struct fixture *f)
{
    return (struct http_message){
        .method = "GET", .target = "/t", .max_body = 1000, .done = on_done, .arg = f};
}

static void send_simple(struct fixture *f)
{
    struct http_message m = message(f);
    f->request = http_send(f->http, &m);
}

/* Every way an answer can come, and what is made of it; each also byte by byte. */
static const struct {
    struct fakeserver_reply reply;
    const char *want;
} answers[] = {
    {{.bytes = OK("5") "hello"}, "done 200 hello none -"},
    {{.bytes = OK("0")}, "done 200  none -"},
    {{.bytes = "HTTP/1.1 204 No Content\r\n\r\n"}, "done 204  none -"},
    {{.bytes = "HTTP/1.1 100 Continue\r\n\r\n" OK("2") "ok"}, "done 200 ok none -"},
    {{.bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"}, "done 404 gone none -"},
    {{.bytes = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"},
     "done 302  none -"},
    {{.bytes = HEAD("a") "X-Twice: one\r\nX-Twice: two\r\nContent-Length: 0\r\n\r\n"},
     "done 200  two none -"},
    {{.bytes = HEAD("a") "Transfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\n"
                         "Trailer: t\r\n\r\n"},
     "done 200 abcde none -"},
    {{.bytes = HEAD("a") "\r\nuntil the end", .after = FAKESERVER_CLOSE},
     "done 200 until the end none -"},
    {{.bytes = OK("10") "short", .after = FAKESERVER_CLOSE},
     "done 200 short unavailable Transport"},
    {{.bytes = HEAD("a") "Transfer-Encoding: chunked\r\n\r\n3\r\nab", .after = FAKESERVER_CLOSE},
     "done 200 ab unavailable Transport"},
    {{.bytes = HEAD("a") "Transfer-Encoding: chunked\r\n\r\nzz\r\n", .after = FAKESERVER_CLOSE},
     "done 200  unavailable Transport"},
    {{.bytes = "SSH-2.0-OpenSSH\r\n\r\n", .after = FAKESERVER_CLOSE},
     "done 0  unavailable Transport"},
    {{.after = FAKESERVER_CLOSE}, "done 0  unavailable Transport"},
    {{.after = FAKESERVER_RESET}, "done 0  unavailable Transport"},
    {{.bytes = HEAD("a") "Content-Le", .after = FAKESERVER_CLOSE}, "done 0  unavailable Transport"},
};

START_TEST(test_answers)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        for (size_t step = 0; step < 2; step++) {
            struct fixture f;
            set_up(&f);
            struct fakeserver_reply reply = answers[i].reply;
            reply.step = step;
            fakeserver_add(f.server, &reply, 1);
            send_simple(&f);
            ck_assert_str_eq(f.trace.text.text, ""); /* never before it returned */
            trace_until(&f.trace, "done", 1);
            AUTO_FREE char *want = xasprintf("%s\ndone\n", answers[i].want);
            trace_check(&f.trace, want);
            tear_down(&f);
        }
    }
}
END_TEST

START_TEST(test_reset_with_data)
{
    struct fixture f;
    set_up(&f);
    const struct fakeserver_reply reply = {.bytes = HEAD("a") "\r\nx", .after = FAKESERVER_KEEP};
    fakeserver_add(f.server, &reply, 1);
    struct http_message m = message(&f);
    m.on_data = on_data;
    http_send(f.http, &m);
    trace_until(&f.trace, "data x", 1);
    fakeserver_send(f.server, NULL, FAKESERVER_RESET);
    trace_until(&f.trace, "done", 1);
    trace_check(&f.trace, "data x\ndone 200  unavailable Transport\ndone\n");
    tear_down(&f);
}
END_TEST

START_TEST(test_connection_is_used_again)
{
    struct fixture f;
    set_up(&f);
    const struct fakeserver_reply replies[] = {
        {.bytes = OK("1") "a"},
        {.bytes = OK("1") "b"},
        {.bytes = HEAD("a") "Connection: close\r\nContent-Length: 1\r\n\r\nc"},
        {.bytes = OK("1") "d"}};
    fakeserver_add(f.server, replies, ARRAY_LEN(replies));
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        send_simple(&f);
        trace_until(&f.trace, "done", 1);
    }
    ck_assert_uint_eq(fakeserver_connections(f.server), 2);
    tear_down(&f);
}
END_TEST

START_TEST(test_what_is_sent)
{
    struct fixture f;
    set_up(&f);
    const struct fakeserver_reply replies[] = {{.bytes = OK("0")}, {.bytes = OK("0")}};
    fakeserver_add(f.server, replies, ARRAY_LEN(replies));
    struct http_message m = message(&f);
    const char *const headers[] = {"Content-Type: text/x", "X-A: b", NULL};
    m.method = "PATCH";
    m.target = "/a%2Fb?c=d";
    m.headers = headers;
    m.len = 1 << 21; /* more than libcurl sends without "100 Continue" by itself */
    m.body = xcalloc(m.len + 1, 1);
    memset(m.body, 'x', m.len);
    http_send(f.http, &m);
    trace_until(&f.trace, "done", 1);
    const char *request = fakeserver_request(f.server, 0);
    ck_assert(strncmp(request, "PATCH /a%2Fb?c=d HTTP/1.1\r\n", 27) == 0);
    ck_assert_ptr_nonnull(strstr(request, "\r\nContent-Type: text/x\r\nX-A: b\r\n"));
    ck_assert_ptr_nonnull(strstr(request, "\r\nContent-Length: 2097152\r\n"));
    ck_assert_ptr_null(strstr(request, "Expect"));
    ck_assert_ptr_null(strstr(request, "Accept-Encoding"));
    ck_assert_uint_eq(strlen(strstr(request, "\r\n\r\n") + 4), 2097152);
    m = message(&f);
    m.gzip = true;
    http_send(f.http, &m);
    trace_until(&f.trace, "done", 1);
    ck_assert_ptr_nonnull(strstr(fakeserver_request(f.server, 1), "\r\nAccept-Encoding: gzip\r\n"));
    tear_down(&f);
}
END_TEST

/* printf hello | gzip -9n */
#define GZIP_HELLO                                                                                 \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05"     \
    "\x00\x00\x00"

START_TEST(test_gzip)
{
    static const char one[] = HEAD("a") "Content-Encoding: gzip\r\n\r\n" GZIP_HELLO;
    /* A second member must not be lost in silence: libcurl does not go on after the first. */
    static const char two[] = HEAD("a") "Content-Encoding: gzip\r\n\r\n" GZIP_HELLO GZIP_HELLO;
    static const char cut[] = HEAD("a") "Content-Encoding: gzip\r\nContent-Length: 99\r\n\r\n"
                                        "\x1f\x8b\x08";
    const struct {
        struct fakeserver_reply reply;
        const char *want;
    } cases[] = {
        {{.bytes = one, .len = sizeof(one) - 1, .after = FAKESERVER_CLOSE},
         "done 200 hello none -\ndone\n"},
        {{.bytes = one, .len = sizeof(one) - 1, .after = FAKESERVER_CLOSE, .step = 1},
         "done 200 hello none -\ndone\n"},
        {{.bytes = two, .len = sizeof(two) - 1, .after = FAKESERVER_CLOSE, .step = 1},
         "done 200 hello unavailable Transport\ndone\n"},
        {{.bytes = cut, .len = sizeof(cut) - 1, .after = FAKESERVER_CLOSE},
         "done 200  unavailable Transport\ndone\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        set_up(&f);
        fakeserver_add(f.server, &cases[i].reply, 1);
        struct http_message m = message(&f);
        m.gzip = true;
        http_send(f.http, &m);
        trace_until(&f.trace, "done", 1);
        trace_check(&f.trace, cases[i].want);
        tear_down(&f);
    }
}
END_TEST

START_TEST(test_body_limits)
{
    struct fixture f;
    set_up(&f);
    const struct fakeserver_reply replies[] = {
        {.bytes = OK("11") "hello world"},
        {.bytes = "HTTP/1.1 500 No\r\nContent-Length: 11\r\n\r\nhello world"}};
    fakeserver_add(f.server, replies, ARRAY_LEN(replies));
    struct http_message m = message(&f);
    m.max_body = 10;
    http_send(f.http, &m);
    trace_until(&f.trace, "done", 1);
    trace_check(&f.trace, "done 200  internal -\ndone\n");
    /* The limit of a good answer is not that of an error's text. */
    http_send(f.http, &m);
    trace_until(&f.trace, "done", 1);
    trace_check(&f.trace, "done 500 hello world none -\ndone\n");
    tear_down(&f);
}
END_TEST

START_TEST(test_deadlines)
{
    struct fixture f;
    set_up(&f);
    const struct fakeserver_reply replies[] = {
        {.bytes = NULL}, {.bytes = OK("9") "half"}, {.bytes = NULL}, {.bytes = OK("9") "half"}};
    fakeserver_add(f.server, replies, ARRAY_LEN(replies));
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct http_message m = message(&f);
        m.total_ms = i < 2 ? 30 : 0;
        m.idle_ms = i < 2 ? 0 : 30;
        http_send(f.http, &m);
        trace_until(&f.trace, "done", 1);
    }
    trace_check(&f.trace,
                "done 0  unavailable Timeout\ndone\n"
                "done 200 half unavailable Timeout\ndone\n"
                "done 0  unavailable Timeout\ndone\n"
                "done 200 half unavailable Timeout\ndone\n");
    tear_down(&f);
}
END_TEST

/* The error text must be the same each time: it is compared to find out what is new. */
static void keep_message(void *arg, struct http_request *request UNUSED,
                         const struct http_reply *reply)
{
    struct fixture *f = arg;
    trace_add(&f->trace, reply->err.msg);
    trace_add(&f->trace, reply->err.reason);
    trace_add(&f->trace, "done");
}

START_TEST(test_error_text_is_stable)
{
    struct fixture f;
    set_up_at(&f, "http://127.0.0.1:1");
    struct http_message m = message(&f);
    m.done = keep_message;
    http_send(f.http, &m);
    trace_until(&f.trace, "done", 1);
    trace_check(&f.trace, "127.0.0.1:1: cannot connect: Connection refused\nCannotConnect\ndone\n");
    tear_down(&f);
}
END_TEST

START_TEST(test_stream)
{
    struct fixture f;
    set_up(&f);
    const struct fakeserver_reply replies[] = {
        {.bytes = HEAD("a") "\r\none"},
        {.bytes = "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"}};
    fakeserver_add(f.server, replies, ARRAY_LEN(replies));
    struct http_message m = message(&f);
    m.on_start = on_start;
    m.on_data = on_data;
    http_send(f.http, &m);
    trace_until(&f.trace, "data one", 1);
    fakeserver_send(f.server, "two", FAKESERVER_KEEP);
    trace_until(&f.trace, "data two", 1);
    fakeserver_send(f.server, NULL, FAKESERVER_CLOSE);
    trace_until(&f.trace, "done", 1);
    trace_check(&f.trace, "start 200\ndata one\ndata two\ndone 200  none -\ndone\n");
    http_send(f.http, &m);
    trace_until(&f.trace, "done", 1);
    trace_check(&f.trace, "start 500\ndone 500 no none -\ndone\n");
    tear_down(&f);
}
END_TEST

/* After http_cancel() nothing comes, in whatever state the request was. */
START_TEST(test_cancel)
{
    enum { BEFORE_START, WITHOUT_ANSWER, IN_START, IN_DATA, IN_BODY, STATES };
    for (int state = 0; state < STATES; state++) {
        struct fixture f;
        set_up(&f);
        const struct fakeserver_reply reply = {
            .bytes = state == WITHOUT_ANSWER ? NULL : HEAD("a") "\r\none",
            .after =
                state == WITHOUT_ANSWER || state == IN_BODY ? FAKESERVER_KEEP : FAKESERVER_CLOSE};
        fakeserver_add(f.server, &reply, 1);
        struct http_message m = message(&f);
        m.on_start = on_start;
        m.on_data = on_data;
        m.idle_ms = 20;
        f.cancel_on_start = state == IN_START;
        f.cancel_on_data = state == IN_DATA;
        struct http_request *request = http_send(f.http, &m);
        if (state == BEFORE_START) {
            http_cancel(request);
        } else if (state == WITHOUT_ANSWER) {
            while (fakeserver_requests(f.server) == 0)
                trace_linger(&f.trace, 1);
            http_cancel(request);
        } else if (state == IN_BODY) {
            trace_until(&f.trace, "data one", 1);
            http_cancel(request);
        }
        trace_linger(&f.trace, 50);
        trace_check(&f.trace,
                    state <= WITHOUT_ANSWER ? ""
                    : state == IN_START     ? "start 200\n"
                                            : "start 200\ndata one\n");
        tear_down(&f);
    }
}
END_TEST

START_TEST(test_send_from_callback)
{
    struct fixture f;
    set_up(&f);
    const struct fakeserver_reply replies[] = {
        {.bytes = HEAD("a") "\r\none", .after = FAKESERVER_KEEP}, {.bytes = OK("3") "two"}};
    fakeserver_add(f.server, replies, ARRAY_LEN(replies));
    f.send_on_data = true;
    struct http_message m = message(&f);
    m.on_data = on_data;
    struct http_request *stream = http_send(f.http, &m);
    trace_until(&f.trace, "done", 1);
    trace_check(&f.trace, "data one\ndone 200 two none -\ndone\n");
    http_cancel(stream);
    tear_down(&f);
}
END_TEST

/* Requests under way end on their connection; what comes later uses a new one. */
START_TEST(test_identity_changes)
{
    struct fixture f;
    set_up(&f);
    const struct fakeserver_reply replies[] = {{.bytes = OK("1") "a"},
                                               {.bytes = HEAD("a") "\r\none"},
                                               {.bytes = OK("1") "b"},
                                               {.bytes = OK("1") "c"}};
    fakeserver_add(f.server, replies, ARRAY_LEN(replies));
    send_simple(&f);
    trace_until(&f.trace, "done", 1);
    struct http_message m = message(&f);
    m.on_data = on_data;
    struct http_request *stream = http_send(f.http, &m);
    trace_until(&f.trace, "data one", 1);
    http_set_identity(f.http, &(const struct http_identity){.ca = "a new one"});
    ck_assert_uint_eq(fakeserver_connections(f.server), 1);
    fakeserver_send(f.server, "two", FAKESERVER_KEEP);
    trace_until(&f.trace, "data two", 1);
    send_simple(&f);
    trace_until(&f.trace, "done", 1);
    ck_assert_uint_eq(fakeserver_connections(f.server), 2);
    http_cancel(stream);
    send_simple(&f);
    trace_until(&f.trace, "done", 1);
    ck_assert_uint_eq(fakeserver_connections(f.server), 2);
    tear_down(&f);
}
END_TEST

START_TEST(test_server_url)
{
    static const struct {
        const char *url, *host;
        bool secure;
    } good[] = {{"https://a.example", "a.example:443", true},
                {"https://10.0.0.1:6443/k8s/clusters/c-1/", "10.0.0.1:6443", true},
                {"https://[fd00::1]:6443", "[fd00::1]:6443", true},
                {"http://localhost:8001", "localhost:8001", false}};
    static const char *const bad[] = {"", "a.example:x", "ftp://a.example", "https://", "unix:/x"};
    struct loop *loop = loop_new();
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct http *http =
            http_new(loop, &(const struct http_options){.server = good[i].url}, NULL);
        ck_assert_ptr_nonnull(http);
        ck_assert_str_eq(http_host(http), good[i].host);
        ck_assert(http_is_secure(http) == good[i].secure);
        http_free(http);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err;
        ck_assert_ptr_null(http_new(loop, &(const struct http_options){.server = bad[i]}, &err));
        ck_assert_int_eq(err.kind, ERR_INVALID);
    }
    loop_free(loop);
}
END_TEST

START_TEST(test_paths_and_proxy)
{
    struct fixture f;
    set_up(&f);
    AUTO_FREE char *prefixed = xasprintf("%s/prefix/", fakeserver_url(f.server));
    const struct http_options direct = {.server = prefixed, .connect_timeout_ms = 5000};
    const struct http_options proxied = {.server = "http://api.example",
                                         .proxy_url = fakeserver_url(f.server),
                                         .connect_timeout_ms = 5000};
    const struct fakeserver_reply replies[] = {{.bytes = OK("0")}, {.bytes = OK("0")}};
    fakeserver_add(f.server, replies, ARRAY_LEN(replies));
    const struct {
        const struct http_options *options;
        const char *want;
    } cases[] = {{&direct, "GET /prefix/t HTTP/1.1\r\n"},
                 {&proxied, "GET http://api.example/t HTTP/1.1\r\n"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http *http = http_new(f.loop, cases[i].options, NULL);
        struct http_message m = message(&f);
        http_send(http, &m);
        trace_until(&f.trace, "done", 1);
        AUTO_FREE char *line = xstrndup(fakeserver_request(f.server, i), strlen(cases[i].want));
        ck_assert_str_eq(line, cases[i].want);
        http_free(http);
    }
    tear_down(&f);
}
END_TEST

UNIT_MAIN("http", test_answers, test_reset_with_data, test_connection_is_used_again,
          test_what_is_sent, test_gzip, test_body_limits, test_deadlines, test_error_text_is_stable,
          test_stream, test_cancel, test_send_from_callback, test_identity_changes, test_server_url,
          test_paths_and_proxy)
