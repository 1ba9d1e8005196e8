/* SPDX-License-Identifier: Apache-2.0 */
#include "control/holds.h"

#include "control/certs.h"
#include "control/injectors.h"
#include "control/rolls.h"

/* Of the step that makes or changes the Deployment; plan->count when there is none. */
static size_t index_of_deployment(const struct plan *plan)
{
    size_t i = 0;
    while (i < plan->count && (plan->steps[i].kind != &object_deployment || !plan->steps[i].body))
        i++;
    return i;
}

/*
 * Pods that come up without injection never start, so none are made while none would be filled in.
 * False while it is not known whether they would.
 */
static bool look_at_injection(const struct holds_input *in, struct plan *plan,
                              struct failures *failures, struct injection_verdict *ret)
{
    json_auto_t *deployment =
        plan_desired(in->gw, NULL, &object_deployment, in->gw->name, in->known);
    const json_t *labels = jx_object(deployment, "spec.template.metadata.labels");
    if (!injectors_check(in->around->injectors, in->gw, labels, ret))
        return false;
    size_t i = index_of_deployment(plan);
    if (ret->answer == INJECTION_NOT_READY && i < plan->count) {
        failures_add(failures,
                     &plan->steps[i],
                     "InjectionNotReady",
                     "waits for a webhook of Istio that fills in its pods");
        plan_drop(plan, i);
    }
    return true;
}

/* A spec that the original operator was in step with is processed, though not by us. */
static bool is_taken_over(const struct holds_input *in)
{
    const struct store_child *child = store_child_find(in->known, &object_deployment, in->gw->name);
    return child && child->marked && !jx_get(in->gw->object, "status.observedGeneration");
}

/* See control/rolls.h: only some gateways at a time replace their pods for others' reasons. */
static bool must_wait_to_roll(const struct holds_input *in, struct plan *plan)
{
    size_t i = index_of_deployment(plan);
    if (i == plan->count || !plan->steps[i].rolls || (!in->processed && !is_taken_over(in)) ||
        rolls_enter(in->around->rolls, in->known))
        return false;
    plan_drop(plan, i);
    return true;
}

/*
 * cert-manager takes up a request at once, and again after five seconds when the Issuer's account
 * was not there yet. A Certificate of our own Issuer is made when that is Ready; its event calls
 * for the next pass.
 */
static void wait_for_issuer(const struct holds_input *in, struct plan *plan)
{
    if (!in->gw->acme || certs_issuer_is_ready(in->around->certs, in->gw))
        return;
    for (size_t i = plan->count; i > 0; i--)
        if (plan->steps[i - 1].kind == &object_certificate &&
            plan->steps[i - 1].verb == PLAN_CREATE)
            plan_drop(plan, i - 1);
}

bool holds_apply(const struct holds_input *in, struct plan *plan, struct failures *failures,
                 struct holds *ret)
{
    if (in->gw->injected && !look_at_injection(in, plan, failures, &ret->injection))
        return false;
    if (in->gw->paused && plan->count > 0) {
        ret->paused = true;
        plan_done(plan);
    }
    ret->waits_to_roll = must_wait_to_roll(in, plan);
    wait_for_issuer(in, plan);
    return true;
}

void holds_done(struct holds *holds)
{
    injection_verdict_done(&holds->injection);
}
