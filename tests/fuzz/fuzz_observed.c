/* SPDX-License-Identifier: Apache-2.0 */
/*
 * {"desired": …, "live": …, "webhooks": […], "pod": …}: what others wrote, read by what decides
 * about it, which gives the same answer each time and leaves it as it is.
 */
#include "fuzz.h"

#include "control/drift.h"
#include "control/facts.h"
#include "control/injection.h"
#include "control/managed.h"
#include "control/takeover.h"
#include "kube/leaserecord.h"

#include <stdlib.h>
#include <string.h>

static void drift(const json_t *desired, const json_t *live)
{
    require(drift_digest(desired, live) == drift_digest(desired, live));
    free(drift_field(desired, live));
    (void)managed_left_over(desired, live, FACTS_MANAGER);
    json_auto_t *patch = takeover_patch(live, "u");
    require(!patch ||
            json_is_array(json_object_get(jx_object(patch, "metadata"), "managedFields")));
    (void)takeover_is_untracked(live);
    (void)takeover_is_marked(live);
}

static void facts(const json_t *live)
{
    static const struct object_kind *const kinds[] = {
        &object_deployment, &object_service, &object_hpa};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        json_auto_t *remembered = facts_of(kinds[i], live);
        require(!facts_is_rolled_out(remembered) || !facts_is_replacing(remembered));
    }
}

/* A Lease that makes no sense can be taken, kept and given back like any other. */
static void lease(json_t *live)
{
    const struct leaserecord_claim claim = {
        .ns = "n", .name = "l", .identity = "us", .duration_ms = 15000, .wall_us = 1};
    struct leaserecord record = {.object = NULL};
    leaserecord_see(&record, live, 1000);
    require(leaserecord_free_at_ms(&record, 15000) >= 999);
    json_auto_t *ours = leaserecord_claim(&record, &claim);
    leaserecord_see(&record, ours, 2000);
    require(strcmp(leaserecord_holder(&record), "us") == 0);
    require(leaserecord_free_at_ms(&record, 1) == record.observed_ms + 15000);
    json_auto_t *released = leaserecord_release(&record, 2);
    leaserecord_see(&record, released, 3000);
    require(leaserecord_holder(&record)[0] == '\0');
    leaserecord_done(&record);
}

static void injection(const json_t *input)
{
    json_auto_t *injectors = json_array();
    size_t i;
    json_t *webhooks;
    json_array_foreach (jx_array(input, "webhooks"), i, webhooks) {
        json_t *kept = injection_of_webhooks(webhooks);
        if (kept)
            json_array_append_new(injectors, kept);
    }
    json_auto_t *ns_labels = injection_of_namespace(json_object_get(input, "live"));
    json_decref(injection_of_pod(json_object_get(input, "pod")));
    const struct injection_input in = {.injectors = injectors,
                                       .ns = "default",
                                       .ns_labels = ns_labels,
                                       .pod_labels = jx_object(input, "pod.metadata.labels"),
                                       .revision = jx_str(input, "revision", "")};
    AUTO_VERDICT struct injection_verdict verdict = {.message = NULL};
    injection_check(&in, &verdict);
    require(verdict.answer == INJECTION_READY || verdict.reason);
    (void)injection_tagged(injectors, in.revision);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *input = jx_parse((const char *)data, size, NULL);
    const json_t *desired = json_object_get(input, "desired");
    json_t *live = json_object_get(input, "live");
    if (!json_is_object(desired) || !json_is_object(live))
        return 0;
    json_auto_t *before = json_deep_copy(input);
    drift(desired, live);
    facts(live);
    lease(live);
    injection(input);
    require(json_equal(input, before));
    return 0;
}
