/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/backoff.h"

#include "base/rnd.h"

int64_t backoff_after(struct backoff *backoff, const struct err *err)
{
    int64_t step = backoff->step_ms ? 2 * (int64_t)backoff->step_ms : backoff->min_ms;
    backoff->step_ms = (int)(step < backoff->max_ms ? step : backoff->max_ms);
    int64_t most = backoff->unauthorized_ms;
    int64_t delay = err->http == 401 && backoff->step_ms > most
                        ? rnd_between(most / 2, most)
                        : rnd_between(backoff->step_ms, 2 * (int64_t)backoff->step_ms);
    return delay > err->retry_ms ? delay : err->retry_ms;
}
