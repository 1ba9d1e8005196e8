/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "base/metrics.h"
#include "base/now.h"
#include "control/queue.h"
#include "support/unit.h"

#include <string.h>

static struct loop *loop;
static struct queue *q;
static int readied;

static void ready(void *arg)
{
    (void)arg;
    readied++;
    loop_stop(loop);
}

static void set_up(void)
{
    readied = 0;
    loop = loop_new();
    q = queue_new(loop, ready, NULL);
}

static void tear_down(void)
{
    queue_free(q);
    loop_free(loop);
    metrics_reset();
}

START_TEST(coalesces_and_serialises)
{
    set_up();
    queue_add(q, "a", QUEUE_NORMAL);
    queue_add(q, "a", QUEUE_NORMAL);
    ck_assert_uint_eq(queue_depth(q), 1);
    loop_run(loop);
    ck_assert_int_eq(readied, 1);
    const char *key = queue_get(q, NULL);
    ck_assert_str_eq(key, "a");
    ck_assert_ptr_null(queue_get(q, NULL));
    queue_add(q, "a", QUEUE_NORMAL); /* while in work: comes once more, later */
    queue_add(q, "a", QUEUE_NORMAL);
    ck_assert_ptr_null(queue_get(q, NULL));
    ck_assert_uint_eq(queue_in_work(q), 1);
    queue_done(q, key);
    key = queue_get(q, NULL);
    ck_assert_str_eq(key, "a");
    queue_done(q, key);
    ck_assert_ptr_null(queue_get(q, NULL));
    ck_assert_int_eq(queue_stalled_ms(q), 0);
    tear_down();
}
END_TEST

/* What waits while the API server is away is no stall; what is in work and never ends is one. */
START_TEST(only_passes_that_do_not_end_stall_it)
{
    set_up();
    now_fake(1000, 0);
    queue_add(q, "a", QUEUE_NORMAL);
    queue_add(q, "b", QUEUE_NORMAL);
    now_fake(3601000, 0);
    ck_assert_int_eq(queue_stalled_ms(q), 0);
    const char *a = queue_get(q, NULL), *b = queue_get(q, NULL);
    ck_assert_int_eq(queue_stalled_ms(q), 0);
    now_fake(4201000, 0);
    ck_assert_int_eq(queue_stalled_ms(q), 600000);
    queue_done(q, a); /* one that ends is a sign of life, though the other goes on */
    now_fake(4202000, 0);
    ck_assert_int_eq(queue_stalled_ms(q), 1000);
    queue_done(q, b);
    now_fake(9000000, 0);
    ck_assert_int_eq(queue_stalled_ms(q), 0);
    now_fake(-1, -1);
    tear_down();
}
END_TEST

START_TEST(an_edit_overtakes_the_background)
{
    set_up();
    queue_add(q, "a", QUEUE_BACKGROUND);
    queue_add(q, "b", QUEUE_BACKGROUND);
    queue_add(q, "c", QUEUE_BACKGROUND);
    queue_add(q, "c", QUEUE_NORMAL);
    queue_add(q, "d", QUEUE_NORMAL);
    static const char *const order[] = {"c", "d", "a", "b"};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        enum queue_priority priority;
        ck_assert_int_eq(queue_is_urgent(q), i < 2);
        const char *key = queue_get(q, &priority);
        ck_assert_int_eq(priority, i < 2 ? QUEUE_NORMAL : QUEUE_BACKGROUND);
        ck_assert_str_eq(key, order[i]);
        queue_done(q, key);
    }
    tear_down();
}
END_TEST

START_TEST(retries_later_and_forgets)
{
    set_up();
    queue_add(q, "a", QUEUE_NORMAL);
    const char *key = queue_get(q, NULL);
    queue_retry(q, key, 0, QUEUE_BACKOFF_MAX_MS);
    queue_done(q, key);
    ck_assert_int_eq(queue_failures(q, "a"), 1);
    ck_assert_ptr_null(queue_get(q, NULL));
    while (!(key = queue_get(q, NULL))) /* until its back-off ends */
        loop_run(loop);
    ck_assert_str_eq(key, "a");
    queue_forget(q, key);
    queue_done(q, key);
    ck_assert_int_eq(queue_failures(q, "a"), 0);
    tear_down();
}
END_TEST

START_TEST(an_addition_ends_the_wait)
{
    set_up();
    queue_add_after(q, "a", 3600000);
    ck_assert_ptr_null(queue_get(q, NULL));
    queue_add(q, "a", QUEUE_NORMAL);
    const char *key = queue_get(q, NULL);
    ck_assert_str_eq(key, "a");
    queue_done(q, key);
    tear_down();
}
END_TEST

START_TEST(waking_ends_back_off_only)
{
    set_up();
    queue_add_after(q, "later", 3600000);
    queue_retry(q, "failed", 3600000, QUEUE_BACKOFF_MAX_MS);
    queue_wake(q);
    const char *key;
    while (!(key = queue_get(q, NULL)))
        loop_run(loop);
    ck_assert_str_eq(key, "failed");
    queue_done(q, key);
    ck_assert_ptr_null(queue_get(q, NULL));
    tear_down();
}
END_TEST

/* A server that is overloaded must not be asked again because something else happened. */
START_TEST(nothing_ends_a_pause_that_was_asked_for)
{
    set_up();
    queue_add(q, "a", QUEUE_NORMAL);
    const char *key = queue_get(q, NULL);
    queue_add(q, "a", QUEUE_NORMAL);
    queue_hold(q, key, 50);
    queue_retry(q, key, 0, QUEUE_BACKOFF_MAX_MS);
    queue_done(q, key);
    int64_t began = now_ms();
    queue_add(q, "a", QUEUE_NORMAL);
    queue_add_after(q, "a", 1);
    queue_wake(q);
    ck_assert_ptr_null(queue_get(q, NULL));
    while (!(key = queue_get(q, NULL)))
        loop_run(loop);
    ck_assert_int_ge(now_ms() - began, 45);
    queue_forget(q, key);
    queue_done(q, key);
    tear_down();
}
END_TEST

/* The gateway's pods change with each attempt, say, and bring the next one. */
START_TEST(what_keeps_failing_is_not_hurried)
{
    set_up();
    int64_t began = now_ms();
    queue_retry(q, "a", 0, QUEUE_BACKOFF_MAX_MS);
    for (int failures = 1; failures < 8; failures++) {
        const char *key;
        queue_add(q, "a", QUEUE_NORMAL);
        while (!(key = queue_get(q, NULL)))
            loop_run(loop);
        ck_assert_int_ge(now_ms() - began, 5 << (failures - 1));
        began = now_ms();
        queue_retry(q, key, 0, QUEUE_BACKOFF_MAX_MS);
        queue_done(q, key);
        ck_assert_int_eq(queue_failures(q, "a"), failures + 1);
    }
    tear_down();
}
END_TEST

/* Or an outage of seconds, with many events, would be made up for after minutes. */
START_TEST(a_hurried_failure_does_not_double)
{
    set_up();
    queue_retry(q, "a", 3600000, 3600000);
    queue_retry(q, "a", 3600000, 3600000);
    ck_assert_int_eq(queue_failures(q, "a"), 1);
    tear_down();
}
END_TEST

/* What the registry was told to ask is gone; the series stay. */
START_TEST(metrics_outlive_it)
{
    set_up();
    queue_add(q, "a", QUEUE_NORMAL);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_METRICS_TEXT);
    ck_assert_int_eq(metrics_render(&out), 0);
    ck_assert_ptr_nonnull(strstr(out.text, "priority=\"0\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(out.text, "priority=\"-100\"} 0\n"));
    queue_free(TAKE(q));
    ck_assert_int_eq(metrics_render(&out), 0);
    tear_down();
}
END_TEST

UNIT_MAIN("queue", coalesces_and_serialises, only_passes_that_do_not_end_stall_it,
          an_edit_overtakes_the_background, retries_later_and_forgets, an_addition_ends_the_wait,
          what_keeps_failing_is_not_hurried, a_hurried_failure_does_not_double, metrics_outlive_it,
          waking_ends_back_off_only, nothing_ends_a_pause_that_was_asked_for)
