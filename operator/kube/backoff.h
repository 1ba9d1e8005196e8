/* SPDX-License-Identifier: Apache-2.0 */
/* Exponential back-off with jitter. */
#pragma once

#include "base/err.h"

#include <stdint.h>

struct backoff {
    int min_ms, max_ms;
    int unauthorized_ms; /* the longest after a 401: a new token may be there at any time */
    int step_ms;         /* of the last failure; 0: all was well, set to start anew */
};

/*
 * How long to wait after this failure: from the step, which doubles, to twice as much, so that many
 * clients do not come back as one; but as long as the server asked for.
 */
int64_t backoff_after(struct backoff *backoff, const struct err *err);
