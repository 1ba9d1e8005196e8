/* SPDX-License-Identifier: Apache-2.0 */
#include "control/plan.h"
#include "control/takeover.h"
#include "support/cluster.h"
#include "support/json.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

/* What the patch makes of managedFields. Every entry is of the version v1. */
struct row {
    const char *name, *before;
    const char *after; /* NULL: nothing of it is the original operator's */
};

#define OURS(fields)                                                                               \
    "{'manager':'meshgateway-operator','operation':'Apply','apiVersion':'v1',"                     \
    "'fieldsType':'FieldsV1','fieldsV1':" fields "}"
#define UPDATE(fields)                                                                             \
    "{'manager':'manager','operation':'Update','apiVersion':'v1','fieldsV1':" fields "}"
#define OWNER "'f:ownerReferences':{'k:{\\'uid\\':\\'u1\\'}':{}}"

static const struct row rows[] = {
    {"nobody", "[]", NULL},
    {"made by us", "[" OURS("{'f:metadata':{" OWNER "}}") "]", NULL},
    {"written by others", "[" UPDATE("{'f:spec':{'f:template':{}}}") "]", NULL},
    {"an owner, but another",
     "[" UPDATE("{'f:metadata':{'f:ownerReferences':{'k:{\\'uid\\':\\'u2\\'}':{}}}}") "]",
     NULL},
    {"its status only",
     "[{'manager':'manager','operation':'Update','apiVersion':'v1','subresource':'status',"
     "'fieldsV1':{'f:metadata':{" OWNER "}}}]",
     NULL},
    {"known by the owner",
     "[" UPDATE("{'f:metadata':{" OWNER ",'f:labels':{'.':{},'f:a':{}}}}") "]",
     "[" OURS("{'f:metadata':{'f:labels':{'.':{},'f:a':{}}}}") "]"},
    {"known by what it last applied",
     "[" UPDATE("{'f:metadata':{'f:annotations':{'.':{},'f:theirs':{},"
                "'f:banzaicloud.com/last-applied':{}}}}") "]",
     "[" OURS("{'f:metadata':{'f:annotations':{'f:banzaicloud.com/last-applied':{}}}}") "]"},
    {"its pods",
     "[" UPDATE("{'f:metadata':{" OWNER "},'f:spec':{'f:replicas':{},'f:template':{'f:spec':{}},"
                "'f:progressDeadlineSeconds':{}}}") "]",
     "[" OURS("{'f:spec':{'f:template':{'f:spec':{}}}}") "]"},
    {"what the server allocated",
     "[" UPDATE("{'f:metadata':{" OWNER ",'f:finalizers':{'v:\\'x\\'':{}}},'f:spec':{"
                "'f:clusterIP':{},'f:healthCheckNodePort':{},'f:ports':{"
                "'k:{\\'port\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:port':{},'f:nodePort':{}}}"
                "}}") "]",
     "[" OURS("{'f:spec':{'f:ports':{'k:{\\'port\\':80,\\'protocol\\':\\'TCP\\'}':"
              "{'.':{},'f:port':{}}}}}") "]"},
    {"two names of it, others and we",
     "[" UPDATE(
         "{'f:metadata':{" OWNER
         "},'f:spec':{'f:template':{'f:a':{}}}}") ","
                                                  "{'manager':'kubectl','operation':'Update','"
                                                  "apiVersion':'v1','fieldsV1':{'f:spec':{}}},"
                                                  "{'manager':'meshgateway-operator','operation':'"
                                                  "Apply','apiVersion':'v1',"
                                                  "'fieldsV1':{'f:spec':{'f:ports':{'k:{\\'port\\':"
                                                  "1}':{'f:nodePort':{}}}}}},"
                                                  "{'manager':'istio-operator','operation':'Update'"
                                                  ",'apiVersion':'v1','fieldsV1':{"
                                                  "'f:metadata':{'f:annotations':{'f:banzaicloud."
                                                  "com/last-applied':{}}},"
                                                  "'f:spec':{'f:template':{'f:b':{}}}}}]",
     "[{'manager':'kubectl','operation':'Update','apiVersion':'v1','fieldsV1':{'f:spec':{}}}," OURS(
         "{'f:metadata':{'f:annotations':{'f:banzaicloud.com/last-applied':{}}},"
         "'f:spec':{'f:template':{'f:a':{},'f:b':{}},"
         "'f:ports':{'k:{\\'port\\':1}':{'f:nodePort':{}}}}}") "]"},
};

static void check(const struct row *row)
{
    json_auto_t *before = json_from(row->before);
    json_auto_t *object =
        OBJ(F("apiVersion", STR("v1")),
            F("metadata", OBJ(F("resourceVersion", STR("7")), F("managedFields", REF(before)))));
    json_auto_t *unchanged = json_deep_copy(object);
    json_auto_t *patch = takeover_patch(object, "u1");
    ck_assert_msg(json_equal(object, unchanged), "%s: the object was changed", row->name);
    ck_assert_msg((patch != NULL) == (row->after != NULL), "%s", row->name);
    if (!patch)
        return;
    json_auto_t *after = json_from(row->after);
    AUTO_FREE char *text = jx_compact(patch);
    ck_assert_msg(
        json_equal(jx_array(patch, "metadata.managedFields"), after), "%s: %s", row->name, text);
    ck_assert_str_eq(jx_str(patch, "metadata.resourceVersion", ""), "7");
    ck_assert(takeover_is_marked(patch));
    ck_assert_uint_eq(json_object_size(patch), 1);
    ck_assert_uint_eq(json_object_size(jx_object(patch, "metadata")), 3);
}

START_TEST(ownership_becomes_ours)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i]);
}
END_TEST

START_TEST(an_object_without_owners_is_noticed)
{
    json_auto_t *none = json_from("{'metadata':{'managedFields':[]}}");
    json_auto_t *some = json_from("{'metadata':{'managedFields':[{'manager':'x'}]}}");
    ck_assert(takeover_is_untracked(none));
    ck_assert(!takeover_is_untracked(some));
}
END_TEST

/* Plans */

#define ROLLED_OUT                                                                                 \
    "{'generation':2,'observedGeneration':2,'wanted':2,'replicas':2,'updated':2,'available':2}"
#define ROLLING                                                                                    \
    "{'generation':2,'observedGeneration':2,'wanted':2,'replicas':3,'updated':1,'available':2}"
#define FIXED  "{'type':'ingress','ports':[],'replicaCount':1}"
#define SCALED "{'type':'ingress','ports':[],'minReplicas':2,'maxReplicas':4}"

static struct store store;
static struct store_gateway *gw;

/* Everything is in step; the Deployment says this of itself. */
static void set_up(const char *spec, const char *facts)
{
    store = (struct store){.gateways = NULL};
    json_auto_t *object = cluster_gateway("u1", spec);
    gw = store_put(&store, object);
    struct plan plan;
    cluster_plan(gw, &plan);
    cluster_carry_out(&store, gw->key, &plan);
    plan_done(&plan);
    json_auto_t *values = json_from(facts);
    struct store_child *deployment = store_child_find(gw, &object_deployment, "gw");
    free(deployment->facts);
    deployment->facts = jx_compact(values);
}

static void mark(const struct object_kind *kind)
{
    store_child_find(gw, kind, "gw")->marked = true;
}

/* "verb kind name, …" of the plan. */
static void expect(const char *steps)
{
    static const char *const verbs[] = {
        [PLAN_CREATE] = "create",
        [PLAN_APPLY] = "apply",
        [PLAN_DELETE] = "delete",
        [PLAN_CLEAR] = "clear",
        [PLAN_UNMARK] = "unmark",
    };
    struct plan plan;
    cluster_plan(gw, &plan);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(10000);
    for (size_t i = 0; i < plan.count; i++)
        strbuf_addf(&text,
                    "%s%s %s %s",
                    i ? ", " : "",
                    verbs[plan.steps[i].verb],
                    plan.steps[i].kind->resource,
                    plan.steps[i].name);
    plan_done(&plan);
    ck_assert_str_eq(text.len ? text.text : "", steps);
}

#define AUTOSCALER "clear horizontalpodautoscalers gw-autoscaler"
#define BUDGET     "clear poddisruptionbudgets gw"
#define IDENTITY                                                                                   \
    "clear serviceaccounts gw-service-account, clear rolebindings gw-role-binding-sds, "           \
    "clear roles gw-role-sds, clear clusterrolebindings gw-cluster-role-binding, "                 \
    "clear clusterroles gw-cluster-role"

START_TEST(a_gateway_of_our_own_has_no_left_overs)
{
    set_up(FIXED, ROLLED_OUT);
    expect("");
    store_done(&store);
}
END_TEST

START_TEST(identities_go_when_no_old_pod_is_left)
{
    set_up(FIXED, ROLLING);
    mark(&object_service);
    expect(AUTOSCALER ", " BUDGET);
    store_done(&store);
    set_up(FIXED, ROLLED_OUT);
    mark(&object_service);
    expect(AUTOSCALER ", " BUDGET ", " IDENTITY ", unmark services gw");
    store_done(&store);
}
END_TEST

START_TEST(the_old_autoscaler_goes_after_ours_came)
{
    set_up(SCALED, ROLLED_OUT);
    mark(&object_deployment);
    store_child_remove(gw, store_child_find(gw, &object_hpa, "gw"));
    expect("create horizontalpodautoscalers gw");
    store_done(&store);
    set_up(SCALED, ROLLING);
    mark(&object_deployment);
    expect(AUTOSCALER);
    store_done(&store);
}
END_TEST

START_TEST(identities_stay_until_the_deployment_is_ours)
{
    set_up(FIXED, ROLLED_OUT);
    mark(&object_deployment);
    store_child_find(gw, &object_deployment, "gw")->measured = false;
    expect("apply deployments gw, " AUTOSCALER ", " BUDGET);
    store_done(&store);
}
END_TEST

START_TEST(an_account_that_pods_use_is_not_left_over)
{
    static const char *const specs[] = {
        "{'type':'ingress','ports':[],'serviceAccount':{'name':'gw-service-account'}}",
        "{'type':'ingress','ports':[],"
        "'serviceAccount':{'name':'gw-service-account','create':false}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        set_up(specs[i], ROLLED_OUT);
        mark(&object_deployment);
        expect(AUTOSCALER ", " BUDGET ", "
                          "clear rolebindings gw-role-binding-sds, clear roles gw-role-sds, "
                          "clear clusterrolebindings gw-cluster-role-binding, "
                          "clear clusterroles gw-cluster-role, unmark deployments gw");
        store_done(&store);
    }
}
END_TEST

/* With the original operator, labels of the user won over its own. */
START_TEST(what_selects_the_pods_follows_a_kept_name)
{
    set_up(SCALED, "{'selector':{'gateway-name':'edge','gateway-type':'ingress'}}");
    struct plan plan;
    cluster_plan(gw, &plan);
    size_t seen = 0;
    for (size_t i = 0; i < plan.count; i++) {
        const struct plan_step *step = &plan.steps[i];
        const char *path =
            step->kind == &object_service ? "spec.selector" : "spec.selector.matchLabels";
        const json_t *selector = jx_object(step->body, path);
        seen += selector != NULL;
        if (selector)
            ck_assert_str_eq(jx_str(selector, "gateway-name", ""), "edge");
    }
    ck_assert_uint_eq(seen, 3); /* Deployment, Service, PodDisruptionBudget */
    plan_done(&plan);
    store_done(&store);
}
END_TEST

UNIT_MAIN("takeover", ownership_becomes_ours, an_object_without_owners_is_noticed,
          a_gateway_of_our_own_has_no_left_overs, identities_go_when_no_old_pod_is_left,
          the_old_autoscaler_goes_after_ours_came, identities_stay_until_the_deployment_is_ours,
          an_account_that_pods_use_is_not_left_over, what_selects_the_pods_follows_a_kept_name)
