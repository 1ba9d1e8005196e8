/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/reviews.h"

#include "base/limits.h"
#include "base/metrics.h"
#include "base/now.h"
#include "kube/reviewcache.h"
#include "support/fakecredentials.h"
#include "support/fakeserver.h"
#include "support/trace.h"
#include "support/unit.h"

#define ANSWER(code, body)                                                                         \
    "HTTP/1.1 " code "\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body
#define KNOWN                                                                                      \
    ANSWER("201 Created",                                                                          \
           "{\"spec\":{\"token\":\"t\"},\"status\":{\"authenticated\":true,\"user\":"              \
           "{\"username\":\"jane\",\"uid\":\"1\",\"groups\":[\"g\"],\"extra\":{\"a\":[\"b\"]}}}}")
#define UNKNOWN   ANSWER("201 Created", "{\"status\":{\"error\":\"invalid bearer token\"}}")
#define ALLOWED   ANSWER("201 Created", "{\"status\":{\"allowed\":true}}")
#define FORBIDDEN ANSWER("201 Created", "{\"status\":{\"allowed\":false}}")

struct fixture {
    struct loop *loop;
    struct fakeserver *server;
    struct kubeconfig config;
    struct credentials *credentials;
    struct kube *kube;
    struct reviews *reviews;
    struct trace trace;
};

static void set_up(struct fixture *f)
{
    *f = (struct fixture){.loop = loop_new()};
    f->server = fakeserver_new(f->loop);
    f->trace = (struct trace){.loop = f->loop, .text = STRBUF_INIT(1 << 20)};
    f->config.server = xstrdup(fakeserver_url(f->server));
    f->credentials = credentials_new(f->loop, &f->config);
    const struct kube_options options = {.max_inflight = 1, .user_agent = "tests/1"};
    f->kube = kube_new(f->loop, f->credentials, &options, NULL);
    ck_assert_ptr_nonnull(f->kube);
    f->reviews = reviews_new(f->kube);
}

static void tear_down(struct fixture *f)
{
    reviews_free(f->reviews);
    kube_free(f->kube);
    credentials_free(f->credentials);
    kubeconfig_done(&f->config);
    fakeserver_free(f->server);
    loop_free(f->loop);
    strbuf_done(&f->trace.text);
    metrics_reset();
    now_fake(-1, -1);
}

static void on_verdict(void *arg, enum reviews_verdict verdict, const struct err *err)
{
    static const char *const names[] = {"allowed", "unknown", "forbidden", "failed"};
    struct fixture *f = arg;
    ck_assert_int_eq(verdict == REVIEWS_FAILED, err->kind != ERR_NONE);
    if (err->kind != ERR_NONE)
        trace_add(&f->trace, err->msg);
    trace_add(&f->trace, names[verdict]);
    trace_add(&f->trace, "done");
}

static void ask(struct fixture *f, const char *token, const char *path)
{
    reviews_ask(f->reviews, token, path, on_verdict, f);
}

/* Asks, with these replies still to come, and compares the verdict and the number of requests. */
static void check(struct fixture *f, const char *token, const char *reply, const char *second,
                  const char *verdict)
{
    const struct fakeserver_reply replies[] = {{.bytes = reply, .after = FAKESERVER_CLOSE},
                                               {.bytes = second, .after = FAKESERVER_CLOSE}};
    size_t count = reply ? second ? 2 : 1 : 0;
    size_t before = fakeserver_requests(f->server);
    fakeserver_add(f->server, replies, count);
    ask(f, token, "/metrics");
    ck_assert_str_eq(f->trace.text.text, ""); /* never at once */
    trace_until(&f->trace, "done", 1);
    AUTO_FREE char *want = xasprintf("%s\ndone\n", verdict);
    trace_check(&f->trace, want);
    ck_assert_uint_eq(fakeserver_requests(f->server) - before, count);
}

START_TEST(asks_who_and_whether)
{
    struct fixture f;
    set_up(&f);
    check(&f, "t\"1", KNOWN, ALLOWED, "allowed");
    const char *first = fakeserver_request(f.server, 0);
    ck_assert_ptr_nonnull(
        strstr(first, "POST /apis/authentication.k8s.io/v1/tokenreviews HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(first,
                                 "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":"
                                 "\"TokenReview\",\"spec\":{\"token\":\"t\\\"1\"}}"));
    const char *second = fakeserver_request(f.server, 1);
    ck_assert_ptr_nonnull(
        strstr(second, "POST /apis/authorization.k8s.io/v1/subjectaccessreviews HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(
        second,
        "\"spec\":{\"user\":\"jane\",\"uid\":\"1\",\"groups\":[\"g\"],\"extra\":{\"a\":[\"b\"]},"
        "\"nonResourceAttributes\":{\"path\":\"/metrics\",\"verb\":\"get\"}}"));
    ck_assert_ptr_null(strstr(second, "t\\\"1"));
    tear_down(&f);
}
END_TEST

/* controller-runtime: whose token for a minute, a yes for five, a no for 30 s. */
START_TEST(answers_are_kept)
{
    struct fixture f;
    set_up(&f);
    now_fake(0, -1);
    check(&f, "t", KNOWN, ALLOWED, "allowed");
    now_fake(59999, -1);
    check(&f, "t", NULL, NULL, "allowed");
    check(&f, "other", UNKNOWN, NULL, "unknown");
    check(&f, "other", NULL, NULL, "unknown");
    now_fake(60000, -1);
    check(&f, "t", KNOWN, NULL, "allowed"); /* the yes still holds */
    now_fake(119999, -1);
    check(&f, "other", UNKNOWN, NULL, "unknown");
    now_fake(300000, -1);
    check(&f, "t", KNOWN, FORBIDDEN, "forbidden");
    now_fake(329999, -1);
    check(&f, "t", NULL, NULL, "forbidden");
    now_fake(330000, -1);
    check(&f, "t", ALLOWED, NULL, "allowed");
    /* Another token of the same user is asked about; what the user may is known. */
    check(&f, "t2", KNOWN, NULL, "allowed");
    tear_down(&f);
}
END_TEST

START_TEST(failures_are_not_kept)
{
    static const struct {
        const char *first, *second, *told;
    } rows[] = {
        {ANSWER("500 Internal Server Error", "oops"), NULL, "TokenReview: "},
        {ANSWER("403 Forbidden", "{\"kind\":\"Status\",\"message\":\"not you\"}"),
         NULL,
         "TokenReview: not you"},
        {ANSWER("201 Created", "{"), NULL, "TokenReview: "},
        {KNOWN, ANSWER("503 Service Unavailable", ""), "SubjectAccessReview: "},
    };
    struct fixture f;
    set_up(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct fakeserver_reply replies[] = {
            {.bytes = rows[i].first, .after = FAKESERVER_CLOSE},
            {.bytes = rows[i].second, .after = FAKESERVER_CLOSE}};
        fakeserver_add(f.server, replies, rows[i].second ? 2 : 1);
        ask(&f, "t", "/metrics");
        trace_until(&f.trace, "done", 1);
        ck_assert_msg(strncmp(f.trace.text.text, rows[i].told, strlen(rows[i].told)) == 0 &&
                          strstr(f.trace.text.text, "\nfailed\ndone\n"),
                      "%s",
                      f.trace.text.text);
        strbuf_clear(&f.trace.text);
    }
    check(&f, "t", ALLOWED, NULL, "allowed"); /* whose it is has been answered above */
    tear_down(&f);
}
END_TEST

/* What makes no sense lets nobody in. */
START_TEST(strange_answers)
{
    static const char *const rows[] = {
        "{}",
        "{\"status\":null}",
        "{\"status\":{\"authenticated\":true}}",
        "{\"status\":{\"authenticated\":true,\"user\":{}}}",
        "{\"status\":{\"authenticated\":true,\"user\":{\"username\":7}}}",
        "{\"status\":{\"authenticated\":\"true\",\"user\":{\"username\":\"a\"}}}",
        "{\"status\":{\"authenticated\":false,\"user\":{\"username\":\"a\"}}}",
    };
    struct fixture f;
    set_up(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *token = xasprintf("t%zu", i);
        AUTO_FREE char *reply = xasprintf(ANSWER("201 Created", "%s"), rows[i]);
        check(&f, token, reply, NULL, "unknown");
    }
    check(&f, "t", KNOWN, ANSWER("201 Created", "{\"status\":{\"allowed\":1}}"), "forbidden");
    tear_down(&f);
}
END_TEST

START_TEST(the_same_is_asked_once_and_few_at_a_time)
{
    struct fixture f;
    set_up(&f);
    for (int i = 0; i < 3; i++)
        ask(&f, "t0", "/metrics");
    for (int i = 1; i < LIMIT_REVIEWS + 2; i++) {
        AUTO_FREE char *token = xasprintf("t%d", i);
        ask(&f, token, "/metrics");
    }
    trace_until(&f.trace, "done", 2); /* the last two; nobody answers the others */
    trace_check(&f.trace,
                "8 reviews are under way already\nfailed\ndone\n"
                "8 reviews are under way already\nfailed\ndone\n");
    trace_linger(&f.trace, 50);
    ck_assert_uint_eq(fakeserver_requests(f.server), LIMIT_REVIEWS);
    reviews_free(TAKE(f.reviews));
    const char *text = f.trace.text.text;
    for (int i = 0; i < LIMIT_REVIEWS + 2; i++) {
        static const char stops[] = "the operator stops\nfailed\ndone\n";
        ck_assert_int_eq(strncmp(text, stops, sizeof(stops) - 1), 0);
        text += sizeof(stops) - 1;
    }
    ck_assert_str_eq(text, "");
    tear_down(&f);
}
END_TEST

START_TEST(cache_has_a_ceiling)
{
    struct reviewcache cache = {.max = 3};
    static const char *const texts[] = {"a", "b", "c", "d"};
    struct reviewcache_key keys[ARRAY_LEN(texts)];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        keys[i] = reviewcache_key(texts[i]);
        reviewcache_put(&cache, &keys[i], json_integer((json_int_t)i), 100);
        if (i == 2) /* the first is now the youngest */
            reviewcache_put(&cache, &keys[0], json_integer(7), 200);
    }
    ck_assert_int_eq(json_integer_value(reviewcache_find(&cache, &keys[0], 199)), 7);
    ck_assert_ptr_null(reviewcache_find(&cache, &keys[0], 200));
    ck_assert_ptr_null(reviewcache_find(&cache, &keys[1], 0));
    ck_assert_int_eq(json_integer_value(reviewcache_find(&cache, &keys[2], 99)), 2);
    ck_assert_ptr_null(reviewcache_find(&cache, &keys[2], 100));
    ck_assert_int_eq(json_integer_value(reviewcache_find(&cache, &keys[3], 0)), 3);
    reviewcache_done(&cache);
}
END_TEST

UNIT_MAIN("reviews", asks_who_and_whether, answers_are_kept, failures_are_not_kept, strange_answers,
          the_same_is_asked_once_and_few_at_a_time, cache_has_a_ceiling)
