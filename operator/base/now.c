/* SPDX-License-Identifier: Apache-2.0 */
#include "base/now.h"

#include <stdio.h>
#include <time.h>

static int64_t fake_mono_ms = -1;
static int64_t fake_wall_us = -1;

static int64_t clock_us(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t now_us(void)
{
    return fake_mono_ms >= 0 ? fake_mono_ms * 1000 : clock_us(CLOCK_MONOTONIC);
}

int64_t now_ms(void)
{
    return now_us() / 1000;
}

int64_t now_wall_us(void)
{
    return fake_wall_us >= 0 ? fake_wall_us : clock_us(CLOCK_REALTIME);
}

static struct tm utc(int64_t wall_us)
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    return tm;
}

void now_format_time(int64_t wall_us, char *buf)
{
    struct tm tm = utc(wall_us);
    strftime(buf, NOW_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void now_format_microtime(int64_t wall_us, char *buf)
{
    struct tm tm = utc(wall_us);
    size_t n = strftime(buf, NOW_TIME_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf + n, NOW_TIME_LEN - n, ".%06dZ", (int)(wall_us % 1000000));
}

void now_fake(int64_t mono_ms, int64_t wall_us)
{
    fake_mono_ms = mono_ms;
    fake_wall_us = wall_us;
}
