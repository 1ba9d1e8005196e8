/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"
#include "base/strbuf.h"
#include "control/rolls.h"
#include "support/cluster.h"
#include "support/unit.h"

#include <string.h>

#define STEADY                                                                                     \
    "{'generation':1,'observedGeneration':1,'wanted':2,'replicas':2,'updated':2,'available':2}"
#define APPLIED                                                                                    \
    "{'generation':2,'observedGeneration':1,'wanted':2,'replicas':2,'updated':2,'available':2}"
#define UNDER_WAY                                                                                  \
    "{'generation':2,'observedGeneration':2,'wanted':2,'replicas':3,'updated':1,'available':2}"
#define ROLLED                                                                                     \
    "{'generation':2,'observedGeneration':2,'wanted':2,'replicas':2,'updated':2,'available':2}"
#define STUCK                                                                                      \
    "{'generation':2,'observedGeneration':2,'wanted':2,'replicas':3,'updated':1,'available':2,"    \
    "'problem':'no quota'}"
#define DOWN                                                                                       \
    "{'generation':1,'observedGeneration':1,'wanted':2,'replicas':2,'updated':2,'available':0}"

static struct store store;
static struct rolls *rolls;
static struct strbuf woken = STRBUF_INIT(256); /* keys, each with a space behind it */

static void wake(void *arg, const char *key)
{
    (void)arg;
    strbuf_addf(&woken, "%s ", key);
}

static struct store_gateway *add(const char *name, const char *deployment)
{
    json_auto_t *object = cluster_gateway(name, "{'type':'ingress','ports':[]}");
    jx_set(object, "metadata.name", STR(name));
    struct store_gateway *gw = store_put(&store, object);
    struct store_child *child = store_child_put(gw, &object_deployment, name);
    child->owned = true;
    json_auto_t *facts = cluster_json(deployment);
    free(child->facts);
    child->facts = jx_compact(facts);
    return gw;
}

static void set_up(const char *limit)
{
    store = (struct store){.gateways = NULL};
    woken = (struct strbuf)STRBUF_INIT(256);
    struct rolls_limit parsed;
    ck_assert_int_eq(rolls_parse_limit(limit, &parsed), 0);
    rolls = rolls_new(&store, &parsed, wake, NULL);
}

static void tear_down(void)
{
    rolls_free(rolls);
    strbuf_done(&woken);
    store_done(&store);
    metrics_reset();
}

/* The pass that had the turn applies its Deployment, which rolls. */
static void roll(const char *key, const char *name)
{
    add(name, APPLIED);
    rolls_passed(rolls, key);
}

START_TEST(limits)
{
    static const char *const wrong[] = {"", "0", "0%", "101%", "-1", "+1", " 1", "1 ", "x", "%"};
    struct rolls_limit limit;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        ck_assert_int_eq(rolls_parse_limit(wrong[i], &limit), -1);
    ck_assert_int_eq(rolls_parse_limit("3", &limit), 0);
    ck_assert(limit.count == 3 && !limit.percent);
    ck_assert_int_eq(rolls_parse_limit("100%", &limit), 0);
    ck_assert(limit.count == 100 && limit.percent);
}
END_TEST

START_TEST(the_next_begins_when_one_is_available)
{
    set_up("1");
    const struct store_gateway *a = add("a", STEADY);
    const struct store_gateway *b = add("b", STEADY);
    const struct store_gateway *c = add("c", STEADY);
    ck_assert(rolls_enter(rolls, a));
    ck_assert(!rolls_enter(rolls, b));
    ck_assert(!rolls_enter(rolls, c));
    ck_assert(rolls_enter(rolls, a)); /* has the turn already */
    roll("default/a", "a");
    ck_assert_str_eq(woken.text, "");
    add("a", UNDER_WAY);
    rolls_look(rolls, "default/a");
    ck_assert_str_eq(woken.text, "");
    add("a", ROLLED);
    rolls_look(rolls, "default/a");
    ck_assert_str_eq(woken.text, "default/b ");
    ck_assert(rolls_enter(rolls, b));
    ck_assert(!rolls_enter(rolls, c));
    tear_down();
}
END_TEST

START_TEST(one_that_gets_stuck_keeps_the_turn)
{
    set_up("1");
    const struct store_gateway *a = add("a", STEADY);
    const struct store_gateway *b = add("b", STEADY);
    ck_assert(rolls_enter(rolls, a));
    ck_assert(!rolls_enter(rolls, b));
    roll("default/a", "a");
    add("a", STUCK);
    rolls_look(rolls, "default/a");
    ck_assert_str_eq(woken.text, "");
    ck_assert(!rolls_enter(rolls, b));
    tear_down();
}
END_TEST

START_TEST(a_turn_that_is_not_needed_goes_on)
{
    set_up("1");
    const struct store_gateway *a = add("a", STEADY);
    const struct store_gateway *b = add("b", STEADY);
    const struct store_gateway *c = add("c", STEADY);
    ck_assert(rolls_enter(rolls, a));
    ck_assert(!rolls_enter(rolls, b));
    ck_assert(!rolls_enter(rolls, c));
    /* News of a Deployment before the pass has ended are not the roll's. */
    rolls_look(rolls, "default/a");
    ck_assert_str_eq(woken.text, "");
    rolls_passed(rolls, "default/a"); /* the apply changed nothing */
    ck_assert_str_eq(woken.text, "default/b ");
    rolls_passed(rolls, "default/b"); /* the mesh changed back meanwhile */
    ck_assert_str_eq(woken.text, "default/b default/c ");
    tear_down();
}
END_TEST

START_TEST(a_gateway_that_is_deleted_gives_its_turn_away)
{
    set_up("1");
    struct store_gateway *a = add("a", STEADY);
    const struct store_gateway *b = add("b", STEADY);
    struct store_gateway *c = add("c", STEADY);
    ck_assert(rolls_enter(rolls, a));
    ck_assert(!rolls_enter(rolls, c));
    ck_assert(!rolls_enter(rolls, b));
    store_remove(&store, c); /* while it waits */
    rolls_look(rolls, "default/c");
    store_remove(&store, a); /* while it rolls */
    rolls_look(rolls, "default/a");
    ck_assert_str_eq(woken.text, "default/b ");
    tear_down();
}
END_TEST

START_TEST(percentages_are_of_all_gateways_and_at_least_one)
{
    set_up("10%");
    char name[8];
    const struct store_gateway *all[25];
    for (int i = 0; i < 25; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        all[i] = add(name, STEADY);
    }
    for (int i = 0; i < 25; i++)
        ck_assert_int_eq(rolls_enter(rolls, all[i]), i < 3);
    tear_down();
    set_up("1%");
    ck_assert(rolls_enter(rolls, add("a", STEADY)));
    ck_assert(!rolls_enter(rolls, add("b", STEADY)));
    tear_down();
}
END_TEST

START_TEST(what_serves_nothing_needs_no_turn)
{
    set_up("1");
    ck_assert(rolls_enter(rolls, add("a", STEADY)));
    ck_assert(rolls_enter(rolls, add("b", DOWN)));
    ck_assert(!rolls_enter(rolls, add("c", STEADY)));
    tear_down();
}
END_TEST

START_TEST(what_rolls_at_the_start_counts)
{
    set_up("1");
    add("a", UNDER_WAY);
    add("b", STUCK); /* for whatever reason, that was before us */
    add("c", STEADY);
    rolls_start(rolls);
    const struct store_gateway *c = store_find(&store, "default/c");
    ck_assert(!rolls_enter(rolls, c));
    add("a", ROLLED);
    rolls_look(rolls, "default/a");
    ck_assert_str_eq(woken.text, "default/c ");
    tear_down();
}
END_TEST

UNIT_MAIN("rolls", limits, the_next_begins_when_one_is_available,
          one_that_gets_stuck_keeps_the_turn, a_turn_that_is_not_needed_goes_on,
          a_gateway_that_is_deleted_gives_its_turn_away,
          percentages_are_of_all_gateways_and_at_least_one, what_serves_nothing_needs_no_turn,
          what_rolls_at_the_start_counts)
