/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"
#include "kube/kube.h"
#include "support/fakecredentials.h"
#include "support/fakeserver.h"
#include "support/trace.h"
#include "support/unit.h"

#define JSON(code, text)                                                                           \
    "HTTP/1.1 " code "\r\nContent-Type: application/json\r\nConnection: close\r\n" text
#define OBJECT "{\"kind\":\"Service\",\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"7\"}}"

struct fixture {
    struct loop *loop;
    struct fakeserver *server;
    struct kubeconfig config;
    struct credentials *credentials;
    struct kube_timing timing;
    struct kube *kube;
    struct trace trace;
};

static void on_warning(void *arg, const char *text)
{
    AUTO_FREE char *line = xasprintf("warning %s", text);
    trace_add(arg, line);
}

static void set_up(struct fixture *f, int max_inflight)
{
    *f = (struct fixture){.loop = loop_new(), .timing = kube_timing_default};
    f->server = fakeserver_new(f->loop);
    f->trace = (struct trace){.loop = f->loop, .text = STRBUF_INIT(1 << 20)};
    f->config.server = xstrdup(fakeserver_url(f->server));
    f->config.impersonate_user = xstrdup("jane");
    f->credentials = credentials_new(f->loop, &f->config);
    f->credentials->credential.authorization = "Bearer secret";
    const struct kube_options options = {.max_inflight = max_inflight,
                                         .user_agent = "tests/1",
                                         .warning = on_warning,
                                         .warning_arg = &f->trace,
                                         .timing = &f->timing};
    f->kube = kube_new(f->loop, f->credentials, &options, NULL);
    ck_assert_ptr_nonnull(f->kube);
}

static void tear_down(struct fixture *f)
{
    kube_free(f->kube);
    credentials_free(f->credentials);
    kubeconfig_done(&f->config);
    fakeserver_free(f->server);
    loop_free(f->loop);
    strbuf_done(&f->trace.text);
    metrics_reset();
}

static void on_done(void *arg, const struct kube_reply *reply)
{
    struct fixture *f = arg;
    ck_assert((reply->object != NULL) == (reply->err.kind == ERR_NONE));
    AUTO_FREE char *line =
        xasprintf("%d %s %s %d %s",
                  reply->http,
                  err_kind_name(reply->err.kind),
                  reply->err.reason[0] ? reply->err.reason : "-",
                  reply->err.retry_ms,
                  reply->object ? object_resource_version(reply->object) : reply->err.msg);
    trace_add(&f->trace, line);
    trace_add(&f->trace, "done");
}

static struct kube_call *get_at(struct fixture *f, const char *name, bool background)
{
    return kube_call(f->kube,
                     &(const struct kube_request){.verb = KUBE_GET,
                                                  .kind = &object_service,
                                                  .ns = "n",
                                                  .name = name,
                                                  .background = background},
                     on_done,
                     f);
}

static struct kube_call *get(struct fixture *f, const char *name)
{
    return get_at(f, name, false);
}

/* The request as text: first line, the headers that matter, body. */
static void check_request(const struct fixture *f, size_t n, const char *line, const char *type,
                          const char *body)
{
    const char *request = fakeserver_request(f->server, n);
    AUTO_FREE char *got = xstrndup(request, strcspn(request, "\r"));
    ck_assert_str_eq(got, line);
    AUTO_FREE char *header = xasprintf("\r\nContent-Type: %s\r\n", type ? type : "");
    ck_assert((strstr(request, type ? header : "\r\nContent-Type:") != NULL) == (type != NULL));
    ck_assert_ptr_nonnull(strstr(request, "\r\nUser-Agent: tests/1\r\n"));
    ck_assert_ptr_nonnull(strstr(request, "\r\nAccept: application/json\r\n"));
    /* Credentials go over TLS only, and this is not. */
    ck_assert_ptr_null(strstr(request, "secret"));
    ck_assert_ptr_null(strstr(request, "Impersonate"));
    ck_assert_str_eq(strstr(request, "\r\n\r\n") + 4, body);
}

START_TEST(test_verbs)
{
    json_auto_t *body = OBJ(F("a", INT(1)), F("b", STR("\xc3\xa9")));
    const struct {
        struct kube_request request;
        const char *line, *type, *body;
    } cases[] = {
        {{.verb = KUBE_GET, .name = "x"}, "GET /api/v1/namespaces/n/services/x HTTP/1.1", NULL, ""},
        {{.verb = KUBE_GET}, "GET /api/v1/namespaces/n/services HTTP/1.1", NULL, ""},
        {{.verb = KUBE_APPLY, .name = "x", .body = body, .manager = "me"},
         "PATCH /api/v1/namespaces/n/services/x?fieldManager=me&force=true HTTP/1.1",
         "application/apply-patch+yaml",
         "{\"a\":1,\"b\":\"\xc3\xa9\"}"},
        {{.verb = KUBE_APPLY, .name = "x", .body = body, .manager = "me", .dry_run = true},
         "PATCH /api/v1/namespaces/n/services/x?fieldManager=me&force=true&dryRun=All HTTP/1.1",
         "application/apply-patch+yaml",
         "{\"a\":1,\"b\":\"\xc3\xa9\"}"},
        {{.verb = KUBE_PATCH, .name = "x", .subresource = "status", .body = body, .manager = "me"},
         "PATCH /api/v1/namespaces/n/services/x/status?fieldManager=me HTTP/1.1",
         "application/merge-patch+json",
         "{\"a\":1,\"b\":\"\xc3\xa9\"}"},
        {{.verb = KUBE_CREATE, .body = body, .manager = "me"},
         "POST /api/v1/namespaces/n/services?fieldManager=me HTTP/1.1",
         "application/json",
         "{\"a\":1,\"b\":\"\xc3\xa9\"}"},
        {{.verb = KUBE_UPDATE, .name = "x", .body = body},
         "PUT /api/v1/namespaces/n/services/x HTTP/1.1",
         "application/json",
         "{\"a\":1,\"b\":\"\xc3\xa9\"}"},
        {{.verb = KUBE_DELETE, .name = "x"},
         "DELETE /api/v1/namespaces/n/services/x HTTP/1.1",
         "application/json",
         "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\"}"},
        {{.verb = KUBE_DELETE, .name = "x", .uid = "u-1"},
         "DELETE /api/v1/namespaces/n/services/x HTTP/1.1",
         "application/json",
         "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\","
         "\"preconditions\":{\"uid\":\"u-1\"}}"},
    };
    struct fixture f;
    set_up(&f, 1);
    const struct fakeserver_reply reply = {.bytes = JSON("200 OK", "\r\n" OBJECT),
                                           .after = FAKESERVER_CLOSE};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kube_request request = cases[i].request;
        request.kind = &object_service;
        request.ns = "n";
        fakeserver_add(f.server, &reply, 1);
        kube_call(f.kube, &request, on_done, &f);
        trace_until(&f.trace, "done", 1);
        trace_check(&f.trace, "200 none - 0 7\ndone\n");
        check_request(&f, i, cases[i].line, cases[i].type, cases[i].body);
    }
    tear_down(&f);
}
END_TEST

START_TEST(test_answers)
{
    static const struct {
        struct fakeserver_reply reply;
        const char *want;
    } cases[] = {
        {{.bytes = JSON("201 Created", "\r\n" OBJECT), .after = FAKESERVER_CLOSE, .step = 1},
         "201 none - 0 7"},
        {{.bytes = JSON("404 Not Found",
                        "\r\n{\"kind\":\"Status\",\"message\":\"no a\","
                        "\"reason\":\"NotFound\"}"),
          .after = FAKESERVER_CLOSE},
         "404 not-found NotFound 0 no a"},
        {{.bytes = JSON("429 Too Many", "Retry-After: 3\r\n\r\nlater"), .after = FAKESERVER_CLOSE},
         "429 throttled - 3000 HTTP 429: later"},
        {{.bytes = JSON("200 OK", "\r\n{\"kind\":\"Serv"), .after = FAKESERVER_CLOSE},
         "200 internal - 0 answer of the API server: not JSON at byte 13: premature end of input "
         "near '\"Serv'"},
        {{.bytes = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
          .after = FAKESERVER_CLOSE},
         "200 unavailable - 0 HOST: the answer is text/html, not that of an API server"},
        {{.bytes = "HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\noops", .after = FAKESERVER_CLOSE},
         "500 unavailable - 0 HTTP 500: oops"},
        {{.after = FAKESERVER_CLOSE}, "0 unavailable Transport 0 HOST: Empty reply from server"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        set_up(&f, 1);
        fakeserver_add(f.server, &cases[i].reply, 1);
        get(&f, "a");
        ck_assert_uint_eq(f.trace.text.len, 0);
        trace_until(&f.trace, "done", 1);
        const char *host = strstr(cases[i].want, "HOST");
        AUTO_FREE char *want = host ? xasprintf("%.*s%s%s\ndone\n",
                                                (int)(host - cases[i].want),
                                                cases[i].want,
                                                fakeserver_url(f.server) + strlen("http://"),
                                                host + 4)
                                    : xasprintf("%s\ndone\n", cases[i].want);
        trace_check(&f.trace, want);
        tear_down(&f);
    }
}
END_TEST

START_TEST(test_bad_requests_are_told_later)
{
    struct fixture f;
    set_up(&f, 1);
    AUTO_FREE char *name = xcalloc(10000, 1);
    memset(name, 'a', 9999);
    get(&f, "..");
    get(&f, name);
    kube_call(
        f.kube,
        &(const struct kube_request){
            .verb = KUBE_APPLY, .kind = &object_service, .ns = "n", .name = "a", .manager = "m"},
        on_done,
        &f);
    ck_assert_uint_eq(f.trace.text.len, 0);
    trace_until(&f.trace, "done", 3);
    trace_check(&f.trace,
                "0 invalid - 0 \"..\" cannot be a name\ndone\n"
                "0 invalid - 0 the URL is longer than 8192 bytes\ndone\n"
                "0 invalid - 0 there is nothing to send\ndone\n");
    ck_assert_uint_eq(fakeserver_requests(f.server), 0);
    tear_down(&f);
}
END_TEST

START_TEST(test_queue)
{
    struct fixture f;
    set_up(&f, 2);
    static const struct fakeserver_reply silent = {.bytes = NULL};
    static const struct fakeserver_reply good = {.bytes = JSON("200 OK", "\r\n" OBJECT),
                                                 .after = FAKESERVER_CLOSE};
    fakeserver_add(f.server, &silent, 1);
    fakeserver_add(f.server, &silent, 1);
    for (int i = 0; i < 3; i++)
        fakeserver_add(f.server, &good, 1);
    struct kube_call *first = get(&f, "c0");
    struct kube_call *second = get(&f, "c1");
    get_at(&f, "last", true);
    get(&f, "c2");
    struct kube_call *fourth = get(&f, "c3");
    get(&f, "c4");
    trace_linger(&f.trace, 50);
    ck_assert_uint_eq(fakeserver_requests(f.server), 2);
    kube_cancel(fourth); /* waiting */
    kube_cancel(first);  /* on its way: makes room */
    trace_until(&f.trace, "done", 3);
    ck_assert_ptr_nonnull(strstr(fakeserver_request(f.server, 2), "/c2 "));
    ck_assert_ptr_nonnull(strstr(fakeserver_request(f.server, 3), "/c4 "));
    ck_assert_ptr_nonnull(strstr(fakeserver_request(f.server, 4), "/last "));
    kube_cancel(second);
    trace_linger(&f.trace, 20);
    trace_check(&f.trace, "200 none - 0 7\ndone\n200 none - 0 7\ndone\n200 none - 0 7\ndone\n");
    tear_down(&f);
}
END_TEST

/* An edit need not wait until a busy server has answered what may wait. */
START_TEST(test_background_leaves_room)
{
    struct fixture f;
    struct kube_call *calls[5];
    set_up(&f, 4);
    for (size_t i = 0; i < 4; i++)
        calls[i] = get_at(&f, "background", true);
    trace_linger(&f.trace, 50);
    ck_assert_uint_eq(fakeserver_requests(f.server), 3);
    calls[4] = get(&f, "edit");
    trace_linger(&f.trace, 50);
    ck_assert_uint_eq(fakeserver_requests(f.server), 4);
    ck_assert_ptr_nonnull(strstr(fakeserver_request(f.server, 3), "/edit "));
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        kube_cancel(calls[i]);
    tear_down(&f);
}
END_TEST

START_TEST(test_request_deadline)
{
    struct fixture f;
    set_up(&f, 1);
    f.timing.request = 300;
    static const struct fakeserver_reply replies[] = {
        {.bytes = NULL}, {.bytes = JSON("200 OK", "Content-Length: 100\r\n\r\n{")}};
    fakeserver_add(f.server, replies, 2);
    get(&f, "a");
    get(&f, "b");
    trace_until(&f.trace, "done", 2);
    ck_assert_ptr_nonnull(strstr(f.trace.text.text, "0 unavailable Timeout 0 "));
    ck_assert_ptr_nonnull(strstr(f.trace.text.text, "200 unavailable Timeout 0 "));
    ck_assert_int_eq(f.credentials->doubted, 1);
    tear_down(&f);
}
END_TEST

START_TEST(test_credentials)
{
    struct fixture f;
    set_up(&f, 4);
    static const struct fakeserver_reply replies[] = {
        {.bytes = JSON("401 Unauthorized", "\r\n{\"kind\":\"Status\",\"reason\":\"Unauthorized\"}"),
         .after = FAKESERVER_CLOSE},
        {.bytes = JSON("200 OK", "\r\n" OBJECT), .after = FAKESERVER_CLOSE}};
    fakeserver_add(f.server, replies, 2);
    get(&f, "a");
    trace_until(&f.trace, "done", 1);
    trace_check(&f.trace, "401 denied Unauthorized 0 Unauthorized\ndone\n");
    ck_assert_int_eq(f.credentials->rejected, 1);
    ck_assert_int_eq(f.credentials->doubted, 0);
    f.credentials->absent = true;
    get(&f, "a");
    struct kube_call *cancelled = get(&f, "b");
    trace_linger(&f.trace, 20);
    ck_assert_uint_eq(fakeserver_requests(f.server), 1);
    kube_cancel(cancelled);
    fakecredentials_answer(f.credentials);
    trace_until(&f.trace, "done", 1);
    trace_check(&f.trace, "200 none - 0 7\ndone\n");
    err_set(&f.credentials->err, ERR_INVALID, "the plugin failed");
    get(&f, "a");
    trace_linger(&f.trace, 20);
    fakecredentials_answer(f.credentials);
    trace_until(&f.trace, "done", 1);
    trace_check(&f.trace, "0 unavailable - 0 the plugin failed\ndone\n");
    tear_down(&f);
}
END_TEST

START_TEST(test_warnings_and_metrics)
{
    struct fixture f;
    set_up(&f, 1);
    static const struct fakeserver_reply replies[] = {
        {.bytes = JSON("200 OK",
                       "Warning: 299 - \"one\", 299 - \"two\"\r\n"
                       "warning: 299 - \"three\"\r\n\r\n" OBJECT),
         .after = FAKESERVER_CLOSE},
        {.bytes = JSON("200 OK", "Warning: 299 - \"two\"\r\n\r\n" OBJECT),
         .after = FAKESERVER_CLOSE},
        {.after = FAKESERVER_CLOSE}};
    fakeserver_add(f.server, replies, 3);
    for (int i = 0; i < 3; i++)
        get(&f, "a");
    trace_until(&f.trace, "done", 3);
    ck_assert(strncmp(f.trace.text.text,
                      "warning one\nwarning two\nwarning three\n"
                      "200 none - 0 7\ndone\n200 none - 0 7\ndone\n0 un",
                      strlen("warning one\nwarning two\nwarning three\n") + 40) == 0);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(1 << 20);
    ck_assert_int_eq(metrics_render(&text), 0);
    const char *host = fakeserver_url(f.server) + strlen("http://");
    AUTO_FREE char *good =
        xasprintf("rest_client_requests_total{code=\"200\",method=\"GET\",host=\"%s\"} 2\n", host);
    AUTO_FREE char *failed = xasprintf(
        "rest_client_requests_total{code=\"<error>\",method=\"GET\",host=\"%s\"} 1\n", host);
    ck_assert_ptr_nonnull(strstr(text.text, good));
    ck_assert_ptr_nonnull(strstr(text.text, failed));
    tear_down(&f);
}
END_TEST

static bool is_open(void *arg)
{
    const bool *open = arg;
    return *open;
}

/* It is asked when the request is about to leave, not when it was begun; and for writes only. */
START_TEST(test_fence)
{
    static const struct fakeserver_reply reply = {.bytes = JSON("200 OK", "\r\n" OBJECT),
                                                  .after = FAKESERVER_CLOSE};
    static const enum kube_verb writes[] = {
        KUBE_APPLY, KUBE_PATCH, KUBE_CREATE, KUBE_UPDATE, KUBE_DELETE};
    json_auto_t *body = OBJ(F("a", INT(1)));
    struct fixture f;
    set_up(&f, 1);
    bool open = true;
    kube_set_fence(f.kube, is_open, &open);
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        const struct kube_request request = {.verb = writes[i],
                                             .kind = &object_service,
                                             .ns = "n",
                                             .name = "x",
                                             .body = body,
                                             .manager = "me"};
        AUTO_FREE char *want = xasprintf("0 unavailable NotSent 0 %s: not sent\ndone\n",
                                         fakeserver_url(f.server) + strlen("http://"));
        open = true;
        kube_call(f.kube, &request, on_done, &f);
        open = false;
        trace_until(&f.trace, "done", 1);
        trace_check(&f.trace, want);
        ck_assert_uint_eq(fakeserver_requests(f.server), 2 * i);
        fakeserver_add(f.server, &reply, 1);
        get(&f, "a");
        trace_until(&f.trace, "done", 1);
        trace_check(&f.trace, "200 none - 0 7\ndone\n");
        fakeserver_add(f.server, &reply, 1);
        open = true;
        kube_call(f.kube, &request, on_done, &f);
        trace_until(&f.trace, "done", 1);
        trace_check(&f.trace, "200 none - 0 7\ndone\n");
    }
    tear_down(&f);
}
END_TEST

UNIT_MAIN("kube", test_verbs, test_answers, test_bad_requests_are_told_later, test_queue,
          test_background_leaves_room, test_request_deadline, test_credentials,
          test_warnings_and_metrics, test_fence)
