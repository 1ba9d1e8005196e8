/* SPDX-License-Identifier: Apache-2.0 */
#include "support/gateway.h"
#include "support/unit.h"

/* A gateway named g with these members of its spec beside the type. */
static void parse_spec(const char *members, struct meshgateway *ret)
{
    AUTO_FREE char *text = xasprintf(
        "{'metadata': {'name': 'g', 'namespace': 'n'}, 'spec': {'type': 'ingress', %s}}", members);
    gateway_from_json(text, ret);
}

#define USUAL                                                                                      \
    "'ports': [{'name': 'a', 'port': 80}, {'name': 'b', 'port': 443}], 'acme': {'server': "        \
    "'letsencrypt'}, "

START_TEST(parents)
{
    static const char *const cases[][2] = {{"a.b.c", ".b.c"},
                                           {".b.c", ".c"},
                                           {"*.b.c", ".c"},
                                           {"*.c", ""},
                                           {"localhost", ""},
                                           {"", NULL},
                                           {"*", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_pstr_eq(server_parent(cases[i][0]), cases[i][1]);
}
END_TEST

START_TEST(wildcards_cover)
{
    static const struct {
        const char *wildcard, *host;
        bool covers;
    } cases[] = {
        {"*", "a.b", true},
        {"*", "*.b", true},
        {"*", "*", false},
        {"*.b", "a.b", true},
        {"*.b", "c.a.b", true},
        {"*.b", "*.a.b", true},
        {"*.b", "*.b", false},
        {"*.b", "b", false},
        {"*.b", ".b", false},
        {"*.b", "ab", false},
        {"a.b", "a.b", false},
        {"", "a.b", false}, /* what a host "NAMESPACE/" leaves */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_msg(server_covers(cases[i].wildcard, cases[i].host) == cases[i].covers,
                      "%s over %s",
                      cases[i].wildcard,
                      cases[i].host);
}
END_TEST

START_TEST(ports_are_found)
{
    static const struct {
        const char *ports, *server;
        json_int_t http, https;
        bool redirect;
    } cases[] = {
        {"{'name': 'a', 'port': 80}, {'name': 'b', 'port': 443}",
         "'tls': {'credentialName': 's'}",
         80,
         443,
         true},
        {"{'name': 'a', 'port': 80}, {'name': 'http2', 'port': 8080}, {'name': 'b', 'port': 443}, "
         "{'name': 'https', 'port': 8443}",
         "'tls': {'credentialName': 's'}",
         8080,
         8443,
         true},
        {"{'name': 'a', 'port': 443}", "'tls': {'credentialName': 's'}", 0, 443, false},
        {"{'name': 'http', 'port': 80}", "'name': 'x'", 80, 0, false},
        {"{'name': 'http', 'port': 80, 'protocol': 'UDP'}, {'name': 'web', 'port': 80}",
         "'name': 'x'",
         80,
         0,
         false},
        {"{'name': 'x', 'port': 1}, {'name': 'y', 'port': 2}",
         "'httpPort': 'x', 'httpsPort': 2, 'httpsRedirect': false, 'tls': {'credentialName': 's'}",
         1,
         2,
         false},
        {"{'name': 'a', 'port': 80}, {'name': 'b', 'port': 443}",
         "'tls': {'mode': 'PASSTHROUGH'}",
         0,
         443,
         false},
        {"{'name': 'a', 'port': 80}, {'name': 'b', 'port': 443}",
         "'httpsRedirect': true, 'tls': {'mode': 'PASSTHROUGH'}",
         80,
         443,
         true},
        {"{'name': 'a', 'port': 80}, {'name': 'b', 'port': 443}",
         "'httpPort': 80, 'tls': {'mode': 'AUTO_PASSTHROUGH'}",
         80,
         443,
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *spec = xasprintf(
            "'ports': [%s], 'servers': [{'hosts': ['a.b'], %s}]", cases[i].ports, cases[i].server);
        struct meshgateway gw;
        parse_spec(spec, &gw);
        ck_assert_uint_eq(gw.server_count, 1);
        ck_assert_int_eq(gw.servers[0].http_port, cases[i].http);
        ck_assert_int_eq(gw.servers[0].https_port, cases[i].https);
        ck_assert_msg(gw.servers[0].redirect == cases[i].redirect, "%s", spec);
        meshgateway_done(&gw);
    }
}
END_TEST

START_TEST(names_default)
{
    struct meshgateway gw;
    parse_spec(USUAL "'servers': [{'hosts': ['a.b'], 'tls': {'certificate': {}}}, {'name': 'x', "
                     "'hosts': ['ns/c.d', './c.d', 'e.f'], 'tls': {'certificate': {'secretName': "
                     "'s', 'issuerRef': {'name': 'i', 'kind': ''}}}}]",
               &gw);
    const struct server *first = &gw.servers[0], *second = &gw.servers[1];
    ck_assert_str_eq(first->name, "server-0");
    ck_assert_str_eq(first->certificate_name, "g-server-0");
    ck_assert_str_eq(first->credential, "g-server-0-tls");
    ck_assert_str_eq(first->mode, "SIMPLE");
    ck_assert_str_eq(jx_str(first->certificate, "issuerRef.name", ""), "g-acme");
    ck_assert_str_eq(second->certificate_name, "g-x");
    ck_assert_str_eq(second->credential, "s");
    ck_assert_str_eq(jx_str(second->certificate, "issuerRef.name", ""), "i");
    ck_assert_str_eq(jx_str(second->certificate, "issuerRef.kind", ""), "Issuer");
    AUTO_FREE char *names = jx_compact(jx_get(second->certificate, "dnsNames"));
    ck_assert_str_eq(names, "[\"c.d\",\"e.f\"]");
    ck_assert_str_eq(jx_str(gw.acme, "privateKeySecretName", ""), "g-acme-account");
    meshgateway_done(&gw);
}
END_TEST

START_TEST(acme_servers)
{
    static const char *const cases[][2] = {
        {"letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"},
        {"letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"},
        {"https://acme.example.com/dir", "https://acme.example.com/dir"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *spec = xasprintf("'ports': [], 'acme': {'server': '%s'}", cases[i][0]);
        struct meshgateway gw;
        parse_spec(spec, &gw);
        ck_assert_str_eq(jx_str(gw.acme, "server", ""), cases[i][1]);
        meshgateway_done(&gw);
    }
    struct meshgateway gw;
    parse_spec("'ports': [], 'acme': {'issuerRef': {'name': 'x'}}", &gw);
    ck_assert_ptr_null(gw.acme);
    meshgateway_done(&gw);
}
END_TEST

/* Each with all that is wrong, or "". */
static const struct {
    const char *servers, *problems;
} checks[] = {
    {"{'hosts': ['a.b', 'ns/a.b']}", ""},
    {"{'hosts': ['a.b']}, {'hosts': ['c.d', 'ns/a.b']}",
     "spec.servers[1].hosts[1]: server server-0 serves a.b on port 80 already\n"},
    {"{'hosts': ['a.b']}, {'hosts': ['a.b'], 'tls': {'credentialName': 's'}}",
     "spec.servers[1].hosts[0]: server server-0 serves a.b on port 80 already\n"},
    {"{'hosts': ['a.b']}, {'hosts': ['a.b'], 'tls': {'mode': 'PASSTHROUGH'}}", ""},
    {"{'hosts': ['a.b'], 'httpPort': 443}, {'hosts': ['c.d'], 'tls': {'credentialName': 's'}}",
     "spec.servers[1].httpsPort: port 443 serves HTTP, it cannot serve HTTPS too\n"},
    {"{'hosts': ['a.b'], 'tls': {'certificate': {'secretName': 's'}}}, {'hosts': ['c.d'], 'tls': "
     "{'certificate': {'secretName': 's'}}}",
     "spec.servers[1].tls.certificate.secretName: Secret s is that of server server-0: every "
     "certificate needs its own\n"},
    {"{'name': 'x', 'hosts': ['a.b'], 'tls': {'certificate': {'secretName': 'g-y-tls'}}}, {'name': "
     "'y', 'hosts': ['c.d'], 'tls': {'certificate': {}}}",
     "spec.servers[1].tls.certificate.secretName: Secret g-y-tls is that of server x: every "
     "certificate needs its own\n"},
    {"{'hosts': ['a.b'], 'tls': {'certificate': {'secretName': 'g-acme-account'}}}",
     "spec.servers[0].tls.certificate.secretName: Secret g-acme-account is that of the ACME "
     "account\n"},
    {"{'hosts': ['a.b'], 'tls': {'certificate': {'dnsNames': ['a.b', 'c.d']}}}",
     "spec.servers[0].tls.certificate.dnsNames: c.d is not among the hosts of any server\n"},
    {"{'hosts': ['*.b'], 'tls': {'certificate': {'dnsNames': ['a.b']}}}", ""},
    {"{'hosts': ['a.b'], 'tls': {'certificate': {'dnsNames': ['c.d'], 'issuerRef': {'name': "
     "'dns'}}}}",
     ""},
    {"{'hosts': ['*'], 'tls': {'certificate': {'dnsNames': ['192.0.2.1']}}}",
     "spec.servers[0].tls.certificate.dnsNames: 192.0.2.1 cannot be proven behind a redirect: set "
     "httpsRedirect of the server for * to false\n"},
    {"{'hosts': ['*'], 'httpsRedirect': false, 'tls': {'certificate': {'dnsNames': "
     "['192.0.2.1']}}}",
     ""},
    {"{'hosts': ['*']}, {'hosts': ['*.b'], 'tls': {'credentialName': 's'}}", ""},
    {"{'hosts': ['a.b']}, {'hosts': ['*.b'], 'tls': {'credentialName': 's'}}", ""},
    {"{'hosts': ['*', 'c.a.b']}, {'hosts': ['*.b'], 'tls': {'credentialName': 's'}}",
     "spec.servers[0].hosts[1]: with * not redirected, the redirect of *.b does not hold beside "
     "c.a.b: give one of them an httpPort of its own\n"},
    {"{'hosts': ['*']}, {'hosts': ['*.b', 'c.b'], 'tls': {'credentialName': 's'}}", ""},
    {"{'hosts': ['*']}, {'hosts': ['*.b'], 'tls': {'credentialName': 's'}}, {'hosts': ['c.b'], "
     "'tls': {'certificate': {}}}",
     "spec.servers[2].hosts[0]: with * not redirected, the redirect of *.b does not hold beside "
     "c.b: give one of them an httpPort of its own\n"},
    {"{'hosts': ['*']}, {'hosts': ['*.b'], 'tls': {'credentialName': 's'}}, {'hosts': ['c.b'], "
     "'httpPort': 'c', 'tls': {'certificate': {}}}",
     ""},
};

START_TEST(long_names_and_nested_hosts)
{
    struct config config;
    config_init(&config);
    for (int length = 54; length <= 55; length++) {
        AUTO_FREE char *text = xasprintf(
            "{'metadata': {'name': '%.*s'}, 'spec': {'type': 'ingress', 'ports': [{'name': 'a', "
            "'port': 80}, {'name': 'b', 'port': 443}], 'servers': [{'hosts': ['*.b'], 'tls': "
            "{'credentialName': 's'}}, {'hosts': ['a.b']}]}}",
            length,
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        json_auto_t *object = gateway_json(text);
        AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
        struct meshgateway gw;
        int rc = meshgateway_parse(object, &config, &gw, &problems);
        ck_assert_int_eq(rc, length == 54 ? 0 : -1);
        if (rc == 0)
            meshgateway_done(&gw);
        else
            ck_assert_str_eq(problems.items[0].path, "spec.servers[1].hosts[0]");
    }
    config_done(&config);
}
END_TEST

START_TEST(servers_are_compared)
{
    struct config config;
    config_init(&config);
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        AUTO_FREE char *text = xasprintf(
            "{'metadata': {'name': 'g'}, 'spec': {'type': 'ingress', 'ports': [{'name': 'a', "
            "'port': 80}, {'name': 'b', 'port': 443}, {'name': 'c', 'port': 8080}], 'acme': "
            "{'server': 'letsencrypt'}, 'servers': [%s]}}",
            checks[i].servers);
        json_auto_t *object = gateway_json(text);
        AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
        struct meshgateway gw;
        if (meshgateway_parse(object, &config, &gw, &problems) == 0)
            meshgateway_done(&gw);
        AUTO_STRBUF struct strbuf found = STRBUF_INIT(10000);
        for (size_t k = 0; k < problems.count; k++)
            strbuf_addf(&found, "%s: %s\n", problems.items[k].path, problems.items[k].message);
        ck_assert_msg(
            strcmp(found.text, checks[i].problems) == 0, "%s\n%s", checks[i].servers, found.text);
    }
    config_done(&config);
}
END_TEST

UNIT_MAIN("server", parents, wildcards_cover, ports_are_found, names_default, acme_servers,
          long_names_and_nested_hosts, servers_are_compared)
