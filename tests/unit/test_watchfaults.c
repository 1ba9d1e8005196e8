/* SPDX-License-Identifier: Apache-2.0 */
/* A watch and its clocks, and its end at any moment. */
#include "support/unit.h"
#include "support/watching.h"

/* Runs the script; `change` sets times first. Then nothing more is asked for a while. */
static void check_rest(const struct fakeserver_reply *replies, size_t count,
                       void (*change)(struct kube_timing *timing), size_t requests,
                       const char *heard, const char *asked)
{
    struct fixture f;
    set_up(&f, replies, count);
    change(&f.timing);
    /* The watch knows the times of its client, the back-off it was born with. */
    watch_free(f.watch);
    f.watch = watch_new(f.kube, &things, &thing_scope, &sink, &f);
    run_script(&f, requests);
    trace_linger(&f.trace, 100);
    AUTO_FREE char *got = versions_asked(&f);
    ck_assert_str_eq(got, asked);
    trace_check(&f.trace, heard);
    tear_down(&f);
}

static void long_backoff(struct kube_timing *times)
{
    times->backoff_min = 60000;
    times->backoff_max = 60000;
    times->short_watch = 60000;
}

/* Faults that come each time must not be met with a request each time. */
START_TEST(test_no_hot_loop)
{
    static const struct {
        struct fakeserver_reply replies[3];
        size_t requests;
        const char *heard, *asked;
    } cases[] = {
        {{ENDS(HEAD END("1") EVENT("ERROR", EXPIRED)), ENDS(HEAD END("2") EVENT("ERROR", EXPIRED))},
         2,
         "begin\nsynced\nbegin\nsynced\nstate gone Expired\n",
         "all all"},
        {{CUT(HEAD ADDED("a", "1"))}, 1, "begin\nobject a\nstate unavailable Transport\n", "all"},
        {{ENDS(HEAD END("1"))}, 1, "begin\nsynced\nstate unavailable ShortWatch\n", "all"},
        {{ENDS(HEAD END("1") BOOKMARK("2"))},
         1,
         "begin\nsynced\nstate unavailable ShortWatch\n",
         "all"},
        /* Even when it brings something: the next one waits for the rest of its time. */
        {{CUT(HEAD END("1") ADDED("a", "2"))}, 1, "begin\nsynced\nobject a\n", "all"},
        {{ENDS(ERROR("403 No", "\r\n{}"))}, 1, "state denied -\n", "all"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_rest(
            cases[i].replies, 3, long_backoff, cases[i].requests, cases[i].heard, cases[i].asked);
}
END_TEST

START_TEST(test_retry_after_is_honoured)
{
    static const struct fakeserver_reply replies[] = {
        ENDS(ERROR("429 Slow", "Retry-After: 60\r\n\r\n")), ENDS(HEAD END("1"))};
    struct fixture f;
    set_up(&f, replies, 2);
    trace_until(&f.trace, "state throttled -", 1);
    trace_linger(&f.trace, 100);
    ck_assert_uint_eq(fakeserver_requests(f.server), 1);
    strbuf_clear(&f.trace.text);
    tear_down(&f);
}
END_TEST

static void soon_authorized(struct kube_timing *times)
{
    long_backoff(times);
    times->unauthorized = 20;
}

START_TEST(test_a_new_token_does_not_wait)
{
    static const struct fakeserver_reply replies[] = {ENDS(ERROR("401 No", "\r\n{}")),
                                                      ENDS(ERROR("401 No", "\r\n{}")),
                                                      ENDS(ERROR("403 No", "\r\n{}")),
                                                      STAYS(HEAD)};
    check_rest(replies, 4, soon_authorized, 3, "state denied -\nstate denied -\n", "all all all");
}
END_TEST

static void short_answer(struct kube_timing *times)
{
    times->answer = 250;
}

static void short_quiet(struct kube_timing *times)
{
    times->sync_quiet = 250;
}

static void short_silence(struct kube_timing *times)
{
    times->silence = 250;
}

START_TEST(test_guards)
{
    static const struct fakeserver_reply no_answer[] = {{.bytes = NULL, .len = 1},
                                                        STAYS(HEAD END("1"))};
    static const struct fakeserver_reply no_end[] = {
        STAYS(HEAD ADDED("a", "1")), ENDS(LIST("5", "", ITEM("b"))), STAYS(HEAD)};
    /* A watch from a version of the future is silent each time: then from the start. */
    static const struct fakeserver_reply silent[] = {ENDS(HEAD END("10") ADDED("a", "11")),
                                                     STAYS(HEAD),
                                                     STAYS(HEAD),
                                                     ENDS(HEAD END("5") ADDED("b", "6")),
                                                     ENDS(ERROR("403 No", "\r\n{}"))};
    check_rest(no_answer,
               2,
               short_answer,
               2,
               "state unavailable Timeout\nbegin\nsynced\nstate ok\n",
               "all all");
    check_rest(
        no_end, 3, short_quiet, 3, "begin\nobject a\nbegin\nobject b\nsynced\n", "all list 5");
    /* Half an event; the other half is not waited for as long as the next event would be. */
    static const struct fakeserver_reply half[] = {
        STAYS(HEAD "{\"type\":\"ADD"),
        STAYS(HEAD ADDED("a", "1") END("10") "{\"type\":"),
        STAYS(HEAD)};
    check_rest(half,
               3,
               short_quiet,
               3,
               "begin\nstate unavailable Timeout\nbegin\nobject a\nsynced\nstate ok\n",
               "all all 10");
    struct fixture f;
    set_up(&f, silent, ARRAY_LEN(silent));
    short_silence(&f.timing);
    run_script(&f, 5);
    AUTO_FREE char *asked = versions_asked(&f);
    ck_assert_ptr_nonnull(strstr(asked, "all 11 11 all 6"));
    watch_free(TAKE(f.watch));
    strbuf_clear(&f.trace.text);
    tear_down(&f);
}
END_TEST

/* An open watch without events is a good one, and says so after it was troubled. */
START_TEST(test_connected_again)
{
    static const struct fakeserver_reply replies[] = {
        ENDS(HEAD END("10") ADDED("a", "11")), ENDS(ERROR("503 No", "\r\n")), STAYS(HEAD)};
    struct fixture f;
    set_up(&f, replies, 3);
    f.timing.settled = 20;
    trace_until(&f.trace, "state ok", 1);
    trace_check(&f.trace, "begin\nsynced\nobject a\nstate unavailable -\nstate ok\n");
    tear_down(&f);
}
END_TEST

/* The owner may free the watch in any callback. */
START_TEST(test_free_in_callbacks)
{
    static const struct fakeserver_reply streams[] = {
        ENDS(HEAD ADDED("a", "1") END("10") DELETED("a", "11") ADDED("b", "12")),
        ENDS(ERROR("503 No", "\r\n")),
        STAYS(HEAD)};
    static const struct fakeserver_reply lists[] = {ENDS(FORBIDDEN_FIELD),
                                                    ENDS(LIST("5", "", ITEM("a") "," ITEM("b"))),
                                                    ENDS(HEAD DELETED("a", "6")),
                                                    ENDS(ERROR("503 No", "\r\n")),
                                                    STAYS(HEAD)};
    static const char *const points[] = {
        "begin", "object a", "synced", "deleted a", "state unavailable -", "state ok"};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        for (int list = 0; list < 2; list++) {
            struct fixture f;
            set_up(&f, list ? lists : streams, list ? ARRAY_LEN(lists) : ARRAY_LEN(streams));
            f.free_at = points[i];
            f.timing.settled = 20;
            trace_until(&f.trace, points[i], 1);
            strbuf_clear(&f.trace.text);
            tear_down(&f);
        }
    }
}
END_TEST

START_TEST(test_free_at_any_turn)
{
    for (int turns = 0; turns < 20; turns++) {
        static const struct fakeserver_reply replies[] = {
            ENDS(HEAD END("10") ADDED("a", "11")), ENDS(HEAD ADDED("b", "12")), STAYS(HEAD)};
        struct fixture f;
        set_up(&f, replies, 3);
        for (int i = 0; i < turns; i++)
            trace_linger(&f.trace, 0);
        watch_free(TAKE(f.watch));
        strbuf_clear(&f.trace.text);
        tear_down(&f);
    }
}
END_TEST

START_TEST(test_endless_line)
{
    static const char start[] = HEAD END("10") "{\"type\":\"";
    size_t len = sizeof(start) + ((size_t)17 << 20);
    AUTO_FREE char *bytes = xmalloc(len);
    memset(bytes, 'x', len);
    memcpy(bytes, start, sizeof(start) - 1);
    const struct fakeserver_reply replies[] = {{.bytes = bytes, .len = len}, STAYS(HEAD)};
    struct fixture f;
    set_up(&f, replies, 2);
    f.timing.settled = 20;
    trace_until(&f.trace, "state ok", 1);
    trace_check(&f.trace, "begin\nsynced\nstate internal -\nstate ok\n");
    AUTO_FREE char *asked = versions_asked(&f);
    ck_assert_str_eq(asked, "all 10");
    tear_down(&f);
}
END_TEST

UNIT_MAIN("watchfaults", test_no_hot_loop, test_retry_after_is_honoured,
          test_a_new_token_does_not_wait, test_guards, test_connected_again, test_free_in_callbacks,
          test_free_at_any_turn, test_endless_line)
