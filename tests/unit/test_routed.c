/* SPDX-License-Identifier: Apache-2.0 */
#include "control/routed.h"
#include "support/acmeroutes.h"
#include "support/gateway.h"
#include "support/unit.h"
#include "templates/templates.h"

#define PORTS                                                                                      \
    "'ports':[{'name':'http','port':80,'targetPort':8080},{'name':'https','port':443,"             \
    "'targetPort':8443}]"
#define SPEC(more)                                                                                 \
    "{'metadata':{'name':'gw','namespace':'default','uid':'gw'},'spec':{'type':'ingress'," PORTS   \
    ",'acme':{'server':'letsencrypt'}," more "}}"

static struct router_gateway *from(const char *text)
{
    struct meshgateway gw;
    gateway_from_json(text, &gw);
    struct router_gateway *gateway = routed_of(&gw);
    meshgateway_done(&gw); /* nothing of it is needed any more */
    return gateway;
}

static const struct istio_server *server_of(const struct router_gateway *gateway, const char *host)
{
    for (size_t i = 0; gateway->own && i < gateway->own->server_count; i++)
        for (char **each = gateway->own->servers[i].hosts; *each; each++)
            if (gateway->own->servers[i].port == 80 && strcmp(istio_host(*each), host) == 0)
                return &gateway->own->servers[i];
    ck_abort_msg("nothing on port 80 for %s", host);
}

static void expect_json(const json_t *value, const char *text)
{
    AUTO_FREE char *found = jx_compact(value);
    json_auto_t *wanted = json_from(text);
    AUTO_FREE char *want = jx_compact(wanted);
    ck_assert_str_eq(found, want);
}

START_TEST(without_servers)
{
    struct router_gateway *gateway = from("{'metadata':{'name':'gw','namespace':'n','uid':'u'},"
                                          "'spec':{'type':'ingress','labels':{'istio':'edge'},"
                                          "'ports':[{'name':'a','port':80,'protocol':'UDP'},"
                                          "{'name':'b','port':443}]}}");
    ck_assert_str_eq(gateway->ns, "n");
    ck_assert_str_eq(gateway->name, "gw");
    ck_assert_str_eq(gateway->uid, "u");
    ck_assert_ptr_null(gateway->own);
    ck_assert_uint_eq(gateway->wish_count, 0);
    ck_assert_uint_eq(json_array_size(gateway->redirected), 0);
    ck_assert_str_eq(gateway->redirect_service, "gw-redirect");
    ck_assert_str_eq(gateway->challenge_service, "gw-acme");
    ck_assert_str_eq(jx_str(gateway->labels, "istio", ""), "edge");
    ck_assert_str_eq(jx_str(gateway->labels, "gateway-namespace", ""), "n");
    ck_assert(!gateway->port80); /* UDP is another port */
    ck_assert(gateway->port443);
    routed_free(gateway);
}
END_TEST

START_TEST(certificates_are_wishes)
{
    struct router_gateway *gateway =
        from(SPEC("'servers':[{'hosts':['own.test'],'tls':{'credentialName':'own'}},"
                  "{'name':'web','hosts':['./a.test','b.test'],'tls':{'certificate':{}}},"
                  "{'hosts':['*.c.test'],'tls':{'certificate':{'dnsNames':['x.c.test',"
                  "'203.0.113.7'],'secretName':'s','issuerRef':{'name':'ca','kind':"
                  "'ClusterIssuer'}}}}]"));
    ck_assert_uint_eq(gateway->wish_count, 2);
    const struct issuance_wish *web = &gateway->wishes[0];
    ck_assert_str_eq(web->server, "web");
    ck_assert_str_eq(web->name, "gw-web");
    ck_assert_str_eq(web->secret_name, "gw-web-tls");
    ck_assert_str_eq(web->issuer_name, "gw-acme");
    ck_assert_str_eq(web->issuer_kind, "Issuer");
    ck_assert_str_eq(web->issuer_group, "cert-manager.io");
    expect_json(web->hosts, "['a.test','b.test']");
    const struct issuance_wish *other = &gateway->wishes[1];
    ck_assert_str_eq(other->server, "server-2");
    ck_assert_str_eq(other->secret_name, "s");
    ck_assert_str_eq(other->issuer_kind, "ClusterIssuer");
    expect_json(other->hosts, "['x.c.test','203.0.113.7']");
    expect_json(gateway->redirected, "['a.test','b.test']");
    routed_free(gateway);
}
END_TEST

/* As templates/hosts.h has it: what a challenge can be taken out of is clear text to the router. */
START_TEST(redirects_that_yield)
{
    struct router_gateway *gateway =
        from(SPEC("'servers':[{'hosts':['a.test'],'tls':{'certificate':{}}},"
                  "{'hosts':['own.test','*.own.test'],'tls':{'credentialName':'own'}}]"));
    ck_assert_str_eq(gateway->own->key, "default/gw");
    ck_assert(!server_of(gateway, "a.test")->redirects);
    ck_assert(!server_of(gateway, "own.test")->redirects);
    ck_assert(!server_of(gateway, "*.own.test")->redirects);
    routed_free(gateway);
    /* Apart from the open wildcard above it, requests below it would come to that one. */
    gateway = from(SPEC("'servers':[{'hosts':['*.test']},"
                        "{'hosts':['*.own.test'],'tls':{'credentialName':'own'}}]"));
    ck_assert(server_of(gateway, "*.own.test")->redirects);
    ck_assert(!server_of(gateway, "*.test")->redirects);
    routed_free(gateway);
    /* A part of a server's hosts. */
    gateway = from(SPEC("'servers':[{'hosts':['*.test']},{'hosts':['*.own.test','203.0.113.7'],"
                        "'tls':{'credentialName':'own'}},"
                        "{'hosts':['x.org','203.0.113.8'],'tls':{'credentialName':'own'}}]"));
    ck_assert(!server_of(gateway, "x.org")->redirects);
    ck_assert(server_of(gateway, "203.0.113.8")->redirects); /* Istio takes no address as a host */
    routed_free(gateway);
}
END_TEST

/* The HTTPS of a server whose certificate is missing is there; <n>-redirect is in the same Gateway.
 */
START_TEST(both_gateways_are_one)
{
    struct router_gateway *gateway =
        from(SPEC("'servers':[{'hosts':['a.b.test'],'tls':{'certificate':{}}},"
                  "{'hosts':['*.b.test'],'tls':{'credentialName':'own'}}]"));
    size_t https = 0;
    for (size_t i = 0; i < gateway->own->server_count; i++)
        https += gateway->own->servers[i].https && gateway->own->servers[i].port == 443;
    ck_assert_uint_eq(https, 2);
    ck_assert(!server_of(gateway, "*.b.test")->redirects);
    expect_json(gateway->redirected, "['a.b.test']");
    routed_free(gateway);
}
END_TEST

START_TEST(overlays_count)
{
    struct router_gateway *gateway = from(
        SPEC("'overlays':[{'kind':'Deployment','type':'JSONMerge','patch':{'spec':{'template':"
             "{'metadata':{'labels':{'istio':'edge','app':null}}}}}},{'kind':'Service',"
             "'type':'JSONMerge','patch':{'spec':{'ports':[{'name':'x','port':443}]}}},"
             "{'kind':'Gateway','type':'JSONMerge','patch':{'spec':{'servers':[{'hosts':['x.test'],"
             "'port':{'name':'x','number':80,'protocol':'HTTP'},'tls':{'httpsRedirect':true}}]}}}],"
             "'servers':[{'hosts':['a.test']}]"));
    ck_assert_str_eq(jx_str(gateway->labels, "istio", ""), "edge");
    ck_assert_ptr_null(jx_get(gateway->labels, "app"));
    ck_assert(!gateway->port80);
    ck_assert(gateway->port443);
    ck_assert_uint_eq(gateway->own->server_count, 1);
    ck_assert(server_of(gateway, "x.test")->redirects); /* the templates do not know of it */
    routed_free(gateway);
}
END_TEST

static json_t *parsed_routes(const struct world *w, const struct meshgateway *gw)
{
    struct router_gateway *gateway = routed_of(gw);
    const struct router_input input = {
        .issuance = &w->issuance, .istio = &w->istio, .gateways = gateway, .count = 1};
    struct router_result result;
    router_make(&input, &result);
    json_t *routes = json_deep_copy(router_routes_of(&result, "default", "gw"));
    router_done(&result);
    routed_free(gateway);
    return routes;
}

static void expect_apart(const json_t *hosts)
{
    size_t i, k;
    const json_t *host, *other;
    json_array_foreach (hosts, i, host)
        json_array_foreach (hosts, k, other)
            ck_assert_msg(i == k ||
                              !istio_covers(json_string_value(host), json_string_value(other)),
                          "%s covers %s",
                          json_string_value(host),
                          json_string_value(other));
}

/* "name gateway host[,host] path@port", of all VirtualServices and their challenges. */
static void expect_services(const struct world *w, const char *text, const char *want)
{
    struct meshgateway gw;
    gateway_from_json(text, &gw);
    json_auto_t *routes = parsed_routes(w, &gw);
    const struct templates_live live = {.routes = routes, .have_istio = true};
    struct templates_list list;
    templates_render(&gw, &live, &list);
    AUTO_STRBUF struct strbuf found = STRBUF_INIT(4096);
    for (size_t n = 0; n < list.count; n++) {
        const json_t *object = list.items[n].object;
        if (list.items[n].kind != &object_virtual_service)
            continue;
        const json_t *hosts = jx_array(object, "spec.hosts");
        expect_apart(hosts);
        ck_assert_str_eq(jx_str(object_controller(object), "uid", ""), "gw");
        ck_assert_str_eq(json_string_value(json_array_get(jx_array(object, "spec.exportTo"), 0)),
                         ".");
        strbuf_addf(&found,
                    "%s %s",
                    object_name(object),
                    json_string_value(json_array_get(jx_array(object, "spec.gateways"), 0)));
        size_t i;
        const json_t *each;
        json_array_foreach (hosts, i, each)
            strbuf_addf(&found, "%c%s", i ? ',' : ' ', json_string_value(each));
        json_array_foreach (jx_array(object, "spec.http"), i, each) {
            const json_t *match = json_array_get(jx_array(each, "match"), 0);
            const char *path = jx_str(match, "uri.exact", "");
            if (path[0])
                strbuf_addf(&found,
                            " %s@%d%s",
                            strrchr(path, '/') + 1,
                            (int)jx_int(match, "port", 0),
                            jx_get(match, "authority") ? "!" : "");
        }
        strbuf_adds(&found, "\n");
    }
    templates_list_done(&list);
    meshgateway_done(&gw);
    ck_assert_str_eq(found.text, want);
}

static void add_challenge(struct world *w, const char *uid, const char *name)
{
    world_challenge(w, "default", uid, "o1", name, NULL);
    world_solver(w, "default", uid, uid);
}

/* From the spec over the router to what is rendered. */
START_TEST(challenges_of_own_gateways)
{
    AUTO_WORLD struct world w = world_new();
    add_challenge(&w, "c1", "a.test");
    add_challenge(&w, "c2", "x.own.test");
    add_challenge(&w, "c3", "y.open.test");
    add_challenge(&w, "c4", "z.open.test");
    world_virtual_service(&w,
                          "user",
                          "2026-11-01T00:00:00Z",
                          "{'hosts':['z.open.test'],'gateways':['gw'],'http':[{}]}");
    expect_services(&w,
                    SPEC("'servers':[{'hosts':['a.test'],'tls':{'certificate':{}}},"
                         "{'hosts':['*.own.test'],'tls':{'credentialName':'own'}},"
                         "{'hosts':['*.open.test','b.test']}]"),
                    "gw-redirect default/gw a.test,x.own.test token-c1@80 token-c2@80\n"
                    "gw-acme-11 default/gw *.open.test token-c3@80!\n"
                    "gw-acme default/gw z.open.test token-c4@80\n");
}
END_TEST

START_TEST(challenges_of_others_gateways)
{
    AUTO_WORLD struct world w = world_new();
    add_challenge(&w, "c1", "a.test");
    add_challenge(&w, "c2", "x.b.test");
    add_challenge(&w, "c3", "x.c.test");
    world_istio_gateway(&w,
                        "apps",
                        "front",
                        "{'gateway-name':'gw'}",
                        "[" CLEAR("['a.test','*.test','*.b.test']") "]");
    world_istio_gateway(&w,
                        "apps",
                        "other",
                        "{}",
                        "[" REDIRECT("['a.test']") "," HTTPS("SIMPLE", "['a.test']") "]");
    expect_services(&w,
                    SPEC("'labels':{}"),
                    "gw-acme-4925579b571dbd01 apps/front a.test token-c1@0\n"
                    "gw-acme-c9dd47005537cf14 apps/other a.test token-c1@0\n"
                    "gw-acme-4925579b571dbd01-8 apps/front *.b.test token-c2@80!\n"
                    "gw-acme-4925579b571dbd01-6 apps/front *.test token-c3@80!\n");
}
END_TEST

UNIT_MAIN("routed", without_servers, certificates_are_wishes, redirects_that_yield,
          both_gateways_are_one, overlays_count, challenges_of_own_gateways,
          challenges_of_others_gateways)
