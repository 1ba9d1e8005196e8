/* SPDX-License-Identifier: Apache-2.0 */
#include "control/fights.h"

#include "base/log.h"
#include "base/now.h"

#include <utlist.h>

bool fights_hold(struct store_gateway *gw, const struct plan_step *step, bool processed)
{
    struct contest *contest = contest_find(gw->contests, step->kind, step->name);
    bool repair = step->repair || (step->verb == PLAN_CREATE && processed);
    if (!contest || !repair)
        return false;
    const struct store_child *child = store_child_find(gw, step->kind, step->name);
    bool known = contest->fight;
    bool held = contest_hold(contest, child ? child->drifted : NULL, now_ms());
    if (contest->fight && !known) {
        AUTO_FREE char *text = contest_text(contest);
        LOG_WARN("child is fought over",
                 LS("object", gw->key),
                 LS("kind", step->kind->kind),
                 LS("reason", text));
    }
    return held;
}

void fights_remember(struct store_gateway *gw, const struct plan_step *step)
{
    if (step->effect != PLAN_EFFECT_REPAIRED)
        return;
    const struct store_child *child = store_child_find(gw, step->kind, step->name);
    contest_repaired(&gw->contests, step->kind, step->name, child && child->restless, now_ms());
}

int64_t fights_tell(struct store_gateway *gw, struct failures *failures)
{
    int64_t now = now_ms(), soonest = 0;
    contest_sweep(&gw->contests, now);
    struct contest *contest;
    LL_FOREACH (gw->contests, contest) {
        if (!contest->fight)
            continue;
        const struct plan_step about = {.kind = contest->kind, .name = contest->name};
        AUTO_FREE char *text = contest_text(contest);
        failures_add(failures, &about, "Contested", text);
        int64_t next = contest_next(contest, now);
        if (soonest == 0 || next < soonest)
            soonest = next;
    }
    return soonest;
}

size_t fights_count(const struct store *store)
{
    size_t count = 0;
    const struct store_gateway *gw, *next;
    HASH_ITER (hh, store->gateways, gw, next) {
        const struct contest *contest;
        LL_FOREACH (gw->contests, contest)
            count += contest->fight;
    }
    return count;
}
