/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rows of a decision table are named after the row. */
#include "control/router.h"
#include "support/acmeroutes.h"
#include "support/unit.h"

START_TEST(redirect_off)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "default", "gw", "[" CLEAR("['a.test']") "]");
    expect_routes(&w, "default", "gw", NULL);
    challenge(&w, "a.test");
    expect_routes(&w, "default", "gw", "[" ROUTE("a.test", "c1", "aaaaa", "") "]");
    expect_verdict(&w, "c1", "Routed", "");
}
END_TEST

START_TEST(redirect_on_is_by_route)
{
    AUTO_WORLD struct world w = world_new();
    struct router_gateway *gw = world_gateway(
        &w, "default", "gw", "[" CLEAR("['a.test']") "," HTTPS("SIMPLE", "['a.test']") "]");
    json_auto_t *redirected = json_from("['a.test']");
    gw->redirected = redirected;
    challenge(&w, "a.test");
    expect_routes(&w, "default", "gw", "[" ROUTE("a.test", "c1", "aaaaa", "") "]");
}
END_TEST

START_TEST(foreign_gateway_redirects)
{
    AUTO_WORLD struct world w = world_new();
    struct router_gateway *gw = world_gateway(&w, "default", "gw", NULL);
    world_istio_gateway(&w,
                        "apps",
                        "front",
                        "{'gateway-name':'gw'}",
                        "[" REDIRECT("['a.test']") "," HTTPS("SIMPLE", "['a.test']") "]");
    challenge(&w, "a.test");
    expect_routes(&w,
                  "default",
                  "gw",
                  "[" ROUTE("a.test", "c1", "aaaaa", ",'gateway':'apps/front','https':true") "]");
    expect_verdict(&w, "c1", "Routed", "");
    /* Our own Certificate gets the annotation; at a user's own we can only say that it is needed.
     */
    json_auto_t *hosts = json_from("['b.test','a.test']");
    const struct issuance_wish wishes[] = {{.server = "web", .hosts = hosts}};
    gw->wishes = wishes;
    gw->wish_count = 1;
    json_auto_t *temporary = router_temporary(gw, &w.istio);
    ck_assert_str_eq(json_string_value(json_array_get(temporary, 0)), "web");
    world_order(&w, "r1", "o1", NULL);
    world_request(&w, "cert", "r1", 1, NULL);
    world_certificate(&w, "gw", "cert", NULL);
    expect_verdict(&w, "c1", "TemporaryCertificateMissing", "issue-temporary-certificate");
    world_certificate(
        &w,
        "gw",
        "cert",
        "{'metadata':{'annotations':{'cert-manager.io/issue-temporary-certificate':'true'}}}");
    expect_verdict(&w, "c1", "Routed", "");
}
END_TEST

START_TEST(foreign_gateway_redirects_to_nowhere)
{
    AUTO_WORLD struct world w = world_new();
    struct router_gateway *gw = world_gateway(&w, "default", "gw", NULL);
    challenge(&w, "a.test");
    world_istio_gateway(&w,
                        "apps",
                        "front",
                        "{'app':'gw'}",
                        "[" REDIRECT("['a.test']") "," HTTPS("MUTUAL", "['a.test']") "]");
    expect_verdict(&w, "c1", "RedirectBlocksHTTP01", "default/gw redirects a.test");
    expect_routes(&w, "default", "gw", NULL);
    world_istio_gateway(&w,
                        "apps",
                        "front",
                        "{'app':'gw'}",
                        "[" REDIRECT("['a.test']") "," HTTPS("OPTIONAL_MUTUAL", "['a.test']") "]");
    expect_verdict(&w, "c1", "Routed", "");
    gw->port443 = false;
    expect_verdict(&w, "c1", "RedirectBlocksHTTP01", "443");
}
END_TEST

START_TEST(foreign_gateway_of_other_pods)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "default", "gw", NULL);
    world_istio_gateway(
        &w, "apps", "front", "{'app':'gw','istio':'ingress'}", "[" CLEAR("['a.test']") "]");
    challenge(&w, "a.test");
    expect_verdict(&w, "c1", "NoGateway", "namespace default serves a.test");
    /* No selector selects all pods. */
    world_istio_gateway(&w, "apps", "any", "{}", "[" CLEAR("['a.test']") "]");
    expect_routes(
        &w, "default", "gw", "[" ROUTE("a.test", "c1", "aaaaa", ",'gateway':'apps/any'") "]");
}
END_TEST

START_TEST(port_80_not_exposed)
{
    AUTO_WORLD struct world w = world_new();
    struct router_gateway *gw = world_gateway(&w, "default", "gw", "[" CLEAR("['a.test']") "]");
    challenge(&w, "a.test");
    gw->port80 = false;
    expect_verdict(&w, "c1", "Port80Missing", "default/gw");
    expect_routes(&w, "default", "gw", NULL);
    w.count = 0;
    istio_gateway_free((struct istio_gateway *)(uintptr_t)gw->own);
    world_gateway(
        &w, "default", "gw", "[{'port':{'number':8080,'protocol':'HTTP'},'hosts':['a.test']}]");
    expect_verdict(&w, "c1", "Port80Missing", "a.test");
}
END_TEST

START_TEST(several_hosts_on_one_server)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "default", "gw", "[" CLEAR("['b.test','a.test']") "]");
    world_challenge(&w, "default", "c2", "o1", "b.test", NULL);
    world_solver(&w, "default", "c2", "bbbbb");
    challenge(&w, "a.test");
    expect_routes(
        &w,
        "default",
        "gw",
        "[" ROUTE("a.test", "c1", "aaaaa", "") "," ROUTE("b.test", "c2", "bbbbb", "") "]");
}
END_TEST

START_TEST(same_host_in_two_gateways)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "default", "gw", "[" CLEAR("['a.test']") "]");
    world_gateway(&w, "default", "gw2", "[" CLEAR("['a.test']") "]");
    challenge(&w, "a.test");
    /* Whichever of them DNS points at answers; cert-manager lets the other challenge wait. */
    expect_routes(&w, "default", "gw", "[" ROUTE("a.test", "c1", "aaaaa", "") "]");
    expect_routes(&w, "default", "gw2", "[" ROUTE("a.test", "c1", "aaaaa", "") "]");
    world_challenge(
        &w, "other", "c2", "o2", "a.test", "{'status':{'processing':false,'state':''}}");
    world_gateway(&w, "other", "gw", "[" CLEAR("['a.test']") "]");
    expect_verdict(&w, "c2", "WaitingForChallenge", "a challenge of another namespace");
}
END_TEST

START_TEST(orphan_challenge_is_still_processing)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "default", "gw", "[" CLEAR("['a.test']") "]");
    world_challenge(&w, "default", "old", "gone", "a.test", NULL);
    world_challenge(&w,
                    "default",
                    "new",
                    "o1",
                    "a.test",
                    "{'status':{'processing':false,'presented':false,'state':''}}");
    expect_verdict(&w, "new", "WaitingForChallenge", "default/old");
    world_challenge(&w, "default", "old", "gone", "a.test", "{'status':{'state':'valid'}}");
    expect_verdict(&w, "new", "SolverPending", "Service");
}
END_TEST

START_TEST(user_route_on_the_exact_host)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "default", "gw", "[" CLEAR("['*.test']") "]");
    challenge(&w, "a.b.test");
    expect_routes(
        &w, "default", "gw", "[" ROUTE("a.b.test", "c1", "aaaaa", ",'host':'*.test'") "]");
    /* It makes a virtual host of its own, which Envoy then takes; ours has to be in that. */
    world_virtual_service(&w,
                          "user",
                          "2026-11-01T00:00:00Z",
                          "{'hosts':['a.b.test','x.test'],'gateways':['gw'],'http':[{}]}");
    expect_routes(&w, "default", "gw", "[" ROUTE("a.b.test", "c1", "aaaaa", "") "]");
}
END_TEST

START_TEST(user_route_with_wildcard_host_under_wildcard_server)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "default", "gw", "[" CLEAR("['*']") "]");
    world_virtual_service(&w,
                          "user",
                          "2026-11-01T00:00:00Z",
                          "{'hosts':['*.b.test','*.test'],'gateways':['default/gw'],'http':[{}]}");
    challenge(&w, "a.b.test");
    expect_routes(
        &w, "default", "gw", "[" ROUTE("a.b.test", "c1", "aaaaa", ",'host':'*.b.test'") "]");
}
END_TEST

START_TEST(issuer_of_the_user)
{
    /* Of another class: ours to route only when the Certificate is ours. */
    static const char nginx[] = "{'spec':{'solver':{'http01':{'ingress':{'class':'nginx'}}}}}";
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "default", "gw", "[" CLEAR("['a.test']") "]");
    world_gateway(&w, "default", "gw2", "[" CLEAR("['a.test']") "]");
    world_challenge(&w, "default", "c1", "o1", "a.test", nginx);
    world_solver(&w, "default", "c1", "aaaaa");
    expect_verdict(&w, "c1", "NotOurs", ISSUANCE_CLASS);
    world_order(&w, "r1", "o1", NULL);
    world_request(&w, "cert", "r1", 1, NULL);
    world_certificate(&w, "gw", "cert", NULL);
    expect_routes(&w, "default", "gw", "[" ROUTE("a.test", "c1", "aaaaa", "") "]");
    expect_routes(&w, "default", "gw2", NULL);
    /* DNS-01 and Gateway API are only watched. */
    world_challenge(&w,
                    "default",
                    "c1",
                    "o1",
                    "a.test",
                    "{'spec':{'type':'DNS-01','solver':{'dns01':{'route53':{}}}}}");
    expect_verdict(&w, "c1", "NotOurs", "");
    world_challenge(
        &w,
        "default",
        "c1",
        "o1",
        "a.test",
        "{'spec':{'solver':{'http01':{'gatewayHTTPRoute':{'serviceType':'ClusterIP'}}}}}");
    expect_verdict(&w, "c1", "NotOurs", "");
    expect_routes(&w, "default", "gw", NULL);
}
END_TEST

START_TEST(challenge_appears)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "default", "gw", "[" CLEAR("['a.test']") "]");
    world_challenge(&w, "default", "c1", "o1", "a.test", NULL);
    expect_verdict(&w, "c1", "SolverPending", "Service");
    expect_routes(&w, "default", "gw", NULL);
    world_solver(&w, "default", "c1", "aaaaa");
    world_solver(&w, "default", "another", "zzzzz");
    expect_routes(&w, "default", "gw", "[" ROUTE("a.test", "c1", "aaaaa", "") "]");
}
END_TEST

START_TEST(challenge_is_final_or_deleted)
{
    static const char *const ends[] = {
        "{'status':{'state':'valid'}}",
        "{'status':{'state':'invalid'}}",
        "{'status':{'state':'expired'}}",
        "{'status':{'state':'errored'}}",
        "{'metadata':{'deletionTimestamp':'2026-11-23T04:05:06Z'}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        AUTO_WORLD struct world w = world_new();
        world_gateway(&w, "default", "gw", "[" CLEAR("['a.test']") "]");
        challenge(&w, "a.test");
        expect_routes(&w, "default", "gw", "[" ROUTE("a.test", "c1", "aaaaa", "") "]");
        world_challenge(&w, "default", "c1", "o1", "a.test", ends[i]);
        expect_routes(&w, "default", "gw", NULL);
        expect_verdict(&w, "c1", "Over", "");
    }
}
END_TEST

START_TEST(service_recreated)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "default", "gw", "[" CLEAR("['a.test']") "]");
    challenge(&w, "a.test");
    json_auto_t *old = world_solver_object("default", "c1", "aaaaa");
    ck_assert(issuance_remove(&w.issuance, ISSUANCE_SOLVER, old));
    expect_verdict(&w, "c1", "SolverPending", "");
    world_solver(&w, "default", "c1", "bbbbb");
    expect_routes(&w, "default", "gw", "[" ROUTE("a.test", "c1", "bbbbb", "") "]");
}
END_TEST

START_TEST(gateways_of_other_namespaces_do_not_answer)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "bank", "gw", "[" CLEAR("['bank.test']") "]");
    challenge(&w, "bank.test");
    expect_verdict(&w, "c1", "OtherNamespace", "bank.test is served in another namespace");
    expect_routes(&w, "bank", "gw", NULL);
}
END_TEST

/* Owners are of the same namespace; whoever says otherwise wants somebody else's challenge. */
START_TEST(services_of_other_namespaces_are_no_solvers)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(&w, "default", "gw", "[" CLEAR("['a.test']") "]");
    world_challenge(&w, "default", "c1", "o1", "a.test", NULL);
    world_solver(&w, "evil", "c1", "aaaaa");
    expect_verdict(&w, "c1", "SolverPending", "");
    expect_routes(&w, "default", "gw", NULL);
}
END_TEST

/* A VirtualService that Istio refuses would take the redirect away too. */
START_TEST(malformed_challenges_are_not_routed)
{
    static const char *const rows[] = {
        "{'spec':{'token':''}}",
        "{'spec':{'token':'a/../b'}}",
        "{'spec':{'token':'t\\n'}}",
        "{'spec':{'dnsName':''}}",
        "{'spec':{'dnsName':'(a|b).test'}}",
        "{'spec':{'dnsName':'a b.test'}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_WORLD struct world w = world_new();
        world_gateway(&w, "default", "gw", "[" CLEAR("['*']") "]");
        world_solver(&w, "default", "c1", "aaaaa");
        world_challenge(&w, "default", "c1", "o1", "a.test", rows[i]);
        expect_verdict(&w, "c1", "NotOurs", "");
        expect_routes(&w, "default", "gw", NULL);
    }
}
END_TEST

START_TEST(hosts_reserved_for_a_namespace)
{
    static const struct {
        const char *servers, *word;
    } rows[] = {
        {"[" CLEAR("['apps/a.test']") "]", "NotAdmitted"},
        {"[" CLEAR("['default/a.test']") "]", "Routed"},
        {"[" CLEAR("['./a.test']") "]", "Routed"},
        {"[" CLEAR("['*/a.test']") "]", "Routed"},
        {"[" CLEAR("['A.Test']") "]", "Routed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_WORLD struct world w = world_new();
        world_gateway(&w, "default", "gw", rows[i].servers);
        challenge(&w, "a.test");
        expect_verdict(&w, "c1", rows[i].word, "");
    }
}
END_TEST

START_TEST(most_specific_host_decides)
{
    AUTO_WORLD struct world w = world_new();
    world_gateway(
        &w,
        "default",
        "gw",
        "[" CLEAR("['a.test']") "," REDIRECT("['*.test']") "," HTTPS("SIMPLE", "['*.test']") "]");
    challenge(&w, "a.test");
    expect_routes(&w, "default", "gw", "[" ROUTE("a.test", "c1", "aaaaa", "") "]");
    world_challenge(&w, "default", "c1", "o1", "b.test", NULL);
    expect_routes(&w,
                  "default",
                  "gw",
                  "[" ROUTE("b.test", "c1", "aaaaa", ",'host':'*.test','https':true") "]");
    /* An address has no wildcard but "*". */
    world_challenge(&w, "default", "c1", "o1", "192.0.2.1", NULL);
    expect_verdict(&w, "c1", "NoGateway", "192.0.2.1");
}
END_TEST

/* Everything twice, once the other way round: the bytes are the same. */
START_TEST(order_of_arrival_does_not_matter)
{
    char *texts[2];
    for (int reversed = 0; reversed < 2; reversed++) {
        AUTO_WORLD struct world w = world_new();
        world_gateway(&w, "default", reversed ? "gw2" : "gw", "[" CLEAR("['*.test','a.test']") "]");
        world_gateway(&w, "default", reversed ? "gw" : "gw2", "[" CLEAR("['*.test','a.test']") "]");
        for (int i = 0; i < 20; i++) {
            int n = reversed ? 19 - i : i;
            AUTO_FREE char *name = xasprintf("c%d", n);
            AUTO_FREE char *host = xasprintf("%c.test", 'a' + n % 5);
            world_solver(&w, "default", name, name);
            world_challenge(&w, "default", name, "o1", host, NULL);
        }
        world_istio_gateway(
            &w, "apps", reversed ? "f2" : "f1", "{'app':'gw'}", "[" CLEAR("['a.test']") "]");
        world_istio_gateway(
            &w, "apps", reversed ? "f1" : "f2", "{'app':'gw'}", "[" CLEAR("['a.test']") "]");
        const struct router_input input = world_input(&w);
        struct router_result result;
        router_make(&input, &result);
        ck_assert_uint_eq(result.route_count, 2);
        ck_assert_uint_eq(json_array_size(router_routes_of(&result, "default", "gw")), 20 + 2 * 4);
        texts[reversed] = jx_compact(router_routes_of(&result, "default", "gw"));
        router_done(&result);
    }
    ck_assert_str_eq(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}
END_TEST

UNIT_MAIN("router", redirect_off, redirect_on_is_by_route, foreign_gateway_redirects,
          foreign_gateway_redirects_to_nowhere, foreign_gateway_of_other_pods, port_80_not_exposed,
          several_hosts_on_one_server, same_host_in_two_gateways,
          orphan_challenge_is_still_processing, user_route_on_the_exact_host,
          user_route_with_wildcard_host_under_wildcard_server, issuer_of_the_user,
          challenge_appears, challenge_is_final_or_deleted, service_recreated,
          gateways_of_other_namespaces_do_not_answer, services_of_other_namespaces_are_no_solvers,
          malformed_challenges_are_not_routed, hosts_reserved_for_a_namespace,
          most_specific_host_decides, order_of_arrival_does_not_matter)
