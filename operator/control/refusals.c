/* SPDX-License-Identifier: Apache-2.0 */
#include "control/refusals.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* Less than the least back-off of control/reconcile, which is when it is to be tried again. */
#define HOLD_MS 4000

static void drop(struct refusal **list, struct refusal *refusal)
{
    LL_DELETE(*list, refusal);
    free(refusal->message);
    free(refusal);
}

void refusals_add(struct refusal **list, const struct plan_step *step, const char *reason,
                  const char *message, int64_t now)
{
    struct refusal *refusal = xcalloc(1, sizeof(*refusal) + strlen(step->name) + 1);
    refusal->kind = step->kind;
    refusal->verb = step->verb;
    refusal->desired = step->desired;
    refusal->until = now + HOLD_MS;
    refusal->reason = reason;
    refusal->message = xstrdup(message);
    memcpy(refusal->name, step->name, strlen(step->name) + 1);
    LL_PREPEND(*list, refusal);
}

const struct refusal *refusals_find(struct refusal **list, const struct plan_step *step,
                                    int64_t now)
{
    const struct refusal *found = NULL;
    struct refusal *refusal, *next;
    LL_FOREACH_SAFE(*list, refusal, next)
    {
        if (refusal->until <= now)
            drop(list, refusal);
        else if (refusal->kind == step->kind && refusal->verb == step->verb &&
                 refusal->desired == step->desired && strcmp(refusal->name, step->name) == 0)
            found = refusal;
    }
    return found;
}

void refusals_free(struct refusal **list)
{
    while (*list)
        drop(list, *list);
}
