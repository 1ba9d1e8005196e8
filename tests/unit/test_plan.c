/* SPDX-License-Identifier: Apache-2.0 */
#include "control/facts.h"
#include "control/meshes.h"
#include "control/observe.h"
#include "support/cluster.h"
#include "support/unit.h"

#include <string.h>

#define FIXED  "{'type':'ingress','ports':[],'replicaCount':3}"
#define SCALED "{'type':'ingress','ports':[],'minReplicas':2,'maxReplicas':4}"

static struct store store;
static struct config config;
static struct around around;

static struct store_gateway *put(const char *uid, const char *spec)
{
    json_auto_t *object = cluster_gateway(uid, spec);
    return store_put(&store, object);
}

static void set_up(void)
{
    store = (struct store){.gateways = NULL};
    config_init(&config);
    around.meshes = meshes_new(&(struct meshes_options){.config = &config});
}

static void tear_down(void)
{
    store_done(&store);
    meshes_free(around.meshes);
    config_done(&config);
}

static bool has(const struct plan *plan, const struct object_kind *kind)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->steps[i].kind == kind)
            return true;
    return false;
}

static const struct plan_step *find(const struct plan *plan, const struct object_kind *kind)
{
    ck_assert(has(plan, kind));
    size_t i = 0;
    while (plan->steps[i].kind != kind)
        i++;
    return &plan->steps[i];
}

/* Plans and carries it out; the plan after that is for the caller, who frees it. */
static struct plan settle(struct store_gateway *gw)
{
    struct plan plan;
    cluster_plan(gw, &plan);
    cluster_carry_out(&store, gw->key, &plan);
    plan_done(&plan);
    cluster_plan(gw, &plan);
    return plan;
}

/* The server's word on a child: the stored object, changed by a merge, with a newer version. */
static struct store_gateway *server_says(struct store_gateway *gw, const struct object_kind *kind,
                                         const char *change)
{
    struct plan plan;
    struct store_child *child = store_child_find(gw, kind, "gw");
    child->measured = false; /* so that the plan renders it */
    cluster_plan(gw, &plan);
    json_auto_t *object = cluster_stored(find(&plan, kind), "200");
    json_auto_t *merge = cluster_json(change);
    json_auto_t *changed = jx_merge(object, merge);
    plan_done(&plan);
    return observe_changed(&store, &around, kind, changed);
}

START_TEST(first_everything_is_created)
{
    set_up();
    struct store_gateway *gw = put("u1", SCALED);
    struct plan plan;
    cluster_plan(gw, &plan);
    ck_assert_uint_eq(plan.count, 6);
    for (size_t i = 0; i < plan.count; i++)
        ck_assert_int_eq(plan.steps[i].verb, PLAN_CREATE);
    plan_done(&plan);
    tear_down();
}
END_TEST

START_TEST(in_step_means_nothing_to_do)
{
    set_up();
    struct plan plan = settle(put("u1", SCALED));
    ck_assert_uint_eq(plan.count, 0);
    tear_down();
}
END_TEST

START_TEST(a_foreign_edit_is_repaired)
{
    set_up();
    struct store_gateway *gw = put("u1", SCALED);
    struct plan plan = settle(gw);
    ck_assert_ptr_eq(server_says(gw, &object_service, "{'spec':{'type':'NodePort'}}"), gw);
    cluster_plan(gw, &plan);
    ck_assert(plan.count == 1 && plan.steps[0].verb == PLAN_APPLY);
    ck_assert(plan.steps[0].repair);
    ck_assert_str_eq(plan.steps[0].uid, "uid-of-services");
    plan_done(&plan);
    tear_down();
}
END_TEST

/* Whether the plan has a step for the Deployment, and that would roll for others' reasons. */
static bool plans_to_roll(const struct store_gateway *gw, const char *image)
{
    struct config other;
    config_init(&other);
    config_set(&other.proxy_image, image);
    json_auto_t *object = store_object(gw);
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct meshgateway parsed;
    struct plan plan;
    ck_assert_int_eq(meshgateway_parse(object, &other, &parsed, &problems), 0);
    plan_make(&parsed, NULL, gw, &plan);
    bool result = has(&plan, &object_deployment) && find(&plan, &object_deployment)->rolls;
    plan_done(&plan);
    meshgateway_done(&parsed);
    config_done(&other);
    return result;
}

START_TEST(another_configuration_rolls_but_a_repair_does_not)
{
    set_up();
    struct store_gateway *gw = put("u1", FIXED);
    struct plan plan = settle(gw);
    ck_assert(!plans_to_roll(gw, ""));
    ck_assert(plans_to_roll(gw, "example.com/proxyv2:2"));
    /* Somebody's edit of the pods is taken back at once. */
    server_says(
        gw, &object_deployment, "{'spec':{'template':{'spec':{'serviceAccountName':'theirs'}}}}");
    cluster_plan(gw, &plan);
    ck_assert(has(&plan, &object_deployment));
    ck_assert(!find(&plan, &object_deployment)->rolls);
    plan_done(&plan);
    tear_down();
}
END_TEST

/* After a restart nobody knows why it differs: it may be the whole fleet. */
START_TEST(what_differs_at_first_sight_rolls)
{
    set_up();
    struct store_gateway *gw = put("u1", FIXED);
    struct plan plan;
    cluster_plan(gw, &plan);
    json_auto_t *live = cluster_stored(find(&plan, &object_deployment), "100");
    plan_done(&plan);
    jx_set(live, "spec.template.spec.serviceAccountName", STR("older"));
    jx_set(live, "metadata.managedFields", ARR(json_object()));
    ck_assert_ptr_eq(observe_changed(&store, &around, &object_deployment, live), gw);
    cluster_plan(gw, &plan);
    ck_assert(find(&plan, &object_deployment)->rolls);
    plan_done(&plan);
    tear_down();
}
END_TEST

START_TEST(what_others_add_is_left_alone)
{
    set_up();
    struct store_gateway *gw = put("u1", SCALED);
    struct plan plan = settle(gw);
    ck_assert_ptr_null(server_says(gw, &object_pdb, "{'metadata':{'annotations':{'theirs':'1'}}}"));
    cluster_plan(gw, &plan);
    ck_assert_uint_eq(plan.count, 0);
    tear_down();
}
END_TEST

/* Else each of its events would try a deletion again that is refused. */
START_TEST(what_is_not_wanted_calls_for_one_pass)
{
    set_up();
    struct store_gateway *gw = put("u1", SCALED);
    settle(gw);
    put("u1", FIXED);
    json_auto_t *live = cluster_json(
        "{'metadata':{'name':'gw','namespace':'default','uid':'uid-of-horizontalpodautoscalers',"
        "'labels':{'app.kubernetes.io/managed-by':'meshgateway-operator','gateway-name':'gw'},"
        "'ownerReferences':[{'apiVersion':'istio.banzaicloud.io/v1beta1','kind':'MeshGateway',"
        "'name':'gw','uid':'u1','controller':true}]}}");
    for (int i = 0; i < 3; i++) {
        jx_set(live, "metadata.resourceVersion", jx_stringf("%d", 200 + i));
        const struct store_gateway *wants = observe_changed(&store, &around, &object_hpa, live);
        ck_assert_int_eq(wants != NULL, i == 0);
    }
    jx_set(live, "metadata.uid", STR("another"));
    jx_set(live, "metadata.resourceVersion", STR("300"));
    ck_assert_ptr_eq(observe_changed(&store, &around, &object_hpa, live), gw);
    tear_down();
}
END_TEST

START_TEST(older_news_are_no_news)
{
    set_up();
    struct store_gateway *gw = put("u1", SCALED);
    settle(gw);
    store_child_find(gw, &object_service, "gw");
    struct plan plan;
    cluster_plan(gw, &plan);
    json_auto_t *old = cluster_json("{'metadata':{'name':'gw','namespace':'default','uid':"
                                    "'uid-of-services','resourceVersion':'99','labels':{"
                                    "'app.kubernetes.io/managed-by':'meshgateway-operator',"
                                    "'gateway-name':'gw'}}}");
    ck_assert_ptr_null(observe_changed(&store, &around, &object_service, old));
    cluster_plan(gw, &plan);
    ck_assert_uint_eq(plan.count, 0);
    tear_down();
}
END_TEST

START_TEST(what_the_server_turned_into_something_else_is_not_fought)
{
    set_up();
    struct store_gateway *gw = put("u1", SCALED);
    struct plan plan;
    cluster_plan(gw, &plan);
    const struct plan_step *step = find(&plan, &object_service);
    json_auto_t *answer = cluster_stored(step, "100");
    json_object_set_new(jx_object(answer, "spec"), "type", STR("NodePort")); /* a webhook */
    observe_applied(gw, &object_service, step->body, step->desired, answer);
    plan_done(&plan);
    cluster_plan(gw, &plan);
    ck_assert(!has(&plan, &object_service));
    plan_done(&plan);
    tear_down();
}
END_TEST

START_TEST(a_new_gateway_of_the_name_adopts)
{
    set_up();
    struct store_gateway *gw = put("u1", SCALED);
    struct plan plan = settle(gw);
    gw = put("u2", SCALED);
    cluster_plan(gw, &plan);
    ck_assert_uint_eq(plan.count, 6);
    for (size_t i = 0; i < plan.count; i++)
        ck_assert_int_eq(plan.steps[i].verb, PLAN_APPLY);
    plan_done(&plan);
    tear_down();
}
END_TEST

START_TEST(replicas_are_looked_after_before_they_are_dropped)
{
    set_up();
    struct store_gateway *gw = put("u1", FIXED);
    settle(gw);
    gw = put("u1", SCALED);
    struct plan plan;
    cluster_plan(gw, &plan);
    const struct plan_step *step = find(&plan, &object_deployment);
    ck_assert(step->leaves_replicas);
    ck_assert_ptr_null(jx_get(step->body, "spec.replicas"));
    plan_done(&plan);
    tear_down();
}
END_TEST

/* A spec went back before the pass for it ran: the child looks right, but one field is left. */
START_TEST(a_removed_field_is_not_forgotten)
{
    set_up();
    struct store_gateway *gw =
        put("u1", "{'type':'ingress','ports':[],'loadBalancerIP':'1.2.3.4'}");
    settle(gw);
    gw = put("u1", "{'type':'ingress','ports':[]}");
    ck_assert_ptr_eq(server_says(gw, &object_service, "{'spec':{'loadBalancerIP':'1.2.3.4'}}"), gw);
    struct plan plan;
    cluster_plan(gw, &plan);
    ck_assert_int_eq(find(&plan, &object_service)->verb, PLAN_APPLY);
    ck_assert(!find(&plan, &object_service)->repair);
    plan_done(&plan);
    tear_down();
}
END_TEST

/* After a restart nobody remembers what was applied; managedFields do. */
START_TEST(at_first_sight_managed_fields_decide)
{
    static const struct {
        const char *fields;
        bool in_step;
    } rows[] = {
        {"{'f:spec':{'f:type':{}}}", true},
        {"{'f:spec':{'f:type':{},'f:loadBalancerIP':{}}}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_up();
        struct store_gateway *gw = put("u1", "{'type':'ingress','ports':[]}");
        struct plan plan;
        cluster_plan(gw, &plan);
        json_auto_t *live = cluster_stored(find(&plan, &object_service), "7");
        plan_done(&plan);
        json_auto_t *entry = OBJ(F("manager", STR(FACTS_MANAGER)),
                                 F("operation", STR("Apply")),
                                 F("apiVersion", STR("v1")),
                                 F("fieldsV1", cluster_json(rows[i].fields)));
        json_object_set_new(jx_object(live, "metadata"), "managedFields", ARR(REF(entry)));
        observe_changed(&store, &around, &object_service, live);
        cluster_plan(gw, &plan);
        ck_assert_msg(has(&plan, &object_service) == !rows[i].in_step, "row %zu", i);
        plan_done(&plan);
        tear_down();
    }
}
END_TEST

/* A standby is shown them each time: what the leader applied last counts. */
START_TEST(while_another_process_leads_each_sight_decides)
{
    static const struct {
        const char *version, *fields;
        bool in_step;
    } rows[] = {
        {"7", "{'f:spec':{'f:type':{}}}", true},
        {"8", "{'f:spec':{'f:type':{},'f:loadBalancerIP':{}}}", false},
        {"9", "{'f:spec':{'f:type':{}}}", true},
    };
    set_up();
    struct store_gateway *gw = put("u1", "{'type':'ingress','ports':[]}");
    struct plan first;
    cluster_plan(gw, &first);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *live = cluster_stored(find(&first, &object_service), rows[i].version);
        json_auto_t *entry = OBJ(F("manager", STR(FACTS_MANAGER)),
                                 F("operation", STR("Apply")),
                                 F("apiVersion", STR("v1")),
                                 F("fieldsV1", cluster_json(rows[i].fields)));
        jx_set(live, "metadata.managedFields", ARR(REF(entry)));
        observe_changed(&store, &around, &object_service, live);
        struct plan plan;
        cluster_plan(gw, &plan);
        ck_assert_msg(has(&plan, &object_service) == !rows[i].in_step, "row %zu", i);
        plan_done(&plan);
    }
    plan_done(&first);
    tear_down();
}
END_TEST

/* The watch often shows what a pass makes before the answer to the pass comes. */
START_TEST(what_the_pass_makes_waits_for_its_answer)
{
    set_up();
    struct store_gateway *gw = put("u1", SCALED);
    struct plan plan;
    cluster_plan(gw, &plan);
    const struct plan_step *step = find(&plan, &object_service);
    json_auto_t *made = cluster_stored(step, "100");
    gw->busy = true;
    ck_assert_ptr_null(observe_changed(&store, &around, &object_service, made));
    struct store_child *child = store_child_find(gw, &object_service, "gw");
    ck_assert(child->early);
    observe_applied(gw, &object_service, step->body, step->desired, made);
    ck_assert(!child->early);
    ck_assert(plan_in_step(child, step->desired));
    json_auto_t *edited = cluster_stored(step, "101");
    json_object_set_new(jx_object(edited, "spec"), "type", STR("NodePort"));
    ck_assert_ptr_eq(observe_changed(&store, &around, &object_service, edited), gw);
    plan_done(&plan);
    tear_down();
}
END_TEST

START_TEST(what_is_no_longer_wanted_is_deleted)
{
    set_up();
    struct store_gateway *gw = put("u1", SCALED);
    struct plan plan = settle(gw);
    gw = put("u1", "{'type':'ingress','ports':[],'replicaCount':1}");
    cluster_plan(gw, &plan);
    ck_assert_int_eq(find(&plan, &object_hpa)->verb, PLAN_DELETE);
    ck_assert_str_eq(find(&plan, &object_hpa)->uid, "uid-of-horizontalpodautoscalers");
    ck_assert_int_eq(find(&plan, &object_pdb)->verb, PLAN_DELETE);
    plan_done(&plan);
    tear_down();
}
END_TEST

START_TEST(what_has_no_api_now_is_not_deleted)
{
    set_up();
    struct store_gateway *gw =
        put("u1",
            "{'type':'ingress','ports':[{'name':'http','port':80},{'name':'https','port':443}],"
            "'servers':[{'hosts':['a.test'],'tls':{'certificate':{}}}],"
            "'acme':{'server':'letsencrypt'}}");
    struct plan plan = settle(gw);
    ck_assert_uint_eq(plan.count, 0);
    cluster_plan_in(gw, &(struct templates_live){.have_istio = false}, &plan);
    ck_assert_uint_eq(plan.count, 0);
    gw = put("u1", "{'type':'ingress','ports':[]}");
    cluster_plan_in(gw, &(struct templates_live){.have_istio = true}, &plan);
    ck_assert_int_eq(find(&plan, &object_gateway)->verb, PLAN_DELETE);
    ck_assert(!has(&plan, &object_certificate));
    plan_done(&plan);
    tear_down();
}
END_TEST

START_TEST(a_live_selector_is_kept)
{
    set_up();
    struct store_gateway *gw = put("u1", SCALED);
    settle(gw);
    server_says(
        gw, &object_deployment, "{'spec':{'selector':{'matchLabels':{'istio.io/rev':'old'}}}}");
    struct plan plan;
    cluster_plan(gw, &plan);
    const struct plan_step *step = find(&plan, &object_deployment);
    const json_t *selector = jx_object(step->body, "spec.selector.matchLabels");
    const json_t *labels = jx_object(step->body, "spec.template.metadata.labels");
    ck_assert_str_eq(json_string_value(json_object_get(selector, "istio.io/rev")), "old");
    ck_assert_str_eq(json_string_value(json_object_get(labels, "istio.io/rev")), "old");
    ck_assert_str_eq(json_string_value(json_object_get(labels, "gateway-name")), "gw");
    plan_done(&plan);
    tear_down();
}
END_TEST

START_TEST(owners_are_told_apart)
{
    static const struct {
        const char *object;
        enum observe_owner owner;
    } rows[] = {
        {"{'metadata':{'ownerReferences':[{'apiVersion':'istio.banzaicloud.io/v1beta1','kind':"
         "'MeshGateway','name':'gw','uid':'u1','controller':true}]}}",
         OBSERVE_OURS},
        {"{'metadata':{'ownerReferences':[{'apiVersion':'istio.banzaicloud.io/v1','kind':"
         "'MeshGateway','name':'gw','uid':'u0','controller':true}]}}",
         OBSERVE_ADOPT},
        {"{'metadata':{'ownerReferences':[{'apiVersion':'istio.banzaicloud.io/v1beta1','kind':"
         "'MeshGateway','name':'other','uid':'u1','controller':true}]}}",
         OBSERVE_FOREIGN},
        {"{'metadata':{'ownerReferences':[{'apiVersion':'apps/v1','kind':'Deployment','name':"
         "'gw','uid':'u1','controller':true}]}}",
         OBSERVE_FOREIGN},
        {"{'metadata':{'labels':{'app.kubernetes.io/managed-by':'meshgateway-operator',"
         "'gateway-name':'gw'}}}",
         OBSERVE_ADOPT},
        {"{'metadata':{'labels':{'gateway-name':'gw'}}}", OBSERVE_FOREIGN},
        {"{'metadata':{}}", OBSERVE_FOREIGN},
        {"{}", OBSERVE_FOREIGN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *object = cluster_json(rows[i].object);
        ck_assert_msg(observe_owner(object, "gw", "u1") == rows[i].owner, "row %zu", i);
    }
}
END_TEST

START_TEST(a_deleted_child_is_made_again)
{
    set_up();
    struct store_gateway *gw = put("u1", SCALED);
    settle(gw);
    json_auto_t *other =
        cluster_json("{'metadata':{'name':'gw','namespace':'default','uid':'another'}}");
    ck_assert_ptr_null(observe_deleted(&store, &object_service, other));
    json_auto_t *gone =
        cluster_json("{'metadata':{'name':'gw','namespace':'default','uid':'uid-of-services'}}");
    ck_assert_ptr_eq(observe_deleted(&store, &object_service, gone), gw);
    struct plan plan;
    cluster_plan(gw, &plan);
    ck_assert(plan.count == 1 && plan.steps[0].verb == PLAN_CREATE);
    plan_done(&plan);
    tear_down();
}
END_TEST

UNIT_MAIN("plan", another_configuration_rolls_but_a_repair_does_not,
          what_differs_at_first_sight_rolls, first_everything_is_created,
          in_step_means_nothing_to_do, a_foreign_edit_is_repaired, what_others_add_is_left_alone,
          what_is_not_wanted_calls_for_one_pass, older_news_are_no_news,
          what_the_server_turned_into_something_else_is_not_fought,
          a_new_gateway_of_the_name_adopts, replicas_are_looked_after_before_they_are_dropped,
          a_removed_field_is_not_forgotten, at_first_sight_managed_fields_decide,
          while_another_process_leads_each_sight_decides, what_the_pass_makes_waits_for_its_answer,
          what_is_no_longer_wanted_is_deleted, what_has_no_api_now_is_not_deleted,
          a_live_selector_is_kept, owners_are_told_apart, a_deleted_child_is_made_again)
