/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/multimap.h"
#include "base/now.h"
#include "base/rnd.h"
#include "base/utf8.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(err_wraps_and_keeps_kind)
{
    struct err e = {0};
    ck_assert_int_eq(err_set(&e, ERR_GONE, "too old: %d", 7), -1);
    ck_assert_int_eq(err_wrap(&e, "watch %s", "pods"), -1);
    ck_assert_str_eq(e.msg, "watch pods: too old: 7");
    ck_assert_int_eq(e.kind, ERR_GONE);
    ck_assert_int_eq(err_set(NULL, ERR_GONE, "nobody asked"), -1);
}
END_TEST

START_TEST(err_cuts_at_a_character)
{
    struct err e = {0};
    char text[600];
    memset(text, 'a', sizeof(text));
    memcpy(text + sizeof(e.msg) - 3, "\xe2\x82\xac", 3); /* the last byte of the euro sign is cut */
    text[sizeof(text) - 1] = '\0';
    err_set(&e, ERR_INVALID, "%s", text);
    ck_assert_uint_eq(strlen(e.msg), sizeof(e.msg) - 3);
    err_set(&e, ERR_INVALID, "short");
    err_wrap(&e, "%s", text);
    ck_assert_uint_lt(strlen(e.msg), sizeof(e.msg));
}
END_TEST

/* A page of a proxy in Latin-1, for example: it must not keep the message out of the status. */
START_TEST(err_is_always_text)
{
    struct err e = {0};
    err_set(&e, ERR_UNAVAILABLE, "%s", "p\xe4ge \xf0\x9f\x98\x80");
    ck_assert_str_eq(e.msg, "p?ge \xf0\x9f\x98\x80");
    err_wrap(&e, "%s", "\xc3");
    ck_assert_str_eq(e.msg, "?: p?ge \xf0\x9f\x98\x80");
}
END_TEST

START_TEST(utf8_knows_its_characters)
{
    static const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {"", 1},
        {"a", 1},
        {"\xc3\xa9", 2},
        {"\xe2\x82\xac", 3},
        {"\xed\x9f\xbf", 3},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0},             /* no lead */
        {"\xc3", 0},             /* cut */
        {"\xe2\x82", 0},         /* cut */
        {"\xc0\xaf", 0},         /* overlong */
        {"\xe0\x80\xaf", 0},     /* overlong */
        {"\xf0\x80\x80\xaf", 0}, /* overlong */
        {"\xed\xa0\x80", 0},     /* surrogate */
        {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
        {"\xff", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_uint_eq(utf8_length(rows[i].text), rows[i].length);
}
END_TEST

START_TEST(strbuf_keeps_its_ceiling)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT(5);
    ck_assert_str_eq(sb.text, "");
    ck_assert_int_eq(strbuf_adds(&sb, "abcd"), 0);
    ck_assert_int_eq(strbuf_adds(&sb, "ef"), -1);
    ck_assert_int_eq(strbuf_addc(&sb, 'e'), -1);
    ck_assert(sb.failed);
    ck_assert_str_eq(sb.text, "abcd");
    strbuf_drop(&sb, 3);
    ck_assert_str_eq(sb.text, "d");
    strbuf_clear(&sb);
    ck_assert_int_eq(strbuf_addf(&sb, "%d", 12345), 0);
    AUTO_FREE char *text = strbuf_take(&sb);
    ck_assert_str_eq(text, "12345");
    ck_assert_uint_eq(sb.len, 0);
}
END_TEST

START_TEST(time_formats)
{
    char buf[NOW_TIME_LEN];
    now_format_time(1795408506000007, buf);
    ck_assert_str_eq(buf, "2026-11-23T04:35:06Z");
    now_format_microtime(1795408506000007, buf);
    ck_assert_str_eq(buf, "2026-11-23T04:35:06.000007Z");
    now_fake(5, 6);
    ck_assert_int_eq(now_ms(), 5);
    ck_assert_int_eq(now_wall_us(), 6);
    now_fake(-1, -1);
}
END_TEST

START_TEST(times_are_parsed)
{
    static const struct {
        const char *text;
        int64_t us; /* -1: not a time */
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-23T04:05:06Z", 1795406706000000},
        {"2026-11-23T04:05:06.5Z", 1795406706500000},
        {"2026-11-23T04:05:06.0000079z", 1795406706000007},
        {"2026-11-23T05:35:06+01:30", 1795406706000000},
        {"2026-11-22T23:05:06-05:00", 1795406706000000},
        {"2024-02-29T00:00:00Z", 1709164800000000},
        {"", -1},
        {"2026-11-23", -1},
        {"2026-11-23T04:05:06", -1},
        {"2026-11-23T04:05:06.Z", -1},
        {"2026-11-23T04:05:06Zx", -1},
        {"2026-11-23T04:05:06+1:30", -1},
        {"2026-11-23T04:05:06+24:00", -1},
        {"2026-11-23T04:05:06+01:3", -1},
        {"2026-11-23T24:05:06Z", -1},
        {"2026-13-23T04:05:06Z", -1},
        {" 2026-11-23T04:05:06Z", -1},
        {"26-11-23T04:05:06Z", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t us = -1;
        int result = now_parse_time(rows[i].text, &us);
        ck_assert_int_eq(result, rows[i].us < 0 ? -1 : 0);
        ck_assert_int_eq(us, rows[i].us);
    }
}
END_TEST

START_TEST(log_line_is_json)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    log_set_fd(fds[1]);
    now_fake(0, 0);
    LOG_INFO("a \"b\"", LS("object", "x\ny\xff"), LI("n", -3), LS("none", NULL));
    LOG_DEBUG("not written");
    LOG_WARN("no fields");
    now_fake(-1, -1);
    log_set_fd(STDERR_FILENO);
    close(fds[1]);
    char text[1024];
    ssize_t n = read(fds[0], text, sizeof(text) - 1);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
    close(fds[0]);
    ck_assert_str_eq(text,
                     "{\"ts\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"info\","
                     "\"msg\":\"a \\\"b\\\"\",\"object\":\"x\\u000ay\\ufffd\",\"n\":-3,"
                     "\"none\":\"\"}\n"
                     "{\"ts\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"warn\","
                     "\"msg\":\"no fields\"}\n");
    ck_assert_int_eq(log_level_parse("debug"), LOG_LEVEL_DEBUG);
    ck_assert_int_eq(log_level_parse("loud"), -1);
}
END_TEST

START_TEST(rnd_stays_in_range)
{
    int seen[3] = {0};
    for (int i = 0; i < 1000; i++)
        seen[rnd_between(-1, 1) + 1]++;
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        ck_assert_int_gt(seen[i], 200);
}
END_TEST

static void set_depth(void *arg)
{
    metrics_set(arg, 4);
}

START_TEST(metrics_text)
{
    static const double bounds[] = {0.1, 1};
    struct metric *get = metrics_counter("requests_total", "Requests.", "method=\"GET\"");
    metrics_add(get, 2);
    metrics_add(metrics_counter("requests_total", "Requests.", "method=\"GET\""), 1);
    struct metric *time = metrics_histogram("time_seconds", "Time.", NULL, bounds, 2);
    metrics_observe(time, 0.05);
    metrics_observe(time, 0.5);
    metrics_observe(time, 5);
    metrics_on_render(set_depth, metrics_gauge("depth", "Depth.", NULL));
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_METRICS_TEXT);
    ck_assert_int_eq(metrics_render(&out), 0);
    ck_assert_str_eq(out.text,
                     "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
                     "requests_total{method=\"GET\"} 3\n"
                     "# HELP time_seconds Time.\n# TYPE time_seconds histogram\n"
                     "time_seconds_bucket{le=\"0.1\"} 1\ntime_seconds_bucket{le=\"1\"} 2\n"
                     "time_seconds_bucket{le=\"+Inf\"} 3\n"
                     "time_seconds_sum 5.55\ntime_seconds_count 3\n"
                     "# HELP depth Depth.\n# TYPE depth gauge\ndepth 4\n");
    metrics_reset();
}
END_TEST

START_TEST(multimap_keeps_values_by_key)
{
    static int one, two, three;
    struct multimap map = {NULL};
    multimap_add(&map, "a", &one);
    multimap_add(&map, "a", &two);
    multimap_add(&map, "a", &three);
    multimap_add(&map, "b", &one);
    multimap_add_known(&map, "c", &one);
    ck_assert_ptr_null(multimap_find(&map, "c"));
    multimap_touch(&map, "c");
    ck_assert_uint_eq(multimap_find(&map, "c")->count, 0);
    multimap_add_known(&map, "c", &two);
    ck_assert_ptr_eq(multimap_find(&map, "c")->items[0], &two);
    multimap_remove(&map, "a", &one);
    multimap_remove(&map, "a", &one); /* is not there any more */
    ck_assert_uint_eq(multimap_find(&map, "a")->count, 2);
    multimap_remove(&map, "b", &one);
    ck_assert_ptr_null(multimap_find(&map, "b"));
    multimap_remove(&map, "b", &one);
    multimap_done(&map);
    ck_assert_ptr_null(map.entries);
}
END_TEST

UNIT_MAIN("base", err_wraps_and_keeps_kind, err_cuts_at_a_character, err_is_always_text,
          utf8_knows_its_characters, strbuf_keeps_its_ceiling, time_formats, times_are_parsed,
          log_line_is_json, rnd_stays_in_range, metrics_text, multimap_keeps_values_by_key)
