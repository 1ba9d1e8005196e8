/* SPDX-License-Identifier: Apache-2.0 */
#include "base/now.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
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

int64_t now_boot_ms(void)
{
    return fake_mono_ms >= 0 ? fake_mono_ms : clock_us(CLOCK_BOOTTIME) / 1000;
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

/* Two digits and what follows them, or NULL. */
static const char *two_digits(const char *text, int *ret)
{
    if (!isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[1]))
        return NULL;
    *ret = (text[0] - '0') * 10 + (text[1] - '0');
    return text + 2;
}

/* "Z" or "+hh:mm" at the end; the offset in seconds. */
static int parse_zone(const char *text, int64_t *ret)
{
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        *ret = 0;
        return 0;
    }
    int hours, minutes;
    const char *at = text[0] == '+' || text[0] == '-' ? two_digits(text + 1, &hours) : NULL;
    at = at && *at == ':' ? two_digits(at + 1, &minutes) : NULL;
    if (!at || *at || hours > 23 || minutes > 59)
        return -1;
    int seconds = (hours * 60 + minutes) * 60;
    *ret = text[0] == '-' ? -seconds : seconds;
    return 0;
}

int now_parse_time(const char *text, int64_t *ret_wall_us)
{
    struct tm tm = {.tm_sec = 0};
    const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!at || at - text != 19)
        return -1;
    int64_t fraction = 0;
    if (*at == '.') {
        if (!isdigit((unsigned char)*++at))
            return -1;
        for (int64_t unit = 100000; isdigit((unsigned char)*at); at++, unit /= 10)
            fraction += (*at - '0') * unit;
    }
    int64_t zone;
    if (parse_zone(at, &zone) < 0)
        return -1;
    *ret_wall_us = ((int64_t)timegm(&tm) - zone) * 1000000 + fraction;
    return 0;
}

void now_fake(int64_t mono_ms, int64_t wall_us)
{
    fake_mono_ms = mono_ms;
    fake_wall_us = wall_us;
}
