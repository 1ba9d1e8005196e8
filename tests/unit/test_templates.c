/* SPDX-License-Identifier: Apache-2.0 */
#include "support/gateway.h"
#include "support/unit.h"
#include "templates/templates.h"

#include <string.h>

static json_t *render(const char *text, const struct object_kind *kind)
{
    struct meshgateway gw;
    gateway_from_json(text, &gw);
    struct templates_list list;
    templates_render(&gw, NULL, &list);
    json_t *found = NULL;
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].kind == kind)
            found = json_incref(list.items[i].object);
    templates_list_done(&list);
    meshgateway_done(&gw);
    return found;
}

START_TEST(seed_renders_five_kinds)
{
    struct meshgateway gw;
    gateway_from_json(GATEWAY_SEED, &gw);
    struct templates_list list;
    templates_render(&gw, NULL, &list);
    ck_assert_uint_eq(list.count, 5);
    for (size_t i = 0; i < list.count; i++) {
        const json_t *object = list.items[i].object;
        ck_assert_ptr_eq(list.items[i].kind, templates_kinds[i]);
        ck_assert_str_eq(object_name(object), "echo-ingress");
        ck_assert_str_eq(object_namespace(object), "default");
        ck_assert_str_eq(jx_str(object, "kind", ""), list.items[i].kind->kind);
        ck_assert_ptr_null(jx_get(object, "metadata.ownerReferences"));
        json_auto_t *one = templates_render_one(&gw, NULL, list.items[i].kind, "echo-ingress");
        ck_assert(json_equal(one, object));
        ck_assert_ptr_null(templates_render_one(&gw, NULL, list.items[i].kind, "other"));
    }
    ck_assert_ptr_null(templates_render_one(&gw, NULL, &object_pdb, "echo-ingress"));
    templates_list_done(&list);
    meshgateway_done(&gw);
}
END_TEST

START_TEST(owner_follows_the_uid)
{
    json_auto_t *service = render("{'metadata': {'name': 'g', 'namespace': 'n', 'uid': 'u-1'}, "
                                  " 'spec': {'type': 'egress', 'ports': []}}",
                                  &object_service);
    json_auto_t *expected = OBJ(F("apiVersion", STR("istio.banzaicloud.io/v1beta1")),
                                F("kind", STR("MeshGateway")),
                                F("name", STR("g")),
                                F("uid", STR("u-1")),
                                F("controller", BOOL(true)),
                                F("blockOwnerDeletion", BOOL(true)));
    ck_assert(json_equal(object_controller(service), expected));
}
END_TEST

/* The cases of the original operator's ensureStatusPort, and its rule that letter case is nothing.
 */
START_TEST(status_port_gives_way)
{
    static const struct {
        const char *ports;
        const char *names;
    } cases[] = {
        {"[]", "status-port"},
        {"[{'name': 'http', 'port': 80}, {'name': 'https', 'port': 443}]",
         "status-port http https"},
        {"[{'name': 'a', 'port': 15021, 'protocol': 'UDP'}, "
         " {'name': 'b', 'port': 15021, 'protocol': 'SCTP'}]",
         "a b"},
        {"[{'name': 'status', 'port': 15021, 'targetPort': 15021, 'protocol': 'TCP'}]", "status"},
        {"[{'name': 'a', 'port': 1234, 'targetPort': 15021}]", "status-port a"},
        {"[{'name': 'a', 'port': 15021, 'targetPort': 1234}]", "a"},
        {"[{'name': 'sTaTuS-pOrT', 'port': 80}]", "sTaTuS-pOrT"},
        {"[{'name': 'a', 'port': 80, 'protocol': ''}]", "status-port a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *text =
            xasprintf("{'metadata': {'name': 'g'}, 'spec': {'type': 'ingress', 'ports': %s}}",
                      cases[i].ports);
        json_auto_t *service = render(text, &object_service);
        AUTO_STRBUF struct strbuf names = STRBUF_INIT(1000);
        size_t at;
        json_t *port;
        json_array_foreach (jx_array(service, "spec.ports"), at, port)
            strbuf_addf(&names, "%s%s", at ? " " : "", jx_str(port, "name", "?"));
        ck_assert_str_eq(names.text, cases[i].names);
    }
}
END_TEST

/* Said only where low ports cannot be bound and none is asked for: istiod drops them silently. */
START_TEST(unprivileged_only_without_low_ports)
{
    static const struct {
        const char *spec;
        bool said;
    } cases[] = {
        {"'ports': [{'port': 80}]", false},
        {"'ports': [{'port': 80, 'targetPort': 8080}]", false},
        {"'ports': [{'port': 80, 'targetPort': 8080}], 'deployment': {'hostNetwork': true}", true},
        {"'ports': [{'port': 80}], 'deployment': {'hostNetwork': true}", false},
        {"'ports': [{'port': 80, 'targetPort': 'web'}], 'deployment': {'hostNetwork': true}",
         false},
        {"'ports': [{'port': 8080}], 'deployment': {'hostNetwork': true}, 'runAsRoot': true",
         false},
        {"'ports': [], 'deployment': {'podSecurityContext': {'fsGroup': 5}}", true},
        {"'ports': [], 'deployment': {'podSecurityContext': {'sysctls': [{'name':"
         " 'net.ipv4.ip_unprivileged_port_start', 'value': '0'}]}}",
         false},
        {"'ports': [], 'deployment': {'podSecurityContext': {'sysctls': [{'name':"
         " 'net.ipv4.ip_unprivileged_port_start', 'value': '500'}]}}",
         true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *text = xasprintf(
            "{'metadata': {'name': 'g'}, 'spec': {'type': 'ingress', %s}}", cases[i].spec);
        json_auto_t *deployment = render(text, &object_deployment);
        AUTO_FREE char *rendered = jx_compact(deployment);
        ck_assert_msg((strstr(rendered, "ISTIO_META_UNPRIVILEGED_POD") != NULL) == cases[i].said,
                      "%s",
                      cases[i].spec);
    }
}
END_TEST

START_TEST(same_input_same_bytes)
{
    json_auto_t *a = render(GATEWAY_SEED, &object_deployment);
    json_auto_t *b = render(GATEWAY_SEED, &object_deployment);
    AUTO_FREE char *text_a = jx_compact(a);
    AUTO_FREE char *text_b = jx_compact(b);
    ck_assert_str_eq(text_a, text_b);
}
END_TEST

#define SERVERS                                                                                    \
    "{'metadata': {'name': 'g', 'namespace': 'n'}, 'spec': {'type': 'ingress', 'ports': "          \
    "[{'name': "                                                                                   \
    "'http', 'port': 80}, {'name': 'https', 'port': 443}], 'acme': {'server': 'letsencrypt'}, "    \
    "'servers': [{'name': 'a', 'hosts': ['a.x'], 'tls': {'certificate': {}}}, {'name': 'b', "      \
    "'hosts': ['b.x', '*.y', 'c.y'], 'tls': {'certificate': {'issuerRef': {'name': 'i'}}}}]}}"

/* One object alone is what it is among all, and each has a name of its own. */
START_TEST(one_of_several)
{
    struct meshgateway gw;
    gateway_from_json(SERVERS, &gw);
    json_auto_t *routes = gateway_json(
        "[{'dnsName': 'a.x', 'token': 't', 'service': 's', 'namespace': 'n', 'port': 8089}]");
    const struct templates_live live = {
        .routes = routes, .have_istio = true, .have_cert_manager = true};
    const struct templates_live *const worlds[] = {NULL, &live};
    for (size_t w = 0; w < ARRAY_LEN(worlds); w++) {
        struct templates_list list;
        templates_render(&gw, worlds[w], &list);
        ck_assert_uint_eq(list.count, 4 + 6);
        for (size_t i = 0; i < list.count; i++) {
            const char *name = object_name(list.items[i].object);
            json_auto_t *one = templates_render_one(&gw, worlds[w], list.items[i].kind, name);
            ck_assert_msg(json_equal(one, list.items[i].object), "%s", name);
        }
        templates_list_done(&list);
    }
    ck_assert_ptr_null(templates_render_one(&gw, NULL, &object_certificate, "g"));
    ck_assert_ptr_null(templates_render_one(&gw, NULL, &object_issuer, "g"));
    meshgateway_done(&gw);
}
END_TEST

START_TEST(unserved_kinds_are_left_out)
{
    static const struct {
        bool istio, cert_manager;
        size_t count;
    } cases[] = {{false, false, 4}, {true, false, 4 + 3}, {false, true, 4 + 3}};
    struct meshgateway gw;
    gateway_from_json(SERVERS, &gw);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct templates_live live = {.have_istio = cases[i].istio,
                                            .have_cert_manager = cases[i].cert_manager};
        struct templates_list list;
        templates_render(&gw, &live, &list);
        ck_assert_uint_eq(list.count, cases[i].count);
        templates_list_done(&list);
    }
    meshgateway_done(&gw);
}
END_TEST

START_TEST(https_waits_for_the_certificate)
{
    struct meshgateway gw;
    gateway_from_json(SERVERS, &gw);
    json_auto_t *issued = OBJ(F("g-b", BOOL(true)));
    const struct templates_live live = {.issued = issued, .have_istio = true};
    json_auto_t *gateway = templates_render_one(&gw, &live, &object_gateway, "g");
    AUTO_STRBUF struct strbuf names = STRBUF_INIT(1000);
    size_t i;
    json_t *server;
    json_array_foreach (jx_array(gateway, "spec.servers"), i, server)
        strbuf_addf(&names, " %s", jx_str(server, "port.name", "?"));
    ck_assert_str_eq(names.text, " http-a http-b https-b");
    meshgateway_done(&gw);
}
END_TEST

UNIT_MAIN("templates", one_of_several, unserved_kinds_are_left_out, https_waits_for_the_certificate,
          seed_renders_five_kinds, owner_follows_the_uid, status_port_gives_way,
          unprivileged_only_without_low_ports, same_input_same_bytes)
