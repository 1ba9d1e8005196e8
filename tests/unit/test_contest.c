/* SPDX-License-Identifier: Apache-2.0 */
#include "control/contest.h"
#include "control/observe.h"
#include "support/cluster.h"
#include "support/unit.h"

#include <string.h>

#define FIELD "spec.selector.gateway-name"

static struct contest *list;

static struct contest *service(void)
{
    return contest_find(list, &object_service, "gw");
}

static void repair(int times, bool restless, int64_t now)
{
    for (int i = 0; i < times; i++)
        contest_repaired(&list, &object_service, "gw", restless, now);
}

/* The field differs: may it be repaired? */
static bool may_repair(int64_t now)
{
    contest_begin(list);
    return !contest_hold(service(), FIELD, now);
}

static void begin_fight(int64_t now)
{
    repair(10, false, now);
    ck_assert(!may_repair(now));
}

START_TEST(ten_repairs_a_minute_are_a_fight)
{
    repair(9, false, 1000);
    ck_assert(may_repair(1000));
    repair(1, false, 61000);
    ck_assert(!may_repair(61000));
    ck_assert(service()->fight);
    contest_free(&list);
    /* More slowly they are none. */
    for (int i = 0; i < 100; i++) {
        repair(1, false, i * INT64_C(7000));
        ck_assert(may_repair(i * INT64_C(7000)));
    }
    contest_free(&list);
}
END_TEST

START_TEST(each_child_by_itself)
{
    begin_fight(0);
    ck_assert_ptr_null(contest_find(list, &object_service, "other"));
    ck_assert_ptr_null(contest_find(list, &object_deployment, "gw"));
    contest_free(&list);
}
END_TEST

START_TEST(two_answers_that_differ_are_a_fight)
{
    repair(1, true, 0);
    ck_assert(may_repair(0));
    repair(1, true, 0);
    ck_assert(!may_repair(0));
    contest_free(&list);
}
END_TEST

START_TEST(tries_become_rare)
{
    static const int64_t pauses[] = {10, 20, 40, 80, 160, 300, 300};
    int64_t now = 5000;
    begin_fight(now);
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
        int64_t due = now + pauses[i] * 1000;
        ck_assert(!may_repair(due - 1));
        ck_assert_int_eq(contest_next(service(), due - 1), 1);
        contest_sweep(&list, due - 1); /* it goes on, however long the pause */
        ck_assert(may_repair(due));
        repair(1, false, due);
        now = due;
    }
    contest_free(&list);
}
END_TEST

START_TEST(a_repair_that_lasts_ends_it)
{
    begin_fight(0);
    ck_assert(may_repair(10000));
    repair(1, false, 10000);
    contest_begin(list); /* passes that find it in step */
    ck_assert_int_eq(contest_next(service(), 10000), 30000);
    contest_sweep(&list, 39999);
    ck_assert_ptr_nonnull(service());
    contest_sweep(&list, 40000);
    ck_assert_ptr_null(service());
}
END_TEST

START_TEST(what_is_no_fight_is_forgotten_after_a_minute)
{
    repair(3, false, 0);
    contest_sweep(&list, 60000);
    ck_assert_ptr_nonnull(service());
    contest_sweep(&list, 60001);
    ck_assert_ptr_null(service());
}
END_TEST

static void check_text(const char *field, bool restless, const char *want)
{
    repair(10, restless, 0);
    ck_assert(contest_hold(service(), field, 0));
    AUTO_FREE char *text = contest_text(service());
    ck_assert_msg(strncmp(text, want, strlen(want)) == 0, "%s", text);
    /* What differs later changes nothing: the status would change with it all the time. */
    ck_assert(contest_hold(service(), "spec.ports", 0));
    AUTO_FREE char *again = contest_text(service());
    ck_assert_str_eq(again, text);
    contest_free(&list);
}

START_TEST(texts)
{
    check_text(FIELD, false, "somebody else keeps changing " FIELD " back; see its managedFields.");
    check_text(FIELD, true, "admission sets " FIELD " to another value at every write;");
    check_text(NULL, false, "somebody else keeps deleting it;");
}
END_TEST

/* Our apply is answered with this number of replicas. */
static void answer(struct store_gateway *gw, const struct plan_step *step, int replicas)
{
    json_auto_t *object = cluster_stored(step, "200");
    jx_set(object, "spec.replicas", INT(replicas));
    observe_applied(gw, step->kind, step->body, step->desired, object);
}

START_TEST(answers_that_differ_are_noticed)
{
    struct store store = {.gateways = NULL};
    json_auto_t *object = cluster_gateway("u1", "{'type':'ingress','ports':[]}");
    struct store_gateway *gw = store_put(&store, object);
    struct plan plan;
    cluster_plan(gw, &plan);
    const struct plan_step *step = plan.steps;
    while (step->kind != &object_deployment)
        step++;
    answer(gw, step, 1);
    const struct store_child *child = store_child_find(gw, &object_deployment, "gw");
    ck_assert_ptr_null(child->drifted);
    answer(gw, step, 3);
    ck_assert(child->restless); /* the first value, or a new one: nobody knows */
    ck_assert_str_eq(child->drifted, "spec.replicas");
    answer(gw, step, 3);
    ck_assert(!child->restless); /* a constant */
    answer(gw, step, 4);
    ck_assert(child->restless);
    answer(gw, step, 1);
    ck_assert(!child->restless); /* admission has come to rest */
    ck_assert_ptr_null(child->drifted);
    plan_done(&plan);
    store_done(&store);
}
END_TEST

UNIT_MAIN("contest", ten_repairs_a_minute_are_a_fight, each_child_by_itself,
          two_answers_that_differ_are_a_fight, tries_become_rare, a_repair_that_lasts_ends_it,
          what_is_no_fight_is_forgotten_after_a_minute, texts, answers_that_differ_are_noticed)
