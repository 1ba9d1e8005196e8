/* SPDX-License-Identifier: Apache-2.0 */
/* Which events are written: series, combination, the stock of an object. Time is what we say. */
#include "base/limits.h"
#include "kube/eventcache.h"
#include "support/unit.h"

#include <string.h>

#define SECOND   INT64_C(1000)
#define MINUTE   (60 * SECOND)
#define WALL(ms) ((ms)*1000)

static struct eventcache *cache;
static const struct eventcache_series *series;

static enum eventcache_verdict add_note(const char *uid, const char *reason, const char *related,
                                        const char *note, int64_t now)
{
    const struct eventcache_event event = {.uid = uid,
                                           .ns = "n",
                                           .name = "gw",
                                           .type = "Normal",
                                           .reason = reason,
                                           .action = "Reconcile",
                                           .related = related,
                                           .note = note};
    return eventcache_add(cache, &event, now, WALL(now), &series);
}

static enum eventcache_verdict add(const char *uid, const char *reason, const char *related,
                                   int64_t now)
{
    return add_note(uid, reason, related, "a note", now);
}

static int over_count;
static int64_t over_total;

static void on_over(void *arg, const struct eventcache_series *s)
{
    ck_assert_ptr_eq(arg, &over_count);
    over_count++;
    over_total += s->count;
}

static void sweep(int64_t now)
{
    over_count = 0;
    over_total = 0;
    eventcache_sweep(cache, now, on_over, &over_count);
}

START_TEST(a_series_is_written_at_two_and_each_half_hour)
{
    cache = eventcache_new();
    ck_assert_int_eq(add("u", "R", "", 0), EVENTCACHE_CREATE);
    AUTO_FREE char *name = xstrdup(series->name);
    ck_assert_str_eq(series->ns, "n");
    ck_assert_int_eq(strncmp(name, "gw.", 3), 0);
    ck_assert_int_eq(add("u", "R", "", MINUTE), EVENTCACHE_UPDATE);
    ck_assert_int_eq(series->count, 2);
    ck_assert_int_eq(series->observed_us, WALL(MINUTE));
    ck_assert_str_eq(series->name, name);
    for (int64_t minute = 2; minute < 31; minute++)
        ck_assert_int_eq(add("u", "R", "", minute * MINUTE), EVENTCACHE_LEAVE);
    ck_assert_int_eq(add("u", "R", "", 31 * MINUTE), EVENTCACHE_UPDATE);
    ck_assert_int_eq(series->count, 32);
    eventcache_free(cache);
}
END_TEST

START_TEST(six_quiet_minutes_end_a_series)
{
    cache = eventcache_new();
    ck_assert_int_eq(add("u", "Once", "", 0), EVENTCACHE_CREATE);
    ck_assert_int_eq(add("u", "Often", "", 0), EVENTCACHE_CREATE);
    ck_assert_int_eq(add("u", "Often", "", SECOND), EVENTCACHE_UPDATE);
    ck_assert_int_eq(add("u", "Often", "", 2 * SECOND), EVENTCACHE_LEAVE);
    sweep(6 * MINUTE);
    ck_assert_int_eq(over_count, 0);
    ck_assert_int_eq(add("u", "Often", "", 6 * MINUTE), EVENTCACHE_LEAVE);
    sweep(12 * MINUTE + 1);
    ck_assert_int_eq(over_count, 1); /* Once has no count to write */
    ck_assert_int_eq(over_total, 4);
    ck_assert_int_eq(add("u", "Often", "", 13 * MINUTE), EVENTCACHE_CREATE);
    ck_assert_int_eq(add("u", "Once", "", 13 * MINUTE), EVENTCACHE_CREATE);
    eventcache_free(cache);
}
END_TEST

START_TEST(another_event_is_no_repetition)
{
    cache = eventcache_new();
    ck_assert_int_eq(add("u", "R", "", 0), EVENTCACHE_CREATE);
    AUTO_FREE char *name = xstrdup(series->name);
    ck_assert_int_eq(add("u", "R", "Service gw", 0), EVENTCACHE_CREATE);
    ck_assert_str_ne(series->name, name); /* though made at the same microsecond */
    ck_assert_int_eq(add("u", "S", "", 0), EVENTCACHE_CREATE);
    ck_assert_int_eq(add("v", "R", "", 0), EVENTCACHE_CREATE);
    ck_assert_int_eq(add("u", "R", "Service gw", 0), EVENTCACHE_UPDATE);
    ck_assert_int_eq(add_note("u", "R", "Service gw", "another", 0), EVENTCACHE_CREATE);
    eventcache_free(cache);
}
END_TEST

START_TEST(what_the_server_has_not_is_forgotten)
{
    cache = eventcache_new();
    ck_assert_int_eq(add("u", "R", "", 0), EVENTCACHE_CREATE);
    AUTO_FREE char *name = xstrdup(series->name);
    ck_assert_int_eq(add("u", "S", "", 0), EVENTCACHE_CREATE);
    eventcache_forget(cache, name);
    eventcache_forget(cache, "gw.0");
    ck_assert_int_eq(add("u", "R", "", 1), EVENTCACHE_CREATE);
    ck_assert_int_eq(add("u", "S", "", 1), EVENTCACHE_UPDATE);
    eventcache_free(cache);
}
END_TEST

START_TEST(ten_of_a_reason_are_combined)
{
    cache = eventcache_new();
    char related[] = "Service a", note[] = "note 0";
    for (int i = 0; i < 9; i++) {
        *(i % 2 ? &related[8] : &note[5]) += 1;
        ck_assert_int_eq(add_note("u", "R", related, note, 0), EVENTCACHE_CREATE);
        ck_assert(!series->combined);
    }
    ck_assert_int_eq(add("u", "R", "Service k", 0), EVENTCACHE_CREATE);
    ck_assert(series->combined);
    ck_assert_int_eq(add_note("u", "R", "", "any other", 0), EVENTCACHE_UPDATE);
    ck_assert_int_eq(series->count, 2);
    ck_assert(series->combined);
    /* One with a series of its own, another reason, another object: as ever. */
    ck_assert_int_eq(add_note("u", "R", related, note, 0), EVENTCACHE_UPDATE);
    ck_assert(!series->combined);
    ck_assert_int_eq(add("u", "S", "Service k", 0), EVENTCACHE_CREATE);
    ck_assert(!series->combined);
    ck_assert_int_eq(add("v", "R", "Service k", 0), EVENTCACHE_CREATE);
    ck_assert(!series->combined);
    /* Another window. */
    ck_assert_int_eq(add("u", "R", "Service m", 10 * MINUTE + 1), EVENTCACHE_CREATE);
    ck_assert(!series->combined);
    eventcache_free(cache);
}
END_TEST

START_TEST(an_object_has_a_stock_of_writes)
{
    cache = eventcache_new();
    char reason[] = "Ra";
    int written = 0;
    for (int i = 0; i < 40; i++) {
        reason[1] = (char)('A' + i);
        written += add("u", reason, "", 0) == EVENTCACHE_CREATE;
    }
    ck_assert_int_eq(written, 25);
    ck_assert_int_eq(add("v", "R", "", 0), EVENTCACHE_CREATE); /* has its own */
    ck_assert_int_eq(add("u", "New", "", 5 * MINUTE - 1), EVENTCACHE_LEAVE);
    ck_assert_int_eq(add("u", "New", "", 5 * MINUTE), EVENTCACHE_CREATE);
    ck_assert_int_eq(add("u", "New", "", 5 * MINUTE), EVENTCACHE_LEAVE);
    sweep(9 * MINUTE); /* what is not full again is not forgotten */
    ck_assert_int_eq(add("u", "New", "", 10 * MINUTE), EVENTCACHE_UPDATE);
    ck_assert_int_eq(series->count, 3);
    sweep(10 * MINUTE + 125 * MINUTE + 1);
    for (int i = 0; i < 30; i++) {
        reason[1] = (char)('A' + i);
        ck_assert_int_eq(add("u", reason, "", 136 * MINUTE),
                         i < 25 ? EVENTCACHE_CREATE : EVENTCACHE_LEAVE);
    }
    eventcache_free(cache);
}
END_TEST

START_TEST(a_namespace_that_ends_gets_none)
{
    cache = eventcache_new();
    eventcache_shut(cache, "other", 0);
    ck_assert_int_eq(add("u", "R", "", 0), EVENTCACHE_CREATE);
    eventcache_shut(cache, "n", 0);
    ck_assert_int_eq(add("u", "R", "", 30 * SECOND), EVENTCACHE_LEAVE);
    sweep(30 * SECOND);
    ck_assert_int_eq(add("v", "R", "", 30 * SECOND), EVENTCACHE_LEAVE);
    ck_assert_int_eq(add("v", "R", "", 30 * SECOND + 1), EVENTCACHE_CREATE);
    eventcache_free(cache);
}
END_TEST

START_TEST(the_oldest_is_forgotten_first)
{
    cache = eventcache_new();
    ck_assert_int_eq(add("first", "R", "", 0), EVENTCACHE_CREATE);
    ck_assert_int_eq(add("second", "R", "", 0), EVENTCACHE_CREATE);
    for (int i = 2; i < LIMIT_EVENTS; i++) {
        AUTO_FREE char *uid = xasprintf("%d", i);
        ck_assert_int_eq(add(uid, "R", "", 0), EVENTCACHE_CREATE);
    }
    ck_assert_int_eq(add("first", "R", "", 1), EVENTCACHE_UPDATE); /* used: not the oldest */
    ck_assert_int_eq(add("one too many", "R", "", 1), EVENTCACHE_CREATE);
    ck_assert_int_eq(add("first", "R", "", 1), EVENTCACHE_LEAVE);
    ck_assert_int_eq(add("second", "R", "", 1), EVENTCACHE_CREATE);
    eventcache_free(cache);
}
END_TEST

UNIT_MAIN("eventcache", a_series_is_written_at_two_and_each_half_hour,
          six_quiet_minutes_end_a_series, another_event_is_no_repetition,
          what_the_server_has_not_is_forgotten, ten_of_a_reason_are_combined,
          an_object_has_a_stock_of_writes, a_namespace_that_ends_gets_none,
          the_oldest_is_forgotten_first)
