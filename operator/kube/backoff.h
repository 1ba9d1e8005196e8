/* SPDX-License-Identifier: Apache-2.0 */
/* Exponential back-off with jitter. */
#pragma once

#include <stdint.h>

struct backoff {
    int min_ms, max_ms;
    int step_ms; /* of the last failure; 0: all was well, set to start anew */
};

/* How long to wait now: from the step, which doubles, to twice as much, so that many clients do not
   come back as one. */
int64_t backoff_next(struct backoff *backoff);
