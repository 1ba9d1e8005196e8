/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/leaserecord.h"
#include "support/json.h"
#include "support/unit.h"

#define US       "us_1"
#define FALLBACK 15000
#define DAY_US   (86400 * INT64_C(1000000))

static const struct leaserecord_claim claim = {
    .ns = "system",
    .name = "lease",
    .identity = US,
    .duration_ms = 15000,
    .wall_us = 1795500000123456,
};

static void see(struct leaserecord *record, const char *text, int64_t now_ms)
{
    json_auto_t *object = text ? json_from(text) : NULL;
    leaserecord_see(record, object, now_ms);
}

/* When a Lease that was first seen at 1000 ms is free. */
START_TEST(when_it_is_free)
{
    static const struct {
        const char *lease;
        int64_t free_at; /* 0: at once */
        const char *holder;
    } cases[] = {
        {NULL, 0, ""},
        {"{}", 0, ""},
        {"{'spec': null}", 0, ""},
        {"{'spec': 'x'}", 0, ""},
        {"{'spec': {'leaseDurationSeconds': 15}}", 0, ""},
        {"{'spec': {'holderIdentity': ''}}", 0, ""},
        {"{'spec': {'holderIdentity': 7}}", 0, ""},
        {"{'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 15}}", 16000, "a"},
        {"{'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 1}}", 2000, "a"},
        {"{'spec': {'holderIdentity': 'us_1', 'leaseDurationSeconds': 1}}", 2000, US},
        /* It does not say for how long: as long as ours would be. */
        {"{'spec': {'holderIdentity': 'a'}}", 16000, "a"},
        {"{'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 0}}", 16000, "a"},
        {"{'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': -3}}", 16000, "a"},
        {"{'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': '9'}}", 16000, "a"},
        {"{'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 1e30}}", 16000, "a"},
        {"{'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 9223372036854775807}}",
         1000 + INT64_C(2147483647) * 1000,
         "a"},
        /* Its own times are of another clock: a day ago, in a day, no time at all. */
        {"{'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 15,"
         " 'renewTime': '2001-01-01T00:00:00.000000Z'}}",
         16000,
         "a"},
        {"{'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 15,"
         " 'renewTime': '2999-01-01T00:00:00.000000Z'}}",
         16000,
         "a"},
        {"{'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 15, 'renewTime': 5}}",
         16000,
         "a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct leaserecord record = {.object = NULL};
        see(&record, cases[i].lease, 1000);
        int64_t free_at = leaserecord_free_at_ms(&record, FALLBACK);
        const char *text = cases[i].lease ? cases[i].lease : "none";
        if (cases[i].free_at)
            ck_assert_msg(free_at == cases[i].free_at, "%s: %lld", text, (long long)free_at);
        else
            ck_assert_msg(free_at < 1000, "%s: %lld", text, (long long)free_at);
        ck_assert_msg(strcmp(leaserecord_holder(&record), cases[i].holder) == 0, "%s", text);
        leaserecord_done(&record);
    }
}
END_TEST

/* What counts as a sign of life of the holder; each after {"a", renewed at t1} was seen at 1000. */
START_TEST(signs_of_life)
{
    static const char first[] =
        "{'metadata': {'resourceVersion': '1'},"
        " 'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 15, 'renewTime': 't1'}}";
    static const struct {
        const char *then;
        int64_t observed; /* having been seen at 5000 */
    } cases[] = {
        {"{'metadata': {'resourceVersion': '1'},"
         " 'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 15, 'renewTime': 't1'}}",
         1000},
        /* Somebody put a label on it. */
        {"{'metadata': {'resourceVersion': '2', 'labels': {'a': 'b'}},"
         " 'spec': {'renewTime': 't1', 'holderIdentity': 'a', 'leaseDurationSeconds': 15}}",
         1000},
        {"{'metadata': {'resourceVersion': '2'},"
         " 'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 15, 'renewTime': 't2'}}",
         5000},
        /* The holder's clock was set back. */
        {"{'metadata': {'resourceVersion': '2'},"
         " 'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 15, 'renewTime': 't0'}}",
         5000},
        {"{'metadata': {'resourceVersion': '2'},"
         " 'spec': {'holderIdentity': 'b', 'leaseDurationSeconds': 15, 'renewTime': 't1'}}",
         5000},
        {"{'metadata': {'resourceVersion': '2'}}", 5000},
        {NULL, 5000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct leaserecord record = {.object = NULL};
        see(&record, first, 1000);
        see(&record, cases[i].then, 5000);
        ck_assert_msg(
            record.observed_ms == cases[i].observed, "%s", cases[i].then ? cases[i].then : "gone");
        leaserecord_done(&record);
    }
}
END_TEST

static void assert_equal(const json_t *got, const char *expected)
{
    json_auto_t *value = json_from(expected);
    AUTO_FREE char *text = jx_canonical(got);
    AUTO_FREE char *wanted = jx_canonical(value);
    ck_assert_str_eq(text, wanted);
}

START_TEST(claims)
{
    static const struct {
        const char *lease, *claimed;
    } cases[] = {
        {NULL,
         "{'apiVersion': 'coordination.k8s.io/v1', 'kind': 'Lease',"
         " 'metadata': {'name': 'lease', 'namespace': 'system'},"
         " 'spec': {'holderIdentity': 'us_1', 'leaseDurationSeconds': 15, 'leaseTransitions': 0,"
         " 'acquireTime': '2026-11-24T06:00:00.123456Z',"
         " 'renewTime': '2026-11-24T06:00:00.123456Z'}}"},
        /* Renewed: only the time moves. What others wrote stays. */
        {"{'metadata': {'resourceVersion': '7', 'labels': {'a': 'b'}},"
         " 'spec': {'holderIdentity': 'us_1', 'leaseDurationSeconds': 15, 'leaseTransitions': 3,"
         " 'acquireTime': 't0', 'renewTime': 't1', 'strategy': 'OldestEmulationVersion'}}",
         "{'metadata': {'resourceVersion': '7', 'labels': {'a': 'b'}},"
         " 'spec': {'holderIdentity': 'us_1', 'leaseDurationSeconds': 15, 'leaseTransitions': 3,"
         " 'acquireTime': 't0', 'renewTime': '2026-11-24T06:00:00.123456Z',"
         " 'strategy': 'OldestEmulationVersion'}}"},
        /* Taken from another; from nobody; from one that makes no sense. */
        {"{'metadata': {'resourceVersion': '7'},"
         " 'spec': {'holderIdentity': 'a', 'leaseDurationSeconds': 60, 'leaseTransitions': 3,"
         " 'acquireTime': 't0', 'renewTime': 't1'}}",
         "{'metadata': {'resourceVersion': '7'},"
         " 'spec': {'holderIdentity': 'us_1', 'leaseDurationSeconds': 15, 'leaseTransitions': 4,"
         " 'acquireTime': '2026-11-24T06:00:00.123456Z',"
         " 'renewTime': '2026-11-24T06:00:00.123456Z'}}"},
        {"{'metadata': {}, 'spec': {'holderIdentity': '', 'leaseTransitions': 2147483647}}",
         "{'metadata': {}, 'spec': {'holderIdentity': 'us_1', 'leaseDurationSeconds': 15,"
         " 'leaseTransitions': 2147483647, 'acquireTime': '2026-11-24T06:00:00.123456Z',"
         " 'renewTime': '2026-11-24T06:00:00.123456Z'}}"},
        {"{'spec': []}",
         "{'spec': {'holderIdentity': 'us_1', 'leaseDurationSeconds': 15, 'leaseTransitions': 1,"
         " 'acquireTime': '2026-11-24T06:00:00.123456Z',"
         " 'renewTime': '2026-11-24T06:00:00.123456Z'}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct leaserecord record = {.object = NULL};
        see(&record, cases[i].lease, 1000);
        json_auto_t *object = leaserecord_claim(&record, &claim);
        assert_equal(object, cases[i].claimed);
        /* What was read is not changed by it. */
        if (cases[i].lease)
            assert_equal(record.object, cases[i].lease);
        leaserecord_done(&record);
    }
}
END_TEST

START_TEST(release)
{
    struct leaserecord record = {.object = NULL};
    see(&record,
        "{'metadata': {'resourceVersion': '7', 'annotations': {'a': 'b'}},"
        " 'spec': {'holderIdentity': 'us_1', 'leaseDurationSeconds': 15, 'leaseTransitions': 3,"
        " 'acquireTime': 't0', 'renewTime': 't1'}}",
        1000);
    json_auto_t *object = leaserecord_release(&record, claim.wall_us);
    assert_equal(object,
                 "{'metadata': {'resourceVersion': '7', 'annotations': {'a': 'b'}},"
                 " 'spec': {'holderIdentity': '', 'leaseDurationSeconds': 1, 'leaseTransitions': 3,"
                 " 'acquireTime': '2026-11-24T06:00:00.123456Z',"
                 " 'renewTime': '2026-11-24T06:00:00.123456Z'}}");
    /* Whoever sees that may take it at once, and counts the change. */
    struct leaserecord other = {.object = NULL};
    leaserecord_see(&other, object, 9000);
    ck_assert_int_lt(leaserecord_free_at_ms(&other, FALLBACK), 9000);
    struct leaserecord_claim theirs = claim;
    theirs.identity = "them";
    json_auto_t *taken = leaserecord_claim(&other, &theirs);
    ck_assert_int_eq(jx_int(taken, "spec.leaseTransitions", 0), 4);
    leaserecord_done(&other);
    leaserecord_done(&record);
}
END_TEST

/* The wall clock of whoever claims is written down, and decides nothing. */
START_TEST(skewed_clock)
{
    for (int days = -1; days <= 1; days++) {
        struct leaserecord_claim skewed = claim;
        skewed.wall_us += days * DAY_US;
        struct leaserecord record = {.object = NULL};
        json_auto_t *object = leaserecord_claim(&record, &skewed);
        leaserecord_see(&record, object, 1000);
        ck_assert_int_eq(leaserecord_free_at_ms(&record, FALLBACK), 16000);
        leaserecord_done(&record);
    }
}
END_TEST

UNIT_MAIN("leaserecord", when_it_is_free, signs_of_life, claims, release, skewed_clock)
