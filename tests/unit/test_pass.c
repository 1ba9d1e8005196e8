/* SPDX-License-Identifier: Apache-2.0 */
/* A pass against a scripted server: what happens while it waits for an answer. */
#include "base/metrics.h"
#include "control/meshes.h"
#include "control/pass.h"
#include "control/rolls.h"
#include "support/cluster.h"
#include "support/fakecredentials.h"
#include "support/fakeserver.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#define SPEC "{'type':'ingress','ports':[]}"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"

static struct loop *loop;
static struct fakeserver *server;
static struct kubeconfig kubeconfig;
static struct credentials *credentials;
static struct kube *kube;
static struct events *events;
static struct config config;
static struct around around;
static struct store store;
static struct store_gateway *gw;
static struct pass_context context;
static struct pass_result result;
static int ended;
static struct fakeserver_reply answers[10];
static char *texts[ARRAY_LEN(answers)];
static size_t answer_count;

static void set_up(void)
{
    loop = loop_new();
    server = fakeserver_new(loop);
    kubeconfig = (struct kubeconfig){.server = xstrdup(fakeserver_url(server))};
    credentials = credentials_new(loop, &kubeconfig);
    const struct kube_options options = {.max_inflight = 1, .user_agent = "tests"};
    kube = kube_new(loop, credentials, &options, NULL);
    events = events_new(loop, kube, "example.com/tests", "tests");
    config_init(&config);
    around.meshes = meshes_new(&(struct meshes_options){.config = &config});
    around.rolls = rolls_new(&store, &(struct rolls_limit){.count = 1}, NULL, NULL);
    store = (struct store){.gateways = NULL};
    json_auto_t *object = cluster_gateway("u1", SPEC);
    gw = store_put(&store, object);
    struct plan plan;
    cluster_plan(gw, &plan);
    cluster_carry_out(&store, "default/gw", &plan);
    plan_done(&plan);
    context = (struct pass_context){
        .loop = loop, .kube = kube, .store = &store, .around = &around, .events = events};
    ended = 0;
}

static void tear_down(void)
{
    events_free(events);
    kube_free(kube);
    credentials_free(credentials);
    kubeconfig_done(&kubeconfig);
    fakeserver_free(server);
    loop_free(loop);
    rolls_free(around.rolls);
    store_done(&store);
    meshes_free(around.meshes);
    config_done(&config);
    metrics_reset();
    while (answer_count > 0)
        free(texts[--answer_count]);
}

static void on_done(void *arg, struct pass *pass, const struct pass_result *got)
{
    (void)arg;
    (void)pass;
    ended++;
    result = *got;
    loop_stop(loop);
}

static struct pass *start(void)
{
    const struct pass_options options = {.may_create = true};
    return pass_start(&context, gw, &options, on_done, NULL);
}

/* The server's first answer is the gateway as stored, with an annotation of somebody's, or not. */
static void answer_status(const char *annotations)
{
    json_auto_t *object = store_object(gw);
    jx_set(object, "metadata.resourceVersion", STR("200"));
    if (annotations)
        jx_set(object, "metadata.annotations", cluster_json(annotations));
    AUTO_FREE char *text = jx_compact(object);
    AUTO_FREE char *bytes = xasprintf("%s%s", HEAD, text);
    fakeserver_add(
        server, &(const struct fakeserver_reply){.bytes = bytes, .after = FAKESERVER_CLOSE}, 1);
    start();
    loop_run(loop);
    ck_assert_int_eq(ended, 1);
    ck_assert_ptr_nonnull(strstr(fakeserver_request(server, 0), "/meshgateways/gw/status?"));
    ck_assert_str_eq(gw->version, "200");
}

START_TEST(a_written_status_ends_it)
{
    set_up();
    answer_status(NULL);
    ck_assert_int_eq(result.reaction, PASS_IN_STEP);
    ck_assert(!result.again);
    tear_down();
}
END_TEST

/* The watch's event of that edit is older than the answer, and so will be passed over. */
START_TEST(an_edit_that_the_status_shows_is_not_lost)
{
    set_up();
    answer_status("{'meshgateway.banzaicloud.io/paused':'true'}");
    ck_assert(result.again);
    tear_down();
}
END_TEST

static void delete_service(void *arg)
{
    (void)arg;
    store_child_remove(gw, store_child_find(gw, &object_service, "gw"));
}

/* The watch tells of the child's end before the answer to its apply comes in. */
START_TEST(an_old_answer_does_not_revive_a_child)
{
    set_up();
    struct store_child *child = store_child_find(gw, &object_service, "gw");
    child->measured = false; /* so that it is applied */
    static const char bytes[] =
        HEAD "{\"kind\":\"Service\",\"metadata\":{\"name\":\"gw\",\"namespace\":\"default\","
             "\"uid\":\"uid-of-services\",\"resourceVersion\":\"101\"}}";
    fakeserver_add(
        server, &(const struct fakeserver_reply){.bytes = bytes, .after = FAKESERVER_CLOSE}, 1);
    start();
    struct loop_timer *timer = loop_timer_new(loop, delete_service, NULL);
    loop_timer_start(timer, 0);
    loop_run(loop);
    ck_assert_ptr_nonnull(strstr(fakeserver_request(server, 0), "/services/gw?"));
    ck_assert(result.again);
    ck_assert_ptr_null(store_child_find(gw, &object_service, "gw"));
    loop_timer_free(timer);
    tear_down();
}
END_TEST

static void stop(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

START_TEST(cancel_ends_it_at_any_moment)
{
    for (int turns = 0; turns < 4; turns++) {
        set_up();
        struct pass *pass = start();
        struct loop_timer *timer = loop_timer_new(loop, stop, NULL);
        for (int i = 0; i < turns; i++) {
            loop_timer_start(timer, i);
            loop_run(loop);
        }
        pass_cancel(pass);
        ck_assert_int_eq(ended, 0);
        loop_timer_free(timer);
        tear_down();
    }
}
END_TEST

/* The server's next answer. */
static void answer(const char *head, const json_t *body)
{
    AUTO_FREE char *text = body ? jx_compact(body) : xstrdup("{}");
    ck_assert_uint_lt(answer_count, ARRAY_LEN(answers));
    struct fakeserver_reply *reply = &answers[answer_count];
    texts[answer_count++] = xasprintf("HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
                                      "Connection: close\r\n\r\n%s",
                                      head,
                                      text);
    *reply = (struct fakeserver_reply){.bytes = texts[answer_count - 1], .after = FAKESERVER_CLOSE};
    fakeserver_add(server, reply, 1);
}

static json_t *original_service(void)
{
    return cluster_json(
        "{'apiVersion':'v1','kind':'Service','metadata':{'name':'gw','namespace':'default',"
        "'uid':'s1','resourceVersion':'7','ownerReferences':[{'apiVersion':"
        "'istio.banzaicloud.io/v1beta1','kind':'MeshGateway','name':'gw','uid':'u1',"
        "'controller':true}],'managedFields':[{'manager':'manager','operation':'Update',"
        "'fieldsV1':{'f:metadata':{'f:ownerReferences':{'k:{\\'uid\\':\\'u1\\'}':{}}}}}]}}");
}

/* Somebody writes the object between our look at it and the change of owners. */
START_TEST(a_takeover_that_lost_the_race_is_tried_again)
{
    set_up();
    store_child_remove(gw, store_child_find(gw, &object_service, "gw"));
    json_auto_t *service = original_service();
    answer("409 Conflict", NULL);
    answer("200 OK", service);
    answer("409 Conflict", NULL);
    start();
    loop_run(loop);
    ck_assert(result.again);
    const char *patch = fakeserver_request(server, 2);
    ck_assert_ptr_nonnull(strstr(patch, "PATCH /api/v1/namespaces/default/services/gw?"));
    ck_assert_ptr_nonnull(strstr(patch, "\"resourceVersion\":\"7\""));
    ck_assert_ptr_null(store_child_find(gw, &object_service, "gw"));
    tear_down();
}
END_TEST

/* Admission may answer as if there were an object. */
START_TEST(a_conflict_with_nothing_is_told_in_the_end)
{
    for (int told = 0; told < 2; told++) {
        set_up();
        store_child_remove(gw, store_child_find(gw, &object_service, "gw"));
        json_auto_t *denial = cluster_json("{'kind':'Status','code':409,'message':'not today'}");
        json_auto_t *object = store_object(gw);
        answer("409 Conflict", denial);
        answer("404 Not Found", NULL);
        answer("200 OK", object);
        const struct pass_options options = {.may_create = true, .tell_transient = told};
        pass_start(&context, gw, &options, on_done, NULL);
        loop_run(loop);
        ck_assert_int_eq(result.reaction, told ? PASS_TRANSIENT : PASS_IN_STEP);
        ck_assert(result.again);
        ck_assert_uint_eq(fakeserver_requests(server), told ? 3 : 2);
        if (told)
            ck_assert_ptr_nonnull(strstr(fakeserver_request(server, 2), "Service gw: not today"));
        tear_down();
    }
}
END_TEST

/* The Deployment was taken over and has replaced its pods. */
static void set_up_taken_over(void)
{
    set_up();
    struct store_child *deployment = store_child_find(gw, &object_deployment, "gw");
    free(deployment->facts);
    deployment->facts = xstrdup("{\"wanted\":1,\"replicas\":1,\"updated\":1,\"available\":1}");
    deployment->marked = true;
}

START_TEST(the_mark_goes_when_nothing_is_left)
{
    set_up_taken_over();
    for (int i = 0; i < 7; i++)
        answer("404 Not Found", NULL);
    json_auto_t *unmarked = cluster_json("{'kind':'Deployment','metadata':{'name':'gw',"
                                         "'namespace':'default','uid':'uid-of-deployments',"
                                         "'resourceVersion':'101','ownerReferences':[{'apiVersion':"
                                         "'istio.banzaicloud.io/v1beta1','kind':'MeshGateway',"
                                         "'name':'gw','uid':'u1','controller':true}]}}");
    answer("200 OK", unmarked);
    json_auto_t *object = store_object(gw);
    answer("200 OK", object);
    start();
    loop_run(loop);
    ck_assert_ptr_nonnull(strstr(fakeserver_request(server, 7), "/deployments/gw?"));
    ck_assert_ptr_nonnull(strstr(fakeserver_request(server, 7), "takeover\":null"));
    ck_assert(!store_child_find(gw, &object_deployment, "gw")->marked);
    tear_down();
}
END_TEST

START_TEST(the_mark_stays_while_something_may_be_left)
{
    set_up_taken_over();
    for (int i = 0; i < 7; i++)
        answer(i < 6 ? "404 Not Found" : "403 Forbidden", NULL);
    json_auto_t *object = store_object(gw);
    answer("200 OK", object);
    start();
    loop_run(loop);
    ck_assert_int_eq(result.reaction, PASS_IN_STEP);
    ck_assert(!result.again);
    const char *status = fakeserver_request(server, 7);
    ck_assert_ptr_nonnull(strstr(status, "/meshgateways/gw/status?"));
    ck_assert_ptr_nonnull(strstr(status, "step. ClusterRole gw-cluster-role may be left"));
    ck_assert(store_child_find(gw, &object_deployment, "gw")->marked);
    tear_down();
}
END_TEST

/* What an apply cannot take away from another field manager. */
START_TEST(the_status_of_another_is_taken_away)
{
    set_up();
    json_auto_t *object = store_object(gw);
    jx_set(object, "status.GatewayAddress", cluster_json("['192.0.2.1']"));
    answer("200 OK", object);
    answer("200 OK", object);
    start();
    loop_run(loop);
    ck_assert_uint_eq(fakeserver_requests(server), 2);
    const char *patch = fakeserver_request(server, 1);
    ck_assert_ptr_nonnull(strstr(patch,
                                 "PATCH /apis/istio.banzaicloud.io/v1beta1/namespaces/"
                                 "default/meshgateways/gw/status?"));
    ck_assert_ptr_nonnull(strstr(patch, "\"status\":{\"GatewayAddress\":null}"));
    tear_down();
}
END_TEST

UNIT_MAIN("pass", a_written_status_ends_it, an_edit_that_the_status_shows_is_not_lost,
          an_old_answer_does_not_revive_a_child, cancel_ends_it_at_any_moment,
          a_takeover_that_lost_the_race_is_tried_again, a_conflict_with_nothing_is_told_in_the_end,
          the_mark_goes_when_nothing_is_left, the_mark_stays_while_something_may_be_left,
          the_status_of_another_is_taken_away)
