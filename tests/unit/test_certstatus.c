/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rows of a decision table are named after the row. */
#include "control/certstatus.h"

#include "base/now.h"
#include "control/cause.h"
#include "support/acmeroutes.h"

#define READY(status, reason)                                                                      \
    "{'type':'Ready','status':'" status "','reason':'" reason "','message':'ready " reason "'}"
#define ISSUING_NOW                                                                                \
    "{'type':'Issuing','status':'True','reason':'DoesNotExist',"                                   \
    "'message':'Issuing certificate as Secret does not exist'}"
#define ISSUING_FAILED                                                                             \
    "{'type':'Issuing','status':'False','reason':'Failed','message':'The certificate request has " \
    "failed to complete and will be retried: no'}"
#define STATUS(rest) "{'status':{" rest "}}"
#define FIRST_TIME   STATUS("'conditions':[" READY("False", "DoesNotExist") "," ISSUING_NOW "]")
#define ISSUED                                                                                     \
    STATUS("'revision':1,'notAfter':'2027-01-01T00:00:00Z','renewalTime':'2026-12-01T00:00:00Z',"  \
           "'conditions':[" READY("True", "Ready") "]")

/* A gateway with one server "web" for a.test, whose Certificate is gw-web. */
struct fixture {
    struct world world;
    struct router_gateway *gateway;
    struct issuance_wish wishes[2];
    json_t *hosts;
    struct certstatus_input in;
    struct router_result router;
    struct certstatus status;
    bool made;
};

#define AUTO_FIXTURE AUTO(tear_down)

static void forget(struct fixture *f)
{
    if (!f->made)
        return;
    certstatus_done(&f->status);
    router_done(&f->router);
}

static void tear_down(struct fixture *f)
{
    forget(f);
    json_decref(f->hosts);
    world_done(&f->world);
}

static void set_up(struct fixture *f)
{
    *f = (struct fixture){.world = world_new(), .hosts = json_from("['a.test']")};
    f->gateway = world_gateway(&f->world, "default", "gw", "[" CLEAR("['*.test','a.test']") "]");
    const struct issuance_wish wish = {.server = "web",
                                       .name = "gw-web",
                                       .secret_name = "gw-web-tls",
                                       .hosts = f->hosts,
                                       .issuer_name = "gw-acme",
                                       .issuer_kind = "Issuer",
                                       .issuer_group = "cert-manager.io"};
    f->wishes[0] = wish;
    f->wishes[1] = wish;
    f->wishes[1].server = "api";
    f->wishes[1].name = "gw-api";
    f->wishes[1].secret_name = "gw-api-tls";
    f->gateway->wishes = f->wishes;
    f->gateway->wish_count = 1;
    ck_assert_int_eq(now_parse_time("2026-11-23T04:00:30Z", &f->in.now), 0);
    f->in.gateway = f->gateway;
    f->in.issuance = &f->world.issuance;
    f->in.cert_manager = true;
    f->in.istio = true;
    world_issuer(&f->world, NULL);
}

static const json_t *make(struct fixture *f)
{
    forget(f);
    const struct router_input input = world_input(&f->world);
    router_make(&input, &f->router);
    f->in.router = &f->router;
    certstatus_make(&f->in, &f->status);
    f->made = true;
    return json_array_get(f->status.certificates, 0);
}

/* Phase and reason of the entry, status and reason of the condition, and a part of the message. */
static void expect(struct fixture *f, const char *phase, const char *reason,
                   enum conditions_status status, const char *word, const char *part)
{
    const json_t *entry = make(f);
    ck_assert_str_eq(jx_str(entry, "phase", ""), phase);
    ck_assert_str_eq(jx_str(entry, "reason", ""), reason);
    ck_assert_msg(
        strstr(jx_str(entry, "message", ""), part) != NULL, "%s", jx_str(entry, "message", ""));
    ck_assert_str_eq(f->status.reason, word);
    ck_assert_int_eq(f->status.status, status);
    if (status == CONDITION_FALSE && f->in.istio)
        ck_assert_ptr_nonnull(strstr(f->status.message, jx_str(entry, "message", "")));
}

#define WAITS(phase, reason, part) expect(&f, phase, reason, CONDITION_FALSE, reason, part)

START_TEST(no_certificate_is_wished_for)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    f.gateway->wish_count = 0;
    make(&f);
    ck_assert_ptr_null(f.status.certificates);
    ck_assert_ptr_null(f.status.reason);
}
END_TEST

/* From nothing to the challenge, as cert-manager goes through it. */
START_TEST(first_issuance)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    WAITS("Pending", "NotReady", "has not been made yet");
    world_issuer(&f.world,
                 STATUS("'conditions':[{'type':'Ready','status':'False',"
                        "'reason':'ErrRegisterACMEAccount','message':'no such host'}]"));
    WAITS("Pending", "IssuerNotReady", "Issuer gw-acme: no such host");
    world_issuer(&f.world, NULL);
    world_certificate(&f.world, "gw", "gw-web", NULL);
    WAITS("Pending", "NotReady", "not looked at the Certificate yet");
    world_certificate(
        &f.world, "gw", "gw-web", STATUS("'conditions':[" READY("False", "DoesNotExist") "]"));
    WAITS("Pending", "NotReady", "ready DoesNotExist");
    world_certificate(&f.world, "gw", "gw-web", FIRST_TIME);
    WAITS("Issuing", "Issuing", "Secret does not exist");
    world_request(&f.world, "gw-web", "r1", 1, NULL);
    WAITS("Issuing", "Issuing", "Waiting on certificate issuance");
    world_order(&f.world, "r1", "o1", STATUS("'state':''"));
    WAITS("Issuing", "Issuing", "order at the ACME server is not placed yet");
    world_order(&f.world, "r1", "o1", NULL);
    world_challenge(&f.world,
                    "default",
                    "c1",
                    "o1",
                    "a.test",
                    STATUS("'processing':false,'presented':false,'state':''"));
    WAITS("Challenging", "ChallengePending", "challenge for a.test is not begun");
    world_challenge(&f.world, "default", "c1", "o1", "a.test", NULL);
    world_solver(&f.world, "default", "c1", "aaaaa");
    WAITS("Challenging", "ChallengePending", "challenge for a.test is pending");
    ck_assert_ptr_null(jx_get(make(&f), "notAfter"));
}
END_TEST

START_TEST(issued_renewed_expired)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    world_order(&f.world, "r1", "o1", STATUS("'state':'valid'"));
    world_request(&f.world,
                  "gw-web",
                  "r1",
                  1,
                  STATUS("'conditions':[{'type':'Ready','status':'True','reason':'Issued'}]"));
    world_certificate(&f.world, "gw", "gw-web", ISSUED);
    expect(&f, "Ready", "", CONDITION_TRUE, "Issued", "");
    json_auto_t *want =
        json_from("{'server':'web','hosts':['a.test'],'secretName':'gw-web-tls','issuerRef':{"
                  "'name':'gw-acme','kind':'Issuer','group':'cert-manager.io'},'phase':'Ready',"
                  "'notAfter':'2027-01-01T00:00:00Z','renewalTime':'2026-12-01T00:00:00Z'}");
    ck_assert(json_equal(json_array_get(f.status.certificates, 0), want));
    world_certificate(&f.world,
                      "gw",
                      "gw-web",
                      STATUS("'revision':1,'notAfter':'2027-01-01T00:00:00Z','conditions':[" READY(
                          "True", "Ready") "," ISSUING_NOW "]"));
    expect(&f, "Renewing", "Issuing", CONDITION_TRUE, "Issued", "");
    world_certificate(&f.world,
                      "gw",
                      "gw-web",
                      STATUS("'revision':1,'failedIssuanceAttempts':2,'conditions':[" READY(
                          "True", "Ready") "," ISSUING_FAILED "]"));
    expect(&f, "Renewing", "Failed", CONDITION_TRUE, "RenewalFailed", "will be retried: no");
    ck_assert_int_eq(jx_int(make(&f), "attempts", 0), 2);
    ck_assert_ptr_nonnull(strstr(f.status.message, "server web: The certificate request"));
    world_certificate(
        &f.world,
        "gw",
        "gw-web",
        STATUS("'revision':1,'conditions':[" READY("False", "Expired") "," ISSUING_FAILED "]"));
    WAITS("Failed", "Failed", "will be retried: no");
}
END_TEST

/* Each object knows more than the ones before it. */
START_TEST(the_deepest_cause)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    world_certificate(&f.world,
                      "gw",
                      "gw-web",
                      STATUS("'failedIssuanceAttempts':1,'conditions':[" READY(
                          "False", "DoesNotExist") "," ISSUING_FAILED "]"));
    WAITS("Failed", "Failed", "The certificate request has failed");
    world_request(&f.world,
                  "gw-web",
                  "r1",
                  1,
                  STATUS("'conditions':[{'type':'Ready','status':'False','reason':'Failed',"
                         "'message':'Failed to wait for order resource'}]"));
    WAITS("Failed", "Failed", "Failed to wait for order resource");
    world_order(&f.world, "r1", "o1", STATUS("'state':'errored','reason':'429: too many'"));
    WAITS("Failed", "Failed", "order at the ACME server is errored: 429: too many");
    world_challenge(&f.world, "default", "c1", "o1", "a.test", STATUS("'state':'valid'"));
    WAITS("Failed", "Failed", "429");
    world_challenge(&f.world,
                    "default",
                    "c2",
                    "o1",
                    "b.test",
                    STATUS("'state':'invalid','reason':'404 at http://b.test/'"));
    WAITS("Failed", "Failed", "challenge for b.test is invalid: 404 at http://b.test/");
    json_auto_t *want = json_from(
        "[{'dnsName':'a.test','state':'valid','routed':false},"
        "{'dnsName':'b.test','state':'invalid','reason':'404 at http://b.test/','routed':false}]");
    ck_assert(json_equal(jx_get(make(&f), "challenges"), want));
    /* An attempt that waits for its issuer says less than the issuer. */
    world_certificate(&f.world, "gw", "gw-web", FIRST_TIME);
    world_request(&f.world, "gw-web", "r2", 2, NULL);
    world_issuer(&f.world,
                 STATUS("'conditions':[{'type':'Ready','status':'False',"
                        "'reason':'ErrRegisterACMEAccount','message':'Failed to register'}]"));
    WAITS("Issuing", "IssuerNotReady", "Issuer gw-acme: Failed to register");
    world_request(&f.world,
                  "gw-web",
                  "r2",
                  2,
                  STATUS("'conditions':[{'type':'Denied','status':'True','reason':'Policy',"
                         "'message':'not these names'}]"));
    WAITS("Issuing", "Failed", "not these names");
}
END_TEST

START_TEST(challenge_is_told_with_its_route)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    world_certificate(&f.world, "gw", "gw-web", FIRST_TIME);
    world_request(&f.world, "gw-web", "r1", 1, NULL);
    world_order(&f.world, "r1", "o1", NULL);
    world_challenge(
        &f.world,
        "default",
        "c1",
        "o1",
        "a.test",
        STATUS("'reason':'did not get expected response " WORLD_TOKEN "." WORLD_THUMB "'"));
    world_solver(&f.world, "default", "c1", "aaaaa");
    WAITS("Challenging", "ChallengePending", "did not get expected response <key>");
    json_auto_t *want = json_from("[{'dnsName':'a.test','state':'pending',"
                                  "'reason':'did not get expected response <key>','routed':true}]");
    ck_assert(json_equal(jx_get(make(&f), "challenges"), want));
    AUTO_FREE char *all = jx_compact(f.status.certificates);
    ck_assert_ptr_null(strstr(all, WORLD_THUMB));
    /* What stands in the way here is told before what cert-manager sees of it. */
    world_challenge(&f.world, "default", "c1", "o1", "b.c", STATUS("'reason':'no such host'"));
    WAITS(
        "Challenging", "NoGateway", "serves b.c: list it in the servers of a MeshGateway. no such");
    ck_assert(!jx_bool(json_array_get(jx_get(make(&f), "challenges"), 0), "routed", true));
    world_challenge(&f.world, "default", "c1", "o1", "a.test", NULL);
    world_virtual_service(
        &f.world,
        "user",
        "2026-11-01T00:00:00Z",
        "{'exportTo':['.'],'hosts':['a.test'],'gateways':['gw'],'http':[{'match':["
        "{'uri':{'prefix':'/.well-known'}}]}]}");
    WAITS("Challenging", "ChallengePathShadowed", "VirtualService default/user");
    ck_assert(jx_bool(json_array_get(jx_get(make(&f), "challenges"), 0), "routed", false));
}
END_TEST

START_TEST(orphan_challenge_is_still_processing)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    world_certificate(&f.world, "gw", "gw-web", FIRST_TIME);
    world_request(&f.world, "gw-web", "r1", 1, NULL);
    world_order(&f.world, "r1", "o1", NULL);
    world_challenge(&f.world, "default", "old", "gone", "a.test", NULL);
    world_challenge(&f.world,
                    "default",
                    "c1",
                    "o1",
                    "a.test",
                    STATUS("'processing':false,'presented':false,'state':''"));
    WAITS("Challenging", "ChallengePending", "Waiting for challenge default/old");
}
END_TEST

START_TEST(port_80_not_exposed)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    f.gateway->port80 = false;
    WAITS("Failed", "Port80Missing", "port 80");
    world_certificate(&f.world, "gw", "gw-web", FIRST_TIME);
    WAITS("Failed", "Port80Missing", "port 80");
    world_issuer(&f.world, "{'spec':{'acme':{'solvers':[{'dns01':{'route53':{}}}]}}}");
    WAITS("Issuing", "Issuing", "");
}
END_TEST

START_TEST(wildcard_host)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    json_auto_t *hosts = json_from("['*.test']");
    f.wishes[0].hosts = hosts;
    world_certificate(&f.world, "gw", "gw-web", FIRST_TIME);
    WAITS("Failed", "WildcardNeedsDNS01", "Issuer gw-acme solves HTTP-01 only");
    world_issuer(&f.world, "{'spec':{'acme':{'solvers':[{'http01':{}},{'dns01':{'x':{}}}]}}}");
    WAITS("Issuing", "Issuing", "");
}
END_TEST

START_TEST(user_secret_under_our_name)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    world_certificate(&f.world,
                      "gw",
                      "gw-web",
                      STATUS("'conditions':[" READY("False", "IncorrectCertificate") "]"));
    WAITS("Failed", "SecretConflict", "Secret gw-web-tls belongs to another Certificate");
}
END_TEST

START_TEST(issuer_not_acme)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    f.gateway->port80 = false;
    world_issuer(&f.world, "{'spec':{'acme':null,'ca':{'secretName':'ca'}}}");
    world_certificate(&f.world, "gw", "gw-web", FIRST_TIME);
    WAITS("Issuing", "Issuing", "");
    world_certificate(&f.world, "gw", "gw-web", ISSUED);
    expect(&f, "Ready", "", CONDITION_TRUE, "Issued", "");
}
END_TEST

START_TEST(cert_manager_crds_absent)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    f.in.cert_manager = false;
    f.in.istio = false;
    WAITS("Pending", "CertManagerNotInstalled", "cert-manager is not installed");
}
END_TEST

START_TEST(istio_crds_absent)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    f.in.istio = false;
    world_certificate(&f.world, "gw", "gw-web", FIRST_TIME);
    expect(&f, "Issuing", "Issuing", CONDITION_FALSE, "IstioNotInstalled", "");
    world_certificate(&f.world, "gw", "gw-web", ISSUED);
    expect(&f, "Ready", "", CONDITION_TRUE, "Issued", "");
}
END_TEST

START_TEST(crds_there_controller_dead)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    world_certificate(&f.world, "gw", "gw-web", NULL); /* 30 s ago */
    WAITS("Pending", "NotReady", "");
    ck_assert_int_eq(f.status.recheck_ms, 30000);
    f.in.now += f.status.recheck_ms * 1000;
    WAITS("Failed", "CertManagerNotResponding", "is its controller running?");
    ck_assert_int_eq(f.status.recheck_ms, 0);
    world_certificate(&f.world, "gw", "gw-web", FIRST_TIME);
    WAITS("Issuing", "Issuing", "");
}
END_TEST

/* A spec that changed makes what was said out of date, but cert-manager did speak. */
START_TEST(earlier_generation_is_no_silence)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    f.in.now += INT64_C(3600000000);
    world_certificate(&f.world,
                      "gw",
                      "gw-web",
                      "{'metadata':{'generation':2},'status':{'revision':1,'conditions':[{"
                      "'type':'Ready','status':'True','reason':'Ready','observedGeneration':1}]}}");
    WAITS("Pending", "NotReady", "not looked at the Certificate yet");
    ck_assert(certstatus_was_issued(
        issuance_certificate(&f.world.issuance, "default", "gw", "gw-web"), f.wishes, NULL));
}
END_TEST

START_TEST(temporary_certificate_is_none)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    world_certificate(&f.world,
                      "gw",
                      "gw-web",
                      STATUS("'notAfter':'2027-01-01T00:00:00Z','conditions':[" READY(
                          "True", "Ready") "," ISSUING_NOW "]"));
    WAITS("Issuing", "Issuing", "");
    ck_assert_ptr_null(jx_get(make(&f), "notAfter"));
    world_certificate(&f.world,
                      "gw",
                      "gw-web",
                      STATUS("'notAfter':'2027-01-01T00:00:00Z','failedIssuanceAttempts':1,"
                             "'conditions':[" READY("True", "Ready") "," ISSUING_FAILED "]"));
    WAITS("Failed", "Failed", "");
    ck_assert_ptr_null(jx_get(make(&f), "notAfter"));
}
END_TEST

START_TEST(https_is_never_taken_away)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    const struct issuance_wish *wish = &f.wishes[0];
    ck_assert(!certstatus_was_issued(NULL, wish, NULL));
    world_certificate(&f.world, "gw", "gw-web", ISSUED);
    make(&f);
    json_auto_t *old = json_incref(f.status.certificates);
    /* Deleted and made anew, or cert-manager taken away: the Secret stays. */
    world_certificate(&f.world, "gw", "gw-web", FIRST_TIME);
    f.in.old = old;
    ck_assert(certstatus_was_issued(
        issuance_certificate(&f.world.issuance, "default", "gw", "gw-web"), wish, old));
    WAITS("Renewing", "Issuing", "");
    ck_assert_str_eq(jx_str(make(&f), "notAfter", ""), "2027-01-01T00:00:00Z");
    json_auto_t *next = json_incref(f.status.certificates);
    ck_assert(certstatus_was_issued(NULL, wish, next));
    f.wishes[0].secret_name = "another";
    ck_assert(!certstatus_was_issued(NULL, wish, next));
}
END_TEST

START_TEST(several_certificates)
{
    AUTO_FIXTURE struct fixture f;
    set_up(&f);
    f.gateway->wish_count = 2;
    world_certificate(&f.world, "gw", "gw-web", ISSUED);
    world_certificate(&f.world, "gw", "gw-api", FIRST_TIME);
    make(&f);
    ck_assert_uint_eq(json_array_size(f.status.certificates), 2);
    ck_assert_str_eq(f.status.reason, "Issuing");
    ck_assert_str_eq(f.status.message, "server api: Issuing certificate as Secret does not exist");
    world_certificate(&f.world,
                      "gw",
                      "gw-web",
                      STATUS("'failedIssuanceAttempts':1,'conditions':[" ISSUING_FAILED "]"));
    make(&f);
    ck_assert_str_eq(f.status.reason, "Failed");
    ck_assert_ptr_nonnull(strstr(f.status.message, "; server api: Issuing"));
}
END_TEST

UNIT_MAIN("certstatus", no_certificate_is_wished_for, first_issuance, issued_renewed_expired,
          the_deepest_cause, challenge_is_told_with_its_route, orphan_challenge_is_still_processing,
          port_80_not_exposed, wildcard_host, user_secret_under_our_name, issuer_not_acme,
          cert_manager_crds_absent, istio_crds_absent, crds_there_controller_dead,
          earlier_generation_is_no_silence, temporary_certificate_is_none,
          https_is_never_taken_away, several_certificates)
