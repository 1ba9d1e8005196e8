/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To be preloaded: the wall clock, and only that, is off by the seconds in the file $CLOCKSHIFT,
 * which may change at any time.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift(void)
{
    long seconds = 0;
    const char *path = getenv("CLOCKSHIFT");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file)
        return 0;
    char line[32];
    if (fgets(line, sizeof(line), file))
        seconds = strtol(line, NULL, 10);
    fclose(file);
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    int result = (int)syscall(SYS_clock_gettime, clock, ts);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ts->tv_sec += shift();
    return result;
}

int gettimeofday(struct timeval *tv, void *zone)
{
    struct timespec ts;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (ret)
        *ret = ts.tv_sec;
    return ts.tv_sec;
}
