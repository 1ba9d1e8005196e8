/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"
#include "base/now.h"
#include "kube/lease.h"
#include "support/fakecredentials.h"
#include "support/fakeserver.h"
#include "support/trace.h"
#include "support/unit.h"

#define JSON(code, text)                                                                           \
    {                                                                                              \
        .bytes = "HTTP/1.1 " code                                                                  \
                 "\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" text,           \
        .after = FAKESERVER_CLOSE                                                                  \
    }
#define LEASE(holder, version)                                                                     \
    JSON("200 OK",                                                                                 \
         "{\"metadata\":{\"name\":\"l\",\"resourceVersion\":\"" version "\"},"                     \
         "\"spec\":{\"holderIdentity\":\"" holder "\",\"leaseDurationSeconds\":15}}")
#define ABSENT   JSON("404 Not Found", "{\"kind\":\"Status\",\"reason\":\"NotFound\"}")
#define CONFLICT JSON("409 Conflict", "{\"kind\":\"Status\",\"reason\":\"Conflict\"}")
#define DENIED   JSON("403 Forbidden", "{\"kind\":\"Status\",\"message\":\"no\"}")
#define START_MS 1000000

static struct loop *loop;
static struct fakeserver *server;
static struct kubeconfig kubeconfig;
static struct credentials *credentials;
static struct kube *kube;
static struct lease *lease;
static struct trace trace;

static void won(void *arg)
{
    trace_add(arg, "won");
}

static void lost(void *arg, const char *why)
{
    AUTO_FREE char *line = xasprintf("lost: %s", why);
    trace_add(arg, line);
}

static void on_holder(void *arg, const char *identity)
{
    AUTO_FREE char *line = xasprintf("holder %s", identity);
    trace_add(arg, line);
}

static void on_trouble(void *arg, const struct err *err)
{
    AUTO_FREE char *line = xasprintf("trouble %s", err ? err->msg : "over");
    trace_add(arg, line);
}

static const struct lease_sink sink = {
    .won = won, .lost = lost, .holder = on_holder, .trouble = on_trouble};

static void released(void *arg)
{
    trace_add(arg, "released");
}

/* The clock stands still unless a test sets it; the loop's goes on, so that attempts follow. */
static void set_up(void)
{
    loop = loop_new();
    server = fakeserver_new(loop);
    kubeconfig = (struct kubeconfig){.server = xstrdup(fakeserver_url(server))};
    credentials = credentials_new(loop, &kubeconfig);
    const struct kube_options options = {.max_inflight = 1, .user_agent = "tests"};
    kube = kube_new(loop, credentials, &options, NULL);
    trace = (struct trace){.loop = loop, .text = STRBUF_INIT(1 << 16)};
    now_fake(START_MS, INT64_C(1795500000000000));
    lease = lease_new(&(const struct lease_options){.loop = loop,
                                                    .kube = kube,
                                                    .ns = "n",
                                                    .name = "l",
                                                    .identity = "us",
                                                    .duration_ms = 15000,
                                                    .renew_deadline_ms = 10000,
                                                    .retry_period_ms = 20,
                                                    .sink = &sink,
                                                    .arg = &trace});
}

static void tear_down(void)
{
    now_fake(-1, -1);
    lease_free(lease);
    kube_free(kube);
    credentials_free(credentials);
    kubeconfig_done(&kubeconfig);
    fakeserver_free(server);
    loop_free(loop);
    strbuf_done(&trace.text);
    metrics_reset();
}

static void check_verb(size_t n, const char *verb)
{
    const char *request = fakeserver_request(server, n);
    AUTO_FREE char *got = xstrndup(request, strcspn(request, " "));
    ck_assert_msg(strcmp(got, verb) == 0, "request %zu: %s, not %s", n, got, verb);
}

static void run(const struct fakeserver_reply *replies, const char *const *verbs, size_t max,
                const char *until, const char *want)
{
    size_t count = 0;
    while (count < max && verbs[count])
        count++;
    fakeserver_add(server, replies, count);
    size_t before = fakeserver_requests(server);
    trace_until(&trace, until, 1);
    trace_check(&trace, want);
    for (size_t i = 0; i < count; i++)
        check_verb(before + i, verbs[i]);
}

/* What is asked, in turn, and what comes of it. */
START_TEST(the_way_to_the_lease)
{
    static const struct {
        struct fakeserver_reply replies[4];
        const char *verbs[4];
        const char *until, *want;
    } cases[] = {
        {{ABSENT, LEASE("us", "1")}, {"GET", "POST"}, "won", "holder \nwon\n"},
        {{LEASE("", "1"), LEASE("us", "2")}, {"GET", "PUT"}, "won", "holder \nwon\n"},
        {{LEASE("us", "1"), LEASE("us", "2")}, {"GET", "PUT"}, "won", "won\n"},
        /* Another one was quicker, which is no trouble. */
        {{ABSENT, CONFLICT, LEASE("a", "1")},
         {"GET", "POST", "GET"},
         "holder a",
         "holder \nholder a\n"},
        {{LEASE("", "1"), CONFLICT, LEASE("a", "2")},
         {"GET", "PUT", "GET"},
         "holder a",
         "holder \nholder a\n"},
        /* Something on the way to the store made it another's. */
        {{LEASE("", "1"), LEASE("b", "2"), LEASE("a", "3")},
         {"GET", "PUT", "GET"},
         "holder a",
         "holder \nholder a\n"},
        /* Trouble is told once. */
        {{DENIED, DENIED, LEASE("", "1"), LEASE("us", "2")},
         {"GET", "GET", "GET", "PUT"},
         "won",
         "trouble no\nholder \ntrouble over\nwon\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_up();
        run(cases[i].replies, cases[i].verbs, 4, cases[i].until, cases[i].want);
        ck_assert_int_eq(lease_may_write(lease), strcmp(cases[i].until, "won") == 0);
        tear_down();
    }
}
END_TEST

static void win(void)
{
    static const struct fakeserver_reply replies[] = {ABSENT, LEASE("us", "1")};
    static const char *const verbs[] = {"GET", "POST"};
    set_up();
    run(replies, verbs, ARRAY_LEN(verbs), "won", "holder \nwon\n");
}

/* The leader's next attempts. */
START_TEST(who_loses_and_who_does_not)
{
    static const struct {
        struct fakeserver_reply replies[4];
        const char *verbs[4];
        const char *lost; /* NULL: it goes on */
    } cases[] = {
        {{LEASE("us", "2"), LEASE("us", "3")}, {"PUT", "PUT"}, NULL},
        {{CONFLICT, LEASE("us", "2"), LEASE("us", "3")}, {"PUT", "GET", "PUT"}, NULL},
        {{CONFLICT, LEASE("", "2"), LEASE("us", "3")}, {"PUT", "GET", "PUT"}, NULL},
        {{ABSENT, ABSENT, LEASE("us", "3")}, {"PUT", "GET", "POST"}, NULL},
        {{ABSENT, ABSENT, CONFLICT, LEASE("a", "3")},
         {"PUT", "GET", "POST", "GET"},
         "lost: it is held by a"},
        {{CONFLICT, LEASE("a", "2")}, {"PUT", "GET"}, "lost: it is held by a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        win();
        size_t count = 0;
        while (count < 4 && cases[i].verbs[count])
            count++;
        fakeserver_add(server, cases[i].replies, count);
        if (cases[i].lost)
            trace_until(&trace, cases[i].lost, 1);
        while (fakeserver_requests(server) < 2 + count)
            trace_linger(&trace, 5);
        for (size_t k = 0; k < count; k++)
            check_verb(2 + k, cases[i].verbs[k]);
        ck_assert_int_eq(lease_may_write(lease), cases[i].lost == NULL);
        tear_down();
    }
}
END_TEST

/* The fence itself notices that the time is over; that happens once, and for good. */
START_TEST(time_is_over)
{
    win();
    now_fake(START_MS + 9999, 0);
    ck_assert(lease_may_write(lease));
    now_fake(START_MS + 10000, 0);
    ck_assert(!lease_may_write(lease));
    ck_assert(!lease_may_write(lease));
    trace_linger(&trace, 50);
    trace_check(&trace, "lost: not renewed for 10.0 s\n");
    ck_assert(!lease_may_write(lease));
    tear_down();
}
END_TEST

static void set_clock(void *arg)
{
    const int64_t *ms = arg;
    now_fake(START_MS + *ms, 0);
    loop_stop(loop);
}

/* An answer counts from when its request was sent: that of a process that was stopped in between.
 */
START_TEST(late_answers)
{
    static const struct {
        int64_t late_ms;
        bool held;
    } cases[] = {{0, true}, {9999, true}, {10000, false}, {60000, false}};
    static const struct fakeserver_reply absent = ABSENT, taken = LEASE("us", "1");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_up();
        fakeserver_add(server, &absent, 1);
        while (fakeserver_requests(server) < 2)
            trace_linger(&trace, 5);
        int64_t late_ms = cases[i].late_ms;
        struct loop_timer *timer = loop_timer_new(loop, set_clock, &late_ms);
        loop_timer_start(timer, 0);
        loop_run(loop);
        loop_timer_free(timer);
        fakeserver_send(server, taken.bytes, FAKESERVER_CLOSE);
        trace_linger(&trace, 100);
        ck_assert_int_eq(lease_may_write(lease), cases[i].held);
        trace_check(&trace, cases[i].held ? "holder \nwon\n" : "holder \n");
        tear_down();
    }
}
END_TEST

/* Seen at the start, unchanged since: free after the 15 s that it says, not before. */
START_TEST(an_abandoned_lease_is_taken)
{
    static const struct fakeserver_reply seen = LEASE("a", "1");
    set_up();
    fakeserver_add(server, &seen, 1);
    trace_until(&trace, "holder a", 1);
    now_fake(START_MS + 15000, 0);
    fakeserver_add(server, &seen, 1);
    while (fakeserver_requests(server) < 3)
        trace_linger(&trace, 5);
    now_fake(START_MS + 15001, 0);
    fakeserver_send(server, seen.bytes, FAKESERVER_CLOSE);
    while (fakeserver_requests(server) < 4)
        trace_linger(&trace, 5);
    check_verb(1, "GET");
    check_verb(2, "GET");
    check_verb(3, "PUT");
    tear_down();
}
END_TEST

START_TEST(given_back)
{
    static const struct {
        struct fakeserver_reply replies[3];
        const char *verbs[3];
    } cases[] = {
        {{LEASE("", "2")}, {"PUT"}},
        {{CONFLICT, LEASE("us", "2"), LEASE("", "3")}, {"PUT", "GET", "PUT"}},
        {{CONFLICT, LEASE("a", "2")}, {"PUT", "GET"}},
        {{CONFLICT, ABSENT}, {"PUT", "GET"}},
        {{DENIED, LEASE("us", "2"), LEASE("", "3")}, {"PUT", "GET", "PUT"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        win();
        lease_release(lease, released, &trace);
        ck_assert(!lease_may_write(lease));
        run(cases[i].replies, cases[i].verbs, 3, "released", "released\n");
        trace_linger(&trace, 50);
        trace_check(&trace, "");
        tear_down();
    }
}
END_TEST

START_TEST(nothing_to_give_back)
{
    static const struct fakeserver_reply seen = LEASE("a", "1");
    set_up();
    fakeserver_add(server, &seen, 1);
    trace_until(&trace, "holder a", 1);
    lease_release(lease, released, &trace);
    trace_until(&trace, "released", 1);
    trace_check(&trace, "holder a\nreleased\n");
    ck_assert_uint_eq(fakeserver_requests(server), 1);
    tear_down();
}
END_TEST

UNIT_MAIN("lease", the_way_to_the_lease, who_loses_and_who_does_not, time_is_over, late_answers,
          an_abandoned_lease_is_taken, given_back, nothing_to_give_back)
