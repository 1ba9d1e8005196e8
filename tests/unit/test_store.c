/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "base/metrics.h"
#include "base/now.h"
#include "control/gauges.h"
#include "control/meshes.h"
#include "control/observe.h"
#include "control/store.h"
#include "support/cluster.h"
#include "support/unit.h"

#include <string.h>

static struct store store;

static json_t *service(const char *uid, const char *version)
{
    return OBJ(F("metadata",
                 OBJ(F("name", STR("gw")),
                     F("namespace", STR("default")),
                     F("uid", STR(uid)),
                     F("resourceVersion", STR(version)))));
}

/* The API server stores it, so it must come back. */
START_TEST(keeps_a_nul_in_an_annotation)
{
    store = (struct store){.gateways = NULL};
    json_auto_t *object = cluster_gateway("u1", "{'type':'ingress','ports':[]}");
    jx_set(object, "metadata.annotations", OBJ(F("a", json_stringn("x\0y", 3))));
    const struct store_gateway *gw = store_put(&store, object);
    json_auto_t *back = store_object(gw);
    ck_assert(json_equal(back, object));
    store_done(&store);
}
END_TEST

/* An answer may be older than the full set, whose sweep then must remove what it lacks. */
START_TEST(only_the_watch_sees)
{
    store = (struct store){.gateways = NULL};
    json_auto_t *object = cluster_gateway("u1", "{'type':'ingress','ports':[]}");
    struct store_gateway *gw = store_put(&store, object);
    ck_assert(!gw->seen);
    json_auto_t *answer = service("s1", "7");
    observe_applied(gw, &object_service, answer, jx_digest(answer), answer);
    const struct store_child *child = store_child_find(gw, &object_service, "gw");
    ck_assert_ptr_nonnull(child);
    ck_assert(!child->seen);
    struct config config;
    config_init(&config);
    struct meshes *meshes = meshes_new(&(struct meshes_options){.config = &config});
    const struct around around = {.meshes = meshes};
    observe_changed(&store, &around, &object_service, answer); /* the same version again */
    meshes_free(meshes);
    ck_assert(child->seen);
    config_done(&config);
    store_done(&store);
}
END_TEST

START_TEST(intent_is_all_but_status_and_bookkeeping)
{
    static const struct {
        const char *path, *value;
        bool same;
    } rows[] = {
        {"status", "{'Status':'Available'}", true},
        {"metadata.resourceVersion", "'99'", true},
        {"metadata.managedFields", "[{}]", true},
        {"metadata.uid", "'u2'", false},
        {"metadata.generation", "2", false},
        {"metadata.deletionTimestamp", "'2026-11-23T04:05:06Z'", false},
        {"metadata.annotations", "{'meshgateway.banzaicloud.io/paused':'true'}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *a = cluster_gateway("u1", "{'type':'ingress','ports':[]}");
        json_auto_t *b = json_deep_copy(a);
        AUTO_FREE char *wrapped = xasprintf("[%s]", rows[i].value);
        json_auto_t *values = cluster_json(wrapped);
        jx_set(b, rows[i].path, json_incref(json_array_get(values, 0)));
        ck_assert_msg(store_same_intent(a, b) == rows[i].same, "%s", rows[i].path);
        ck_assert_msg(store_same_intent(b, a) == rows[i].same, "%s", rows[i].path);
    }
}
END_TEST

/* The gateway with these conditions in its status. */
static void put_conditions(const char *name, const char *conditions)
{
    json_auto_t *object = cluster_gateway("u1", "{'type':'ingress','ports':[]}");
    jx_set(object, "metadata.name", STR(name));
    jx_set(object, "status.conditions", cluster_json(conditions));
    store_put(&store, object);
}

static void assert_metrics(const char *const *lines)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_METRICS_TEXT);
    ck_assert_int_eq(metrics_render(&out), 0);
    for (size_t i = 0; lines[i]; i++)
        ck_assert_msg(strstr(out.text, lines[i]), "no %s in\n%s", lines[i], out.text);
}

#define CONDITION "meshgateway_gateways_condition"

START_TEST(counts_conditions_as_gateways_come_and_go)
{
    store = (struct store){.gateways = NULL};
    gauges_register(&store);
    now_fake(0, 1000000000);
    assert_metrics((const char *const[]){
        CONDITION "{type=\"Ready\",status=\"True\"} 0\n",
        CONDITION "{type=\"HostConflict\",status=\"Unknown\"} 0\n",
        "meshgateway_gateways_not_ready_longest_seconds 0\n",
        NULL,
    });
    put_conditions("a", "[]");
    put_conditions("a",
                   "[{'type':'Ready','status':'False','lastTransitionTime':'1970-01-01T00:16:00Z'},"
                   "{'type':'UpToDate','status':'Unknown'},{'type':'Strange','status':'True'}]");
    put_conditions("b",
                   "[{'type':'Ready','status':'False','lastTransitionTime':'1970-01-01T00:15:00Z'},"
                   "{'type':'UpToDate','status':'strange'},7]");
    assert_metrics((const char *const[]){
        "meshgateway_gateways 2\n",
        CONDITION "{type=\"Ready\",status=\"False\"} 2\n",
        CONDITION "{type=\"UpToDate\",status=\"Unknown\"} 1\n",
        "meshgateway_gateways_not_ready_longest_seconds 100\n",
        NULL,
    });
    put_conditions("b", "[{'type':'Ready','status':'True'}]");
    assert_metrics((const char *const[]){
        CONDITION "{type=\"Ready\",status=\"False\"} 1\n",
        CONDITION "{type=\"Ready\",status=\"True\"} 1\n",
        "meshgateway_gateways_not_ready_longest_seconds 40\n",
        NULL,
    });
    store_done(&store);
    assert_metrics((const char *const[]){
        CONDITION "{type=\"Ready\",status=\"False\"} 0\n",
        CONDITION "{type=\"Ready\",status=\"True\"} 0\n",
        "meshgateway_gateways_not_ready_longest_seconds 0\n",
        NULL,
    });
    now_fake(-1, -1);
    gauges_unregister(&store);
    metrics_reset();
}
END_TEST

UNIT_MAIN("store", counts_conditions_as_gateways_come_and_go, keeps_a_nul_in_an_annotation,
          only_the_watch_sees, intent_is_all_but_status_and_bookkeeping)
