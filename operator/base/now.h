/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Durations and deadlines use the monotonic clock; wall time is only for people and objects.
 */
#pragma once

#include "base/mem.h"

#include <stdint.h>

/* Milliseconds of the monotonic clock. */
int64_t now_ms(void);
/* Microseconds of the monotonic clock, for measuring. */
int64_t now_us(void);
/*
 * Milliseconds of a monotonic clock that goes on while the machine is suspended, which that of
 * now_ms() does not: for what others do meanwhile.
 */
int64_t now_boot_ms(void);
/* Microseconds since 1970 of the wall clock. */
int64_t now_wall_us(void);

#define NOW_TIME_LEN 28
/* metav1.Time, "2026-11-23T04:05:06Z"; the buffer holds NOW_TIME_LEN bytes. */
void now_format_time(int64_t wall_us, char *buf);
/* metav1.MicroTime, "2026-11-23T04:05:06.000007Z". */
void now_format_microtime(int64_t wall_us, char *buf);
/* Wall time of a time of RFC 3339, any zone and fraction; 0, or -1 when it is none. */
int now_parse_time(const char *text, int64_t *ret_wall_us) MUST_CHECK;

/* Tests: from here on the clocks stand at these values; negative values give the real clocks back.
 */
void now_fake(int64_t mono_ms, int64_t wall_us);
