/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rows of a decision table are named after the row. */
#include "control/trouble.h"
#include "support/acmeroutes.h"

static enum verdict verdict_of(const struct world *w, const char *uid)
{
    const struct router_input input = world_input(w);
    struct router_result result;
    router_make(&input, &result);
    enum verdict reason =
        router_verdict_of(&result, issuance_find(&w->issuance, ISSUANCE_CHALLENGE, uid))->reason;
    router_done(&result);
    return reason;
}

START_TEST(same_host_two_gateways_same_workload)
{
    AUTO_WORLD struct world w = world_new();
    struct router_gateway *gw = world_gateway(
        &w, "default", "gw", "[" CLEAR("['a.test']") "," HTTPS("SIMPLE", "['a.test']") "]");
    world_istio_gateway(
        &w, "apps", "front", "{'app':'gw'}", "[" HTTPS("MUTUAL", "['./b.test']") "]");
    world_istio_gateway(&w, "apps", "other", "{'app':'x'}", "[" HTTPS("SIMPLE", "['a.test']") "]");
    ck_assert_ptr_null(trouble_conflict(gw, &w.istio));
    world_istio_gateway(
        &w, "apps", "front", "{'app':'gw'}", "[" HTTPS("MUTUAL", "['./a.test']") "]");
    AUTO_FREE char *conflict = trouble_conflict(gw, &w.istio);
    ck_assert_ptr_nonnull(conflict);
    ck_assert_ptr_nonnull(strstr(conflict, "apps/front has HTTPS for a.test"));
}
END_TEST

#define USER_PRIVATE(match)                                                                        \
    "{'exportTo':['.'],'hosts':['a.test'],'gateways':['gw'],'http':[{'match':[" match              \
    "],'route':[{'destination':{'host':'x'}}]}]}"

struct shadow_row {
    const char *name, *spec;
    bool shadows;
};

static const struct shadow_row shadow_rows[] = {
    {"a prefix", USER_PRIVATE("{'uri':{'prefix':'/.well-known'}}"), true},
    {"another prefix", USER_PRIVATE("{'uri':{'prefix':'/api'}}"), false},
    {"the path", USER_PRIVATE("{'uri':{'exact':'/.well-known/acme-challenge/token-c1'}}"), true},
    {"another path", USER_PRIVATE("{'uri':{'exact':'/.well-known/acme-challenge/t'}}"), false},
    {"case does not matter",
     USER_PRIVATE("{'uri':{'prefix':'/.WELL'},'ignoreUriCase':true}"),
     true},
    {"case matters", USER_PRIVATE("{'uri':{'prefix':'/.WELL'}}"), false},
    {"an expression that may", USER_PRIVATE("{'uri':{'regex':'/.*/acme.*'}}"), true},
    {"an expression that cannot", USER_PRIVATE("{'uri':{'regex':'/api/v[0-9]+/.*'}}"), false},
    {"an expression with a way out", USER_PRIVATE("{'uri':{'regex':'/api|/.*'}}"), true},
    {"an expression's optional letter", USER_PRIVATE("{'uri':{'regex':'/a?.*'}}"), true},
    {"a literal expression", USER_PRIVATE("{'uri':{'regex':'/'}}"), false},
    {"catch-all goes last", USER_PRIVATE("{'uri':{'prefix':'/'}}"), false},
    {"catch-all by expression", USER_PRIVATE("{'uri':{'regex':'.*'}}"), false},
    {"a catch-all hides what follows",
     USER_PRIVATE("{'uri':{'prefix':'/'}},{'uri':{'prefix':'/.well-known'}}"),
     false},
    {"but not one for another port",
     USER_PRIVATE("{'uri':{'prefix':'/'},'port':443},{'uri':{'prefix':'/.well-known'}}"),
     true},
    {"a header that every request has",
     USER_PRIVATE("{'headers':{'x-forwarded-proto':{'exact':'http'}}}"),
     true},
    {"a header for HTTPS",
     USER_PRIVATE("{'headers':{'x-forwarded-proto':{'exact':'https'}}}"),
     false},
    {"a header of some clients", USER_PRIVATE("{'headers':{'x-user':{'exact':'me'}}}"), false},
    {"without a header", USER_PRIVATE("{'withoutHeaders':{'x-user':{'exact':'me'}}}"), true},
    {"a query", USER_PRIVATE("{'queryParams':{'q':{'exact':'1'}}}"), false},
    {"another method", USER_PRIVATE("{'method':{'exact':'POST'}}"), false},
    {"the method", USER_PRIVATE("{'method':{'exact':'GET'}}"), true},
    {"another scheme", USER_PRIVATE("{'scheme':{'exact':'https'}}"), false},
    {"the name", USER_PRIVATE("{'authority':{'exact':'A.test'}}"), true},
    {"another name", USER_PRIVATE("{'authority':{'exact':'b.test'}}"), false},
    {"another port", USER_PRIVATE("{'port':443,'uri':{'prefix':'/.well-known'}}"), false},
    {"another gateway",
     USER_PRIVATE("{'gateways':['mesh'],'uri':{'prefix':'/.well-known'}}"),
     false},
    {"this gateway", USER_PRIVATE("{'gateways':['gw'],'uri':{'prefix':'/.well-known'}}"), true},
    {"public ones come later",
     "{'hosts':['a.test'],'gateways':['gw'],'http':[{'match':[{'uri':{'prefix':'/.well'}}]}]}",
     false},
    {"private by the namespace's name",
     "{'exportTo':['default'],'hosts':['a.test'],'gateways':['gw'],"
     "'http':[{'match':[{'uri':{'prefix':'/.well'}}]}]}",
     true},
    {"public all the same",
     "{'exportTo':['.','*'],'hosts':['a.test'],'gateways':['gw'],"
     "'http':[{'match':[{'uri':{'prefix':'/.well'}}]}]}",
     false},
    {"another host",
     "{'exportTo':['.'],'hosts':['b.test'],'gateways':['gw'],"
     "'http':[{'match':[{'uri':{'prefix':'/.well'}}]}]}",
     false},
};

static void our_service(struct world *w, const char *name, const char *created)
{
    json_auto_t *object = world_object(
        NULL,
        "{'metadata':{'name':'%s','namespace':'default','uid':'%s','creationTimestamp':'%s',"
        "'ownerReferences':[{'apiVersion':'istio.banzaicloud.io/v1beta1','kind':'MeshGateway',"
        "'name':'gw','uid':'gw','controller':true}]},'spec':{'exportTo':['.']}}",
        name,
        name,
        created);
    istio_put_service(&w->istio, object);
}

START_TEST(older_private_user_route_covers_the_path)
{
    for (size_t i = 0; i < ARRAY_LEN(shadow_rows); i++) {
        const struct shadow_row *row = &shadow_rows[i];
        AUTO_WORLD struct world w = world_new();
        world_gateway(&w, "default", "gw", "[" CLEAR("['a.test']") "]");
        challenge(&w, "a.test");
        our_service(&w, "gw-acme", "2026-11-23T00:00:00Z");
        world_virtual_service(&w, "user", "2026-11-01T00:00:00Z", row->spec);
        ck_assert_msg(verdict_of(&w, "c1") == (row->shadows ? VERDICT_SHADOWED : VERDICT_ROUTED),
                      "%s",
                      row->name);
        expect_verdict(&w,
                       "c1",
                       row->shadows ? "ChallengePathShadowed" : "Routed",
                       row->shadows ? "VirtualService default/user" : "");
        /* It is routed all the same: the other one may not match after all. */
        expect_routes(&w, "default", "gw", "[" ROUTE("a.test", "c1", "aaaaa", "") "]");
    }
}
END_TEST

START_TEST(age_decides_among_private_routes)
{
    static const char spec[] = USER_PRIVATE("{'uri':{'prefix':'/.well-known'}}");
    AUTO_WORLD struct world w = world_new();
    struct router_gateway *gw = world_gateway(&w, "default", "gw", "[" CLEAR("['a.test']") "]");
    challenge(&w, "a.test");
    world_virtual_service(&w, "user", "2026-11-23T00:00:05Z", spec);
    expect_verdict(&w, "c1", "ChallengePathShadowed", "user"); /* ours will be younger */
    our_service(&w, "gw-acme", "2026-11-23T00:00:05Z");
    expect_verdict(&w, "c1", "Routed", ""); /* the same second: by name */
    world_virtual_service(&w, "a-user", "2026-11-23T00:00:05Z", spec);
    expect_verdict(&w, "c1", "ChallengePathShadowed", "default/a-user");
    /* The routes of a redirected host are in the VirtualService of the redirect. */
    our_service(&w, "gw-redirect", "2026-11-01T00:00:00Z");
    json_auto_t *redirected = json_from("['*/a.test']");
    gw->redirected = redirected;
    expect_verdict(&w, "c1", "Routed", "");
}
END_TEST

START_TEST(redirect_bypassed)
{
    AUTO_WORLD struct world w = world_new();
    struct router_gateway *gw =
        world_gateway(&w, "default", "gw", "[" CLEAR("['a.test','c.test']") "]");
    json_auto_t *redirected = json_from("['c.test','a.test']");
    gw->redirected = redirected;
    our_service(&w, "gw-redirect", "2026-11-23T00:00:00Z");
    world_virtual_service(
        &w, "https", "2026-11-01T00:00:00Z", USER_PRIVATE("{'uri':{'prefix':'/api'},'port':443}"));
    world_virtual_service(
        &w, "catch-all", "2026-11-01T00:00:00Z", USER_PRIVATE("{'uri':{'prefix':'/'}}"));
    world_virtual_service(
        &w, "younger", "2026-11-24T00:00:00Z", USER_PRIVATE("{'uri':{'prefix':'/api'}}"));
    world_virtual_service(
        &w,
        "redirect",
        "2026-11-01T00:00:00Z",
        "{'exportTo':['.'],'hosts':['a.test'],'gateways':['gw'],'http':[{'match':["
        "{'uri':{'prefix':'/api'}}],'redirect':{'scheme':'https'}}]}");
    world_virtual_service(&w,
                          "https-only",
                          "2026-11-01T00:00:00Z",
                          USER_PRIVATE("{'headers':{'X-Forwarded-Proto':{'exact':'https'}}}"));
    ck_assert_ptr_null(trouble_bypass(gw, &w.istio));
    world_virtual_service(
        &w, "user", "2026-11-01T00:00:00Z", USER_PRIVATE("{'uri':{'prefix':'/api'}}"));
    AUTO_FREE char *text = trouble_bypass(gw, &w.istio);
    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_nonnull(strstr(text, "VirtualService default/user,"));
    ck_assert_ptr_nonnull(strstr(text, "routes for a.test"));
}
END_TEST

START_TEST(istio_objects_come_and_go)
{
    static const char again[] = "{'hosts':['a.test'],'gateways':['gw'],'http':[{}]}";
    AUTO_WORLD struct world w = world_new();
    world_istio_gateway(&w, "apps", "one", "{}", "[" CLEAR("['a.test']") "]");
    world_istio_gateway(&w, "apps", "two", "{}", "[" CLEAR("['a.test']") "]");
    world_virtual_service(&w, "one", "2026-11-01T00:00:00Z", again);
    world_virtual_service(&w, "two", "2026-11-01T00:00:00Z", again);
    /* What does not come again when the watch begins anew is gone. */
    istio_begin_gateways(&w.istio, NULL);
    istio_begin_services(&w.istio, NULL);
    world_istio_gateway(&w, "apps", "two", "{}", "[" CLEAR("['a.test']") "]");
    world_virtual_service(&w, "two", "2026-11-01T00:00:00Z", again);
    ck_assert(istio_synced_gateways(&w.istio, NULL) && istio_synced_services(&w.istio, NULL));
    ck_assert(!istio_synced_gateways(&w.istio, NULL) && !istio_synced_services(&w.istio, NULL));
    ck_assert_uint_eq(multimap_find(&w.istio.servers, "a.test")->count, 1);
    ck_assert_uint_eq(multimap_find(&w.istio.bound, "default/gw")->count, 1);
    /* Of an object with the same name that was before this one, nothing is believed. */
    json_auto_t *before = json_from("{'metadata':{'name':'two','namespace':'apps','uid':'x'}}");
    ck_assert(!istio_remove_gateway(&w.istio, before));
    json_auto_t *gateway = json_from("{'metadata':{'name':'two','namespace':'apps','uid':'two'}}");
    json_auto_t *service =
        json_from("{'metadata':{'name':'two','namespace':'default','uid':'two'}}");
    ck_assert(istio_remove_gateway(&w.istio, gateway));
    ck_assert(istio_remove_service(&w.istio, service));
    ck_assert_ptr_null(w.istio.servers.entries);
    ck_assert_ptr_null(w.istio.bound.entries);
}
END_TEST

UNIT_MAIN("trouble", same_host_two_gateways_same_workload, older_private_user_route_covers_the_path,
          age_decides_among_private_routes, redirect_bypassed, istio_objects_come_and_go)
