/* SPDX-License-Identifier: Apache-2.0 */
#include "control/issuance.h"
#include "control/pack.h"
#include "support/acmeworld.h"
#include "support/json.h"
#include "support/unit.h"

#define KEY WORLD_TOKEN "." WORLD_THUMB

struct told_row {
    const char *text, *key, *told;
};

static const struct told_row told_rows[] = {
    /* cert-manager v1.21.2, pkg/issuer/acme/http/http.go */
    {"Waiting for HTTP-01 challenge propagation: did not get expected response \"" KEY
     "\" when querying endpoint",
     KEY,
     "Waiting for HTTP-01 challenge propagation: did not get expected response \"<key>\" when "
     "querying endpoint"},
    /* Boulder, in an Order whose challenges' keys are not at hand */
    {"Expected \"" KEY "\" (got \"x\")", NULL, "Expected \"<key>\" (got \"x\")"},
    {"x." KEY, NULL, "x.<key>"},
    {"a" KEY KEY, KEY, "a<key><key>"},
    {"no token." WORLD_THUMB, NULL, "no token." WORLD_THUMB},
    {"Failed: gw-web-tls-1-1234567890.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test",
     NULL,
     "Failed: gw-web-tls-1-1234567890.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test"},
    /* Go tells the local port, which is another one each time. */
    {"read tcp 127.0.0.1:57676->127.0.7.7:80: read: connection reset by peer",
     NULL,
     "read tcp 127.0.7.7:80: read: connection reset by peer"},
    {"read udp [fd00::7]:44321->[fd00::a]:53: i/o timeout",
     NULL,
     "read udp [fd00::a]:53: i/o timeout"},
    {"dial tcp: lookup a.test on 10.96.0.10:53: no such host",
     NULL,
     "dial tcp: lookup a.test on 10.96.0.10:53: no such host"},
    {"->->", NULL, ""},
    {"", "", ""},
};

START_TEST(what_is_told)
{
    for (size_t i = 0; i < ARRAY_LEN(told_rows); i++) {
        AUTO_FREE char *told = pack_told(told_rows[i].text, told_rows[i].key);
        ck_assert_str_eq(told, told_rows[i].told);
    }
    AUTO_FREE char *long_text = xcalloc(1, 4001);
    memset(long_text, 'e', 1022);
    memset(long_text + 1022, '\xc3', 1);
    memset(long_text + 1023, '\xa9', 1);
    memset(long_text + 1024, 'e', 2976);
    AUTO_FREE char *cut = pack_told(long_text, NULL);
    ck_assert_uint_eq(strlen(cut), 1024);
    AUTO_FREE char *shifted = pack_told(long_text + 1, NULL);
    ck_assert_uint_eq(strlen(shifted), 1024);
    long_text[1021] = '\xc3';
    long_text[1022] = '\xa9';
    long_text[1023] = '\xc3';
    long_text[1024] = '\xa9';
    AUTO_FREE char *at_a_character = pack_told(long_text, NULL);
    ck_assert_uint_eq(strlen(at_a_character), 1023);
}
END_TEST

/* Every text of a record lies in its one piece of memory, behind the struct. */
static bool holds(const struct issuance_object *record, const char *needle)
{
    const char *end = record->challenge.reason + strlen(record->challenge.reason) + 1;
    return memmem(record, (size_t)(end - (const char *)record), needle, strlen(needle)) != NULL;
}

START_TEST(a_challenge)
{
    json_auto_t *object = world_challenge_object(
        "default",
        "c1",
        "o1",
        "A.Test",
        "{'status':{'reason':'did not get expected response " KEY " when querying endpoint'}}");
    struct issuance_object *record = issuance_of(ISSUANCE_CHALLENGE, object);
    ck_assert_str_eq(record->uid, "c1");
    ck_assert_str_eq(record->key, "c1");
    ck_assert_str_eq(record->ns, "default");
    ck_assert_str_eq(record->owner, "o1");
    ck_assert_str_eq(record->challenge.dns_name, "a.test");
    ck_assert_str_eq(record->challenge.token, "token-c1");
    ck_assert_str_eq(record->challenge.state, "pending");
    ck_assert_str_eq(record->challenge.reason,
                     "did not get expected response <key> when querying endpoint");
    ck_assert(record->challenge.http01 && record->challenge.processing);
    ck_assert(!record->challenge.deleting);
    ck_assert_int_eq(record->challenge.solver, ISSUANCE_BY_OURS);
    ck_assert(holds(record, "token-c1"));
    ck_assert_msg(!holds(record, WORLD_THUMB), "the record holds the key");
    ck_assert_uint_lt((size_t)(record->challenge.reason - (const char *)record), 512);
    free(record);
}
END_TEST

START_TEST(a_certificate)
{
    AUTO_WORLD struct world w = world_new();
    world_certificate(&w,
                      "gw",
                      "gw-web",
                      "{'metadata':{'generation':2},'status':{'revision':3,"
                      "'failedIssuanceAttempts':2,'notAfter':'2027-01-01T00:00:00Z',"
                      "'renewalTime':'2026-12-01T00:00:00Z','conditions':["
                      "{'type':'Ready','status':'True','reason':'Ready','message':'up to date',"
                      "'observedGeneration':1},{'type':'Issuing','status':'True',"
                      "'reason':'Renewing','message':'soon','observedGeneration':2}]}}");
    const struct issuance_object *record =
        issuance_certificate(&w.issuance, "default", "gw", "gw-web");
    ck_assert_ptr_nonnull(record);
    ck_assert_str_eq(record->certificate.not_after, "2027-01-01T00:00:00Z");
    ck_assert_str_eq(record->certificate.renewal_time, "2026-12-01T00:00:00Z");
    ck_assert_int_eq(record->certificate.revision, 3);
    ck_assert_int_eq(record->certificate.attempts, 2);
    /* What is said about an earlier generation says nothing. */
    ck_assert_int_eq(record->certificate.ready.status, ISSUANCE_UNKNOWN);
    ck_assert_int_eq(record->certificate.issuing.status, ISSUANCE_TRUE);
    ck_assert_str_eq(record->certificate.issuing.reason, "Renewing");
    ck_assert(record->certificate.created > 0);
    ck_assert_ptr_null(issuance_certificate(&w.issuance, "default", "gw", "gw-api"));
    ck_assert_ptr_null(issuance_certificate(&w.issuance, "default", "gw2", "gw-web"));
}
END_TEST

/* Was it issued once? By status, the reason of the table. */
START_TEST(issued_once)
{
    static const struct {
        const char *status;
        bool issued;
    } rows[] = {
        {"{}", false},
        {"{'conditions':[{'type':'Ready','status':'False','reason':'DoesNotExist'},"
         "{'type':'Issuing','status':'True','reason':'DoesNotExist'}]}",
         false},
        {"{'revision':1,'conditions':[{'type':'Ready','status':'True'}]}", true},
        /* renewed, expired: the Secret is there all the same */
        {"{'revision':1,'conditions':[{'type':'Ready','status':'False','reason':'Expired'},"
         "{'type':'Issuing','status':'True'}]}",
         true},
        /* made anew beside its Secret */
        {"{'conditions':[{'type':'Ready','status':'True'}]}", true},
        /* a temporary certificate, and the same after the issuance failed */
        {"{'conditions':[{'type':'Ready','status':'True'},{'type':'Issuing','status':'True'}]}",
         false},
        {"{'failedIssuanceAttempts':1,'conditions':[{'type':'Ready','status':'True'},"
         "{'type':'Issuing','status':'False','reason':'Failed'}]}",
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *object =
            world_object(NULL, "{'metadata':{'uid':'c'},'status':%s}", rows[i].status);
        struct issuance_object *record = issuance_of(ISSUANCE_CERTIFICATE, object);
        ck_assert_msg(issuance_was_issued(record) == rows[i].issued, "%s", rows[i].status);
        free(record);
    }
    ck_assert(!issuance_was_issued(NULL));
}
END_TEST

START_TEST(what_ended_well_is_forgotten)
{
    AUTO_WORLD struct world w = world_new();
    world_request(&w, "cert", "r1", 1, NULL);
    world_order(&w, "r1", "o1", NULL);
    ck_assert_ptr_nonnull(issuance_child(&w.issuance, "default", "cert", ISSUANCE_REQUEST));
    world_request(&w,
                  "cert",
                  "r1",
                  1,
                  "{'status':{'conditions':[{'type':'Approved','status':'True'},"
                  "{'type':'Ready','status':'True','reason':'Issued'}]}}");
    world_order(&w, "r1", "o1", "{'status':{'state':'valid'}}");
    ck_assert_ptr_null(issuance_child(&w.issuance, "default", "cert", ISSUANCE_REQUEST));
    ck_assert_ptr_null(issuance_child(&w.issuance, "default", "r1", ISSUANCE_ORDER));
    ck_assert_ptr_null(w.issuance.children.entries);
}
END_TEST

START_TEST(the_latest_request_counts)
{
    AUTO_WORLD struct world w = world_new();
    world_request(&w, "cert", "r10", 10, NULL);
    world_request(&w, "cert", "r9", 9, NULL);
    ck_assert_str_eq(issuance_child(&w.issuance, "default", "cert", ISSUANCE_REQUEST)->name, "r10");
    world_request(&w,
                  "cert",
                  "r10",
                  10,
                  "{'status':{'conditions':[{'type':'Denied','status':'True','reason':'Policy',"
                  "'message':'no'},{'type':'Ready','status':'False','reason':'Denied'}]}}");
    const struct issuance_object *record =
        issuance_child(&w.issuance, "default", "cert", ISSUANCE_REQUEST);
    ck_assert_int_eq(record->request.ready.status, ISSUANCE_FALSE);
    ck_assert_str_eq(record->request.ready.reason, "Policy");
}
END_TEST

START_TEST(our_class_in_both_spellings)
{
    static const struct {
        const char *solver;
        enum issuance_solver kind;
    } cases[] = {
        {"{'ingress':{'class':'meshgateway-acme'}}", ISSUANCE_BY_OURS},
        {"{'ingress':{'ingressClassName':'meshgateway-acme'}}", ISSUANCE_BY_OURS},
        {"{'ingress':{'ingressClassName':'nginx'}}", ISSUANCE_BY_INGRESS},
        {"{'ingress':{}}", ISSUANCE_BY_INGRESS},
        {"{'gatewayHTTPRoute':{}}", ISSUANCE_BY_GATEWAY_API},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *more = xasprintf("{'spec':{'solver':{'http01':%s}}}", cases[i].solver);
        json_auto_t *plain = world_challenge_object("default", "c1", "o1", "a.test", NULL);
        json_auto_t *merge = json_from(more);
        json_object_del(jx_object(plain, "spec.solver"), "http01");
        json_auto_t *object = jx_merge(plain, merge);
        struct issuance_object *record = issuance_of(ISSUANCE_CHALLENGE, object);
        ck_assert_int_eq(record->challenge.solver, cases[i].kind);
        free(record);
    }
}
END_TEST

START_TEST(from_challenge_to_certificate)
{
    AUTO_WORLD struct world w = world_new();
    world_challenge(&w, "default", "c1", "o1", "a.test", NULL);
    world_solver(&w, "default", "c1", "aaaaa");
    world_request(&w, "cert", "r1", 1, NULL);
    world_certificate(&w, "gw", "cert", NULL);
    const struct issuance_object *solver =
        issuance_child(&w.issuance, "default", "c1", ISSUANCE_SOLVER);
    ck_assert_int_eq(solver->solver.port, 8089);
    ck_assert_ptr_null(issuance_head(&w.issuance, solver)); /* the Order did not come yet */
    world_order(&w, "r1", "o1", NULL);
    ck_assert_str_eq(issuance_head(&w.issuance, solver)->owner_name, "gw");
}
END_TEST

START_TEST(issuers)
{
    AUTO_WORLD struct world w = world_new();
    struct issuance_wish wish = {
        .issuer_name = "gw-acme", .issuer_kind = "Issuer", .issuer_group = "cert-manager.io"};
    world_issuer(&w, NULL);
    const struct issuance_object *issuer = issuance_issuer(&w.issuance, "default", &wish);
    ck_assert_ptr_nonnull(issuer);
    ck_assert(issuer->issuer.http01 && !issuer->issuer.dns01);
    ck_assert_ptr_null(issuance_issuer(&w.issuance, "other", &wish));
    wish.issuer_kind = "ClusterIssuer";
    ck_assert_ptr_null(issuance_issuer(&w.issuance, "default", &wish));
    world_issuer(
        &w,
        "{'metadata':{'namespace':null},'spec':{'acme':{'solvers':["
        "{'http01':{'ingress':{'ingressClassName':'nginx'}}},{'dns01':{'route53':{}}}]}}}");
    issuer = issuance_issuer(&w.issuance, "default", &wish);
    ck_assert_ptr_nonnull(issuer);
    ck_assert(issuer->issuer.http01 && issuer->issuer.dns01);
    wish.issuer_group = "example.com";
    ck_assert_ptr_null(issuance_issuer(&w.issuance, "default", &wish));
    world_issuer(&w, "{'spec':{'acme':null,'ca':{'secretName':'x'}}}");
    ck_assert(!issuance_find(&w.issuance, ISSUANCE_ISSUER, "default/gw-acme")->issuer.http01);
}
END_TEST

START_TEST(only_a_change_is_one)
{
    AUTO_WORLD struct world w = world_new();
    struct issuance *set = &w.issuance;
    ck_assert(
        world_put(&w, ISSUANCE_CHALLENGE, world_challenge_object("d", "c1", "o1", "a", NULL)));
    ck_assert(!world_put(&w,
                         ISSUANCE_CHALLENGE,
                         world_challenge_object("d", "c1", "o1", "a", "{'spec':{'url':'other'}}")));
    ck_assert(
        world_put(&w,
                  ISSUANCE_CHALLENGE,
                  world_challenge_object("d", "c1", "o1", "a", "{'status':{'processing':false}}")));
    /* A watch that begins anew finds out what went meanwhile. */
    issuance_begin(set, ISSUANCE_CHALLENGE, NULL);
    ck_assert(
        world_put(&w, ISSUANCE_CHALLENGE, world_challenge_object("d", "c2", "o1", "a", NULL)));
    ck_assert(issuance_synced(set, ISSUANCE_CHALLENGE, NULL));
    ck_assert_ptr_null(issuance_find(set, ISSUANCE_CHALLENGE, "c1"));
    ck_assert(!issuance_synced(set, ISSUANCE_CHALLENGE, NULL));
    json_auto_t *gone = world_challenge_object("d", "c1", "o1", "a", NULL);
    ck_assert(!issuance_remove(set, ISSUANCE_CHALLENGE, gone));
}
END_TEST

/* Replaces the value at the n-th place of a document, in depth-first order; returns what is left.
 */
static int replace(json_t *value, int n, json_t *by)
{
    const char *key;
    size_t i;
    json_t *part;
    json_object_foreach (value, key, part) {
        if (n-- == 0) {
            json_object_set(value, key, by);
            return -1;
        }
        if ((n = replace(part, n, by)) < 0)
            return -1;
    }
    json_array_foreach (value, i, part) {
        if (n-- == 0) {
            json_array_set(value, i, by);
            return -1;
        }
        if ((n = replace(part, n, by)) < 0)
            return -1;
    }
    return n;
}

/* Every value of every object becomes one of every type. */
START_TEST(hostile_objects)
{
    static const char *const values[] = {"null",
                                         "true",
                                         "-1",
                                         "1e300",
                                         "9223372036854775807",
                                         "''",
                                         "'x'",
                                         "[]",
                                         "{}",
                                         "[null,1,'x',[],{}]",
                                         "{'x':{'y':[]}}"};
    const char *const objects[] = {
        "{'metadata':{'name':'n','namespace':'d','uid':'u','generation':1,'creationTimestamp':'x',"
        "'annotations':{'cert-manager.io/certificate-revision':'99999999999999999999'},"
        "'deletionTimestamp':'x','ownerReferences':[{'controller':true,'uid':'o','name':'n',"
        "'kind':'MeshGateway'}]},"
        "'spec':{'acme':{'solvers':[{'http01':{'ingress':{'class':'x'}},'dns01':{}}]},"
        "'secretName':'s','ports':[{'port':1}],'dnsName':'a.b','token':'t','key':'k',"
        "'type':'HTTP-01','solver':{'http01':{'ingress':{'class':'c'},'gatewayHTTPRoute':{}}}},"
        "'status':{'state':'pending','reason':'k','processing':true,'presented':true,'revision':1,"
        "'failedIssuanceAttempts':1,'notAfter':'x','renewalTime':'x','conditions':["
        "{'type':'Ready','status':'False','reason':'r','message':'m','observedGeneration':1},"
        "{'type':'Issuing','status':'True'},{'type':'Denied','status':'True'}]}}",
        "{'metadata':{'name':'n','namespace':'d','uid':'u','creationTimestamp':'x'},"
        "'spec':{'selector':{'a':'b'},'servers':[{'port':{'number':80,'protocol':'HTTP'},"
        "'hosts':['a','b'],'tls':{'httpsRedirect':true,'mode':'SIMPLE'}}],'exportTo':['.'],"
        "'gateways':['g'],'hosts':['a'],'http':[{'match':[{'uri':{'prefix':'/a'},'port':80,"
        "'gateways':['g'],'authority':{'exact':'a'},'headers':{'x-envoy-x':{'exact':'x'}},"
        "'method':{'exact':'GET'},'ignoreUriCase':true}],'redirect':{'scheme':'https'}}]}}",
    };
    for (size_t o = 0; o < ARRAY_LEN(objects); o++)
        for (size_t v = 0; v < ARRAY_LEN(values); v++)
            for (int n = 0, left = -1; left < 0; n++) {
                AUTO_WORLD struct world w = world_new();
                json_auto_t *object = json_from(objects[o]);
                json_auto_t *value = json_from(values[v]);
                left = replace(object, n, value);
                for (enum issuance_kind kind = 0; kind < ISSUANCE_KINDS; kind++)
                    issuance_put(&w.issuance, kind, object);
                istio_put_gateway(&w.istio, object);
                istio_put_service(&w.istio, object);
                const struct router_input input = world_input(&w);
                struct router_result result;
                router_make(&input, &result);
                ck_assert_uint_eq(result.verdict_count, 1);
                router_done(&result);
            }
    AUTO_WORLD struct world w = world_new();
    json_auto_t *none = json_array();
    for (enum issuance_kind kind = 0; kind < ISSUANCE_KINDS; kind++) {
        issuance_put(&w.issuance, kind, none);
        issuance_remove(&w.issuance, kind, none);
        ck_assert_ptr_null(w.issuance.objects[kind]);
    }
}
END_TEST

UNIT_MAIN("issuance", our_class_in_both_spellings, what_is_told, a_challenge, a_certificate,
          issued_once, what_ended_well_is_forgotten, the_latest_request_counts,
          from_challenge_to_certificate, issuers, only_a_change_is_one, hostile_objects)
