/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/leaserecord.h"

#include "base/now.h"

#include <string.h>

void leaserecord_see(struct leaserecord *record, json_t *object, int64_t now_ms)
{
    bool same = record->object && object &&
                jx_equal(jx_get(record->object, "spec"), jx_get(object, "spec"));
    if (!same)
        record->observed_ms = now_ms;
    json_t *before = record->object;
    record->object = json_incref(object);
    json_decref(before);
}

void leaserecord_done(struct leaserecord *record)
{
    json_decref(record->object);
    *record = (struct leaserecord){.object = NULL};
}

const char *leaserecord_holder(const struct leaserecord *record)
{
    return jx_str(record->object, "spec.holderIdentity", "");
}

int64_t leaserecord_free_at_ms(const struct leaserecord *record, int fallback_ms)
{
    if (leaserecord_holder(record)[0] == '\0')
        return record->observed_ms - 1;
    json_int_t seconds = jx_int(record->object, "spec.leaseDurationSeconds", 0);
    if (seconds <= 0)
        return record->observed_ms + fallback_ms;
    return record->observed_ms + (seconds < INT32_MAX ? seconds : INT32_MAX) * 1000;
}

static json_t *copy_of(const struct leaserecord *record, const struct leaserecord_claim *claim)
{
    if (record->object)
        return json_deep_copy(record->object);
    return OBJ(F("apiVersion", object_api_version(&object_lease)),
               F("kind", STR(object_lease.kind)),
               F("metadata", OBJ(F("name", STR(claim->name)), F("namespace", STR(claim->ns)))));
}

json_t *leaserecord_claim(const struct leaserecord *record, const struct leaserecord_claim *claim)
{
    char now[NOW_TIME_LEN];
    now_format_microtime(claim->wall_us, now);
    json_t *object = copy_of(record, claim);
    bool ours = strcmp(leaserecord_holder(record), claim->identity) == 0;
    if (!ours || !jx_get(object, "spec.acquireTime"))
        jx_set(object, "spec.acquireTime", STR(now));
    json_int_t transitions = jx_int(object, "spec.leaseTransitions", 0);
    if (record->object && !ours && transitions < INT32_MAX)
        transitions++;
    jx_set(object, "spec.leaseTransitions", INT(transitions));
    jx_set(object, "spec.holderIdentity", STR(claim->identity));
    jx_set(object, "spec.leaseDurationSeconds", INT(claim->duration_ms / 1000));
    jx_set(object, "spec.renewTime", STR(now));
    return object;
}

/* A second is the shortest time that the API server takes. */
json_t *leaserecord_release(const struct leaserecord *record, int64_t wall_us)
{
    char now[NOW_TIME_LEN];
    now_format_microtime(wall_us, now);
    json_t *object = json_deep_copy(record->object);
    jx_set(object, "spec.holderIdentity", STR(""));
    jx_set(object, "spec.leaseDurationSeconds", INT(1));
    jx_set(object, "spec.acquireTime", STR(now));
    jx_set(object, "spec.renewTime", STR(now));
    return object;
}
