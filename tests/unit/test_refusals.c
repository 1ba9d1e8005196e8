/* SPDX-License-Identifier: Apache-2.0 */
#include "control/refusals.h"
#include "support/unit.h"

static struct plan_step step(enum plan_verb verb, const char *name, uint64_t desired)
{
    return (struct plan_step){
        .verb = verb, .kind = &object_service, .name = (char *)(uintptr_t)name, .desired = desired};
}

START_TEST(the_same_step_waits_a_moment)
{
    struct refusal *list = NULL;
    const struct plan_step refused = step(PLAN_APPLY, "gw", 7);
    refusals_add(&list, &refused, "Denied", "no right", 1000);
    const struct refusal *found = refusals_find(&list, &refused, 4999);
    ck_assert_str_eq(found->reason, "Denied");
    ck_assert_str_eq(found->message, "no right");
    ck_assert_ptr_null(refusals_find(&list, &refused, 5000));
    ck_assert_ptr_null(list);
}
END_TEST

START_TEST(another_step_does_not)
{
    struct refusal *list = NULL;
    const struct plan_step refused = step(PLAN_APPLY, "gw", 7);
    const struct plan_step others[] = {
        step(PLAN_DELETE, "gw", 7), step(PLAN_APPLY, "other", 7), step(PLAN_APPLY, "gw", 8)};
    refusals_add(&list, &refused, "Denied", "no right", 0);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        ck_assert_ptr_null(refusals_find(&list, &others[i], 1));
    ck_assert_ptr_nonnull(refusals_find(&list, &refused, 1));
    refusals_free(&list);
}
END_TEST

UNIT_MAIN("refusals", the_same_step_waits_a_moment, another_step_does_not)
