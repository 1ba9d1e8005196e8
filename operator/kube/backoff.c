/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/backoff.h"

#include "base/rnd.h"

int64_t backoff_next(struct backoff *backoff)
{
    int64_t step = backoff->step_ms ? 2 * (int64_t)backoff->step_ms : backoff->min_ms;
    backoff->step_ms = (int)(step < backoff->max_ms ? step : backoff->max_ms);
    return rnd_between(backoff->step_ms, 2 * (int64_t)backoff->step_ms);
}
