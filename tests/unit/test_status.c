/* SPDX-License-Identifier: Apache-2.0 */
#include "base/now.h"
#include "control/conditions.h"
#include "control/status.h"
#include "support/cluster.h"
#include "support/unit.h"

#include <string.h>

#define SPEC "{'type':'ingress','ports':[],'replicaCount':2}"
#define DEPLOYED                                                                                   \
    "{'generation':1,'observedGeneration':1,'wanted':2,'replicas':2,'updated':2,'ready':2,"        \
    "'available':2}"

static struct store store;
static struct store_gateway *known;
static struct config config;
static struct meshgateway gw;
static json_t *object;

static void set_child(const struct object_kind *kind, const char *facts)
{
    if (!facts)
        return;
    struct store_child *child = store_child_put(known, kind, "gw");
    child->owned = true;
    json_auto_t *json = cluster_json(facts);
    child->facts = jx_compact(json);
}

static void set_up(const char *deployment, const char *service)
{
    store = (struct store){.gateways = NULL};
    config_init(&config);
    object = cluster_gateway("u1", SPEC);
    known = store_put(&store, object);
    set_child(&object_deployment, deployment);
    set_child(&object_service, service);
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    ck_assert_int_eq(meshgateway_parse(object, &config, &gw, &problems), 0);
}

static void tear_down(void)
{
    meshgateway_done(&gw);
    json_decref(object);
    store_done(&store);
    config_done(&config);
}

static struct status_input input(void)
{
    return (struct status_input){.object = object, .gw = &gw, .known = known, .now = 0};
}

static void expect(const json_t *status, const char *type, const char *word, const char *reason)
{
    const json_t *condition = conditions_find(jx_array(status, "conditions"), type);
    ck_assert_msg(condition != NULL, "no condition %s", type);
    ck_assert_str_eq(jx_str(condition, "status", ""), word);
    ck_assert_str_eq(jx_str(condition, "reason", ""), reason);
}

struct row {
    const char *name, *deployment, *service;
    const char *available, *available_reason;
    const char *address, *address_reason;
    const char *ready, *state, *addresses;
};

static const struct row rows[] = {
    {"nothing there yet",
     NULL,
     NULL,
     "False",
     "NoDeployment",
     "False",
     "NoService",
     "False",
     "Reconciling",
     NULL},
    {"pods start",
     "{'generation':1,'observedGeneration':1,'wanted':2,'replicas':2,'updated':2,'ready':1,"
     "'available':1}",
     "{'type':'ClusterIP','clusterIPs':['10.0.0.7'],'ingress':[],'ports':[]}",
     "False",
     "Progressing",
     "True",
     "AddressAssigned",
     "False",
     "Reconciling",
     "['10.0.0.7']"},
    {"no pod is left",
     "{'generation':1,'observedGeneration':1,'wanted':2,'replicas':2,'updated':2,'ready':0,"
     "'available':0}",
     "{'type':'ClusterIP','clusterIPs':['10.0.0.7'],'ingress':[],'ports':[]}",
     "False",
     "Unavailable",
     "True",
     "AddressAssigned",
     "False",
     "Reconciling",
     "['10.0.0.7']"},
    {"a load balancer takes its time",
     DEPLOYED,
     "{'type':'LoadBalancer','clusterIPs':['10.0.0.7'],'ingress':[],'ports':[]}",
     "True",
     "Available",
     "False",
     "LoadBalancerPending",
     "False",
     "Reconciling",
     NULL},
    {"all addresses of a load balancer",
     DEPLOYED,
     "{'type':'LoadBalancer','clusterIPs':['10.0.0.7'],'ports':[],'ingress':["
     "{'type':'IPAddress','value':'2001:db8::1'},{'type':'Hostname','value':'lb.example.com'}]}",
     "True",
     "Available",
     "True",
     "AddressAssigned",
     "True",
     "Available",
     "['2001:db8::1','lb.example.com']"},
    {"headless",
     DEPLOYED,
     "{'type':'ClusterIP','clusterIPs':['None'],'ingress':[],'ports':[]}",
     "True",
     "Available",
     "True",
     "Headless",
     "True",
     "Available",
     NULL},
    {"a rollout under way stays available",
     "{'generation':2,'observedGeneration':2,'wanted':2,'replicas':3,'updated':1,'ready':2,"
     "'available':2}",
     "{'type':'NodePort','clusterIPs':['10.0.0.7'],'ingress':[],'ports':[]}",
     "True",
     "RolloutInProgress",
     "True",
     "AddressAssigned",
     "True",
     "Available",
     "['10.0.0.7']"},
    {"a rollout that is stuck is told",
     "{'generation':2,'observedGeneration':2,'wanted':2,'replicas':3,'updated':1,'ready':2,"
     "'available':2,'problem':'exceeded quota'}",
     "{'type':'ClusterIP','clusterIPs':['10.0.0.7'],'ingress':[],'ports':[]}",
     "False",
     "RolloutFailed",
     "True",
     "AddressAssigned",
     "False",
     "ReconcileFailed",
     "['10.0.0.7']"},
    {"scaled to zero on purpose",
     "{'generation':1,'observedGeneration':1,'wanted':0,'replicas':0,'updated':0,'ready':0,"
     "'available':0}",
     "{'type':'ClusterIP','clusterIPs':['10.0.0.7'],'ingress':[],'ports':[]}",
     "True",
     "ScaledToZero",
     "True",
     "AddressAssigned",
     "True",
     "Available",
     "['10.0.0.7']"},
};

START_TEST(says_what_is_there)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        set_up(row->deployment, row->service);
        struct status_input in = input();
        json_auto_t *status = status_make(&in);
        ck_assert_msg(status != NULL, "%s", row->name);
        expect(status, "Accepted", "True", "Accepted");
        expect(status, "Available", row->available, row->available_reason);
        expect(status, "AddressAssigned", row->address, row->address_reason);
        const json_t *ready = conditions_find(jx_array(status, "conditions"), "Ready");
        ck_assert_str_eq(jx_str(ready, "status", ""), row->ready);
        ck_assert_str_eq(jx_str(status, "Status", ""), row->state);
        json_auto_t *addresses = row->addresses ? cluster_json(row->addresses) : NULL;
        const json_t *shown = jx_array(status, "GatewayAddress");
        ck_assert_msg(addresses ? json_equal(addresses, shown) : !shown, "%s", row->name);
        ck_assert_int_eq(jx_int(status, "observedGeneration", 0), 1);
        tear_down();
    }
}
END_TEST

START_TEST(invalid_spec_names_the_field)
{
    set_up(DEPLOYED, NULL);
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    problems_add(&problems, "spec.type", "must be ingress or egress");
    struct status_input in = input();
    in.gw = NULL;
    in.problems = &problems;
    json_auto_t *status = status_make(&in);
    expect(status, "Accepted", "False", "InvalidSpec");
    expect(status, "Programmed", "Unknown", "InvalidSpec");
    expect(status, "Ready", "False", "InvalidSpec");
    ck_assert_str_eq(jx_str(status, "Status", ""), "ReconcileFailed");
    ck_assert_str_eq(jx_str(status, "ErrorMessage", ""), "spec.type: must be ingress or egress");
    tear_down();
}
END_TEST

START_TEST(failures_are_told_with_their_object)
{
    set_up(DEPLOYED, NULL);
    char name[] = "gw", message[] = "exists";
    struct status_failure failure = {&object_service, name, "Conflict", message};
    struct status_input in = input();
    in.failures = &failure;
    in.failure_count = 1;
    json_auto_t *status = status_make(&in);
    expect(status, "Programmed", "False", "Conflict");
    expect(status, "Ready", "False", "Conflict");
    ck_assert_str_eq(jx_str(status, "ErrorMessage", ""), "Service gw: exists");
    tear_down();
}
END_TEST

START_TEST(a_certificate_that_cannot_be_written)
{
    set_up(DEPLOYED, NULL);
    char name[] = "gw-web", denied[] = "no",
         down[] = "Internal error occurred: failed calling webhook";
    char waits[] = "server web: The Certificate has not been made yet.";
    struct certs_told told = {
        .certificates = {.status = CONDITION_FALSE, .reason = "NotReady", .message = waits}};
    struct status_failure failure = {&object_certificate, name, "Denied", denied};
    struct status_input in = input();
    in.certs = &told;
    in.failures = &failure;
    json_auto_t *waiting = status_make(&in);
    expect(waiting, "CertificatesReady", "False", "NotReady");
    in.failure_count = 1;
    json_auto_t *refused = status_make(&in);
    expect(refused, "CertificatesReady", "False", "Denied");
    failure.message = down;
    json_auto_t *unanswered = status_make(&in);
    expect(unanswered, "CertificatesReady", "False", "CertManagerWebhook");
    told.certificates.status = CONDITION_TRUE;
    told.certificates.reason = "Issued";
    json_auto_t *issued = status_make(&in);
    expect(issued, "CertificatesReady", "True", "Issued");
    tear_down();
}
END_TEST

START_TEST(a_left_over_is_no_failure)
{
    set_up(DEPLOYED, NULL);
    struct status_input in = input();
    in.left_over = "Role gw-role-sds";
    json_auto_t *status = status_make(&in);
    expect(status, "Programmed", "True", STATUS_LEFT_OVER);
    const json_t *programmed = conditions_find(jx_array(status, "conditions"), "Programmed");
    ck_assert_ptr_nonnull(strstr(jx_str(programmed, "message", ""), "Role gw-role-sds"));
    tear_down();
}
END_TEST

START_TEST(what_others_wrote_into_the_status_is_taken_away)
{
    set_up(DEPLOYED, NULL);
    struct status_input in = input();
    json_auto_t *status = status_make(&in);
    json_object_set(object, "status", status);
    ck_assert_ptr_null(status_surplus(object, status));
    json_auto_t *theirs = cluster_json("{'Status':'Available','GatewayAddress':['192.0.2.1']}");
    json_object_set(object, "status", theirs);
    json_auto_t *surplus = status_surplus(object, status);
    json_auto_t *expected = cluster_json("{'GatewayAddress':null}");
    ck_assert(json_equal(surplus, expected));
    tear_down();
}
END_TEST

/* Says the same twice: same bytes, also when the clock moved on; transition times stay. */
START_TEST(a_settled_status_is_not_written_again)
{
    set_up(DEPLOYED, "{'type':'ClusterIP','clusterIPs':['10.0.0.7'],'ingress':[],'ports':[]}");
    struct status_input in = input();
    json_auto_t *status = status_make(&in);
    ck_assert(!status_same(object, status));
    json_object_set(object, "status", status);
    in.now = 60000000;
    json_auto_t *again = status_make(&in);
    ck_assert(status_same(object, again));
    json_array_append_new(jx_array(object, "status.conditions"),
                          cluster_json("{'type':'Theirs','status':'True'}"));
    ck_assert(status_same(object, again));
    json_object_set_new(json_object_get(object, "status"), "readyReplicas", INT(1));
    ck_assert(!status_same(object, again));
    tear_down();
}
END_TEST

START_TEST(transition_time_moves_with_the_status_only)
{
    json_auto_t *old = cluster_json("[{'type':'A','status':'True','lastTransitionTime':'then'},"
                                    "{'type':'B','status':'True','lastTransitionTime':'then'}]");
    struct conditions c;
    conditions_init(&c, old, 3, 0);
    conditions_add(&c, "A", CONDITION_TRUE, "Other", "other text");
    conditions_add(&c, "B", CONDITION_FALSE, "Down", "");
    ck_assert_str_eq(jx_str(conditions_find(c.list, "A"), "lastTransitionTime", ""), "then");
    ck_assert_str_eq(jx_str(conditions_find(c.list, "B"), "lastTransitionTime", ""),
                     "1970-01-01T00:00:00Z");
    ck_assert_int_eq(jx_int(conditions_find(c.list, "B"), "observedGeneration", 0), 3);
    json_decref(c.list);
}
END_TEST

/* JSON takes whole characters only: a condition cut within one would be missing. */
START_TEST(a_long_message_is_cut_at_a_character)
{
    for (size_t shift = 0; shift < 3; shift++) {
        AUTO_STRBUF struct strbuf message = STRBUF_INIT(100000);
        while (message.len < shift)
            strbuf_addc(&message, '.');
        while (message.len < 40000)
            strbuf_adds(&message, "\xe2\x82\xac");
        struct conditions c;
        conditions_init(&c, NULL, 1, 0);
        conditions_add(&c, "A", CONDITION_FALSE, "Long", message.text);
        const char *text = jx_str(conditions_find(c.list, "A"), "message", "");
        ck_assert_uint_gt(strlen(text), 30000);
        ck_assert_uint_lt(strlen(text), 32768);
        json_decref(c.list);
    }
}
END_TEST

/* UpToDate is no part of Ready: a gateway that waits for its turn serves as before. */
START_TEST(waiting_for_the_turn)
{
    set_up(DEPLOYED, "{'type':'ClusterIP','clusterIPs':['10.0.0.7'],'ingress':[],'ports':[]}");
    struct status_input in = input();
    json_auto_t *steady = status_make(&in);
    expect(steady, "UpToDate", "True", "UpToDate");
    in.waits_to_roll = true;
    json_auto_t *waits = status_make(&in);
    expect(waits, "UpToDate", "False", "WaitingForTurn");
    expect(waits, "Ready", "True", "Ready");
    expect(waits, "Programmed", "True", "Programmed");
    in.gw = NULL;
    in.waits_to_roll = false;
    in.problems = &(const struct problems)PROBLEMS_INIT;
    json_auto_t *invalid = status_make(&in);
    expect(invalid, "UpToDate", "Unknown", "NotProgrammed");
    tear_down();
}
END_TEST

START_TEST(injection_is_part_of_ready)
{
    static const struct {
        enum injection_answer answer;
        const char *status, *ready;
    } cases[] = {
        {INJECTION_READY, "True", "True"},
        {INJECTION_NOT_READY, "False", "False"},
        {INJECTION_STUCK, "False", "False"},
    };
    set_up(DEPLOYED, "{'type':'ClusterIP','clusterIPs':['10.0.0.7'],'ingress':[],'ports':[]}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char message[] = "m";
        struct injection_verdict verdict = {cases[i].answer, "R", message};
        struct status_input in = input();
        in.injection = &verdict;
        json_auto_t *status = status_make(&in);
        expect(status, "InjectionReady", cases[i].status, "R");
        expect(status, "Ready", cases[i].ready, i == 0 ? "Ready" : "R");
    }
    tear_down();
}
END_TEST

START_TEST(proxy_in_use)
{
    static const struct {
        const char *image, *version;
    } cases[] = {
        {"docker.io/istio/proxyv2:1.31.1-distroless", "1.31.1-distroless"},
        {"localhost:5000/proxyv2", "latest"},
        {"localhost:5000/proxyv2:1", "1"},
        {"r/proxyv2:1@sha256:0123", "sha256:0123"},
        {"auto", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *facts = xasprintf("{'image':'%s'}", cases[i].image);
        set_up(facts, NULL);
        struct status_input in = input();
        json_auto_t *status = status_make(&in);
        const char *found = jx_str(status, "proxy.version", NULL);
        ck_assert_pstr_eq(found, cases[i].version);
        tear_down();
    }
}
END_TEST

UNIT_MAIN("status", waiting_for_the_turn, injection_is_part_of_ready, proxy_in_use,
          says_what_is_there, invalid_spec_names_the_field, failures_are_told_with_their_object,
          a_certificate_that_cannot_be_written, a_left_over_is_no_failure,
          what_others_wrote_into_the_status_is_taken_away, a_settled_status_is_not_written_again,
          transition_time_moves_with_the_status_only, a_long_message_is_cut_at_a_character)
