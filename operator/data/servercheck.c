/* SPDX-License-Identifier: Apache-2.0 */
#include "data/servercheck.h"

#include "data/fieldpath.h"
#include "data/jx.h"

#include <string.h>

#define SERVER(i) ELEMENT(FIELD(FIELD(NULL, "spec"), "servers"), i)

/* Name of the server that the key belongs to in the set; NULL: it was new, and is `server`'s now.
 */
static const char *claim(json_t *set, const char *key, const char *server)
{
    const char *before = json_string_value(json_object_get(set, key));
    if (!before)
        json_object_set_new(set, key, STR(server));
    return before;
}

/* cert-manager serves only one of two Certificates with the same Secret. */
static void check_secrets(const struct meshgateway *gw, struct problems *problems)
{
    json_auto_t *secrets = json_object();
    const char *account = jx_str(gw->acme, "privateKeySecretName", "");
    for (size_t i = 0; i < gw->server_count; i++) {
        const struct server *server = &gw->servers[i];
        const struct fieldpath *at =
            FIELD(FIELD(FIELD(SERVER(i), "tls"), "certificate"), "secretName");
        if (!server->certificate)
            continue;
        const char *other = claim(secrets, server->credential, server->name);
        if (other)
            fieldpath_problem(at,
                              problems,
                              "Secret %s is that of server %s: every certificate needs its own",
                              server->credential,
                              other);
        if (strcmp(server->credential, account) == 0)
            fieldpath_problem(at, problems, "Secret %s is that of the ACME account", account);
    }
}

static void claim_port(json_t *ports, json_int_t port, const char *protocol,
                       const struct fieldpath *at, struct problems *problems)
{
    AUTO_FREE char *key = xasprintf("%" JSON_INTEGER_FORMAT, port);
    const char *other = port > 0 ? claim(ports, key, protocol) : NULL;
    if (other && strcmp(other, protocol) != 0)
        fieldpath_problem(at, problems, "port %s serves HTTP, it cannot serve HTTPS too", key);
}

static void check_ports(const struct meshgateway *gw, struct problems *problems)
{
    json_auto_t *ports = json_object();
    for (size_t i = 0; i < gw->server_count; i++)
        claim_port(ports, gw->servers[i].http_port, "HTTP", SERVER(i), problems);
    for (size_t i = 0; i < gw->server_count; i++)
        claim_port(
            ports, gw->servers[i].https_port, "HTTPS", FIELD(SERVER(i), "httpsPort"), problems);
}

static void claim_host(json_t *hosts, json_int_t port, const struct server *server,
                       const char *host, const struct fieldpath *at, struct problems *problems)
{
    if (port == 0)
        return;
    const char *bare = server_bare(host);
    AUTO_FREE char *key = xasprintf("%" JSON_INTEGER_FORMAT " %s", port, bare);
    const char *other = claim(hosts, key, server->name);
    if (other && strcmp(other, server->name) != 0)
        fieldpath_problem(at,
                          problems,
                          "server %s serves %s on port %" JSON_INTEGER_FORMAT " already",
                          other,
                          bare,
                          port);
}

static void check_hosts(const struct meshgateway *gw, struct problems *problems)
{
    json_auto_t *hosts = json_object();
    for (size_t i = 0; i < gw->server_count; i++) {
        const struct server *server = &gw->servers[i];
        const struct fieldpath *list = FIELD(SERVER(i), "hosts");
        size_t k;
        const json_t *each;
        json_array_foreach (server->hosts, k, each) {
            const char *host = json_string_value(each);
            claim_host(hosts, server->http_port, server, host, ELEMENT(list, k), problems);
            claim_host(hosts, server->https_port, server, host, ELEMENT(list, k), problems);
        }
    }
}

/* How HTTP for the name is answered on the port that proves it; false: not at all. */
static bool find_http(const struct meshgateway *gw, const char *name, enum server_http *ret)
{
    size_t best = 0;
    for (size_t i = 0; i < gw->server_count; i++) {
        size_t k;
        const json_t *each;
        json_array_foreach (gw->servers[i].hosts, k, each) {
            const char *bare = server_bare(json_string_value(each));
            bool exact = strcmp(bare, name) == 0;
            size_t fit = exact ? strlen(bare) + 1 : server_covers(bare, name) ? strlen(bare) : 0;
            if (fit > best && gw->servers[i].http_port > 0) {
                best = fit;
                *ret = server_http(&gw->servers[i], bare);
            }
        }
    }
    return best > 0;
}

/* The gateway's own Issuer proves names by HTTP, so the gateway has to serve them. */
static void check_proofs(const struct meshgateway *gw, size_t index, struct problems *problems)
{
    const struct server *server = &gw->servers[index];
    const struct fieldpath *at =
        FIELD(FIELD(FIELD(SERVER(index), "tls"), "certificate"), "dnsNames");
    const char *const lists[] = {"dnsNames", "ipAddresses"};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        size_t i;
        const json_t *each;
        json_array_foreach (jx_array(server->certificate, lists[l]), i, each) {
            const char *name = json_string_value(each);
            enum server_http http;
            if (!find_http(gw, name, &http))
                fieldpath_problem(at, problems, "%s is not among the hosts of any server", name);
            else if (server_is_ip(name) && http != SERVER_HTTP_SERVE)
                fieldpath_problem(at,
                                  problems,
                                  "%s cannot be proven behind a redirect: set httpsRedirect of "
                                  "the server for * to false",
                                  name);
        }
    }
}

static void check_certificates(const struct meshgateway *gw, struct problems *problems)
{
    for (size_t i = 0; i < gw->server_count; i++)
        if (gw->servers[i].own_issuer && gw->servers[i].http_port > 0)
            check_proofs(gw, i, problems);
}

/* The nearest wildcard above the host that is in the set; NULL: none is. */
static const char *above(const json_t *wildcards, json_int_t port, const char *bare)
{
    for (const char *parent = server_parent(bare); parent; parent = server_parent(parent)) {
        AUTO_FREE char *key = xasprintf("%" JSON_INTEGER_FORMAT " *%s", port, parent);
        const char *found = json_string_value(json_object_get(wildcards, key));
        if (found)
            return found;
    }
    return NULL;
}

/* Adds each wildcard to one of the sets, by port: those that the server redirects, and the others.
 */
static void sort_wildcards(const struct meshgateway *gw, json_t *redirected, json_t *open)
{
    for (size_t i = 0; i < gw->server_count; i++) {
        const struct server *server = &gw->servers[i];
        size_t k;
        const json_t *each;
        json_array_foreach (server->hosts, k, each) {
            const char *bare = server_bare(json_string_value(each));
            AUTO_FREE char *key = xasprintf("%" JSON_INTEGER_FORMAT " %s", server->http_port, bare);
            if (server_is_wildcard(bare))
                json_object_set_new(server->redirect ? redirected : open, key, STR(bare));
        }
    }
}

static void check_nested(const struct meshgateway *gw, const char *bare, const char *wildcard,
                         const char *top, const struct fieldpath *at, struct problems *problems)
{
    if (top)
        fieldpath_problem(
            at,
            problems,
            "with %s not redirected, the redirect of %s does not hold beside %s: give "
            "one of them an httpPort of its own",
            top,
            wildcard,
            bare);
    if (strlen(gw->name) > SERVER_APART_NAME_MAX)
        fieldpath_problem(at,
                          problems,
                          "beside the redirect of %s it takes a gateway with a name of at most %zu "
                          "characters, or an httpPort of its own",
                          wildcard,
                          SERVER_APART_NAME_MAX);
}

/*
 * A redirected wildcard with an open host below it gets a Gateway of its own (templates/hosts.h).
 * With an open wildcard above it as well, a route for any host in between would find its way to
 * that one, and be served in clear.
 */
static void check_nesting(const struct meshgateway *gw, struct problems *problems)
{
    json_auto_t *redirected = json_object();
    json_auto_t *open = json_object();
    sort_wildcards(gw, redirected, open);
    for (size_t i = 0; json_object_size(redirected) > 0 && i < gw->server_count; i++) {
        const struct server *server = &gw->servers[i];
        size_t k;
        const json_t *each;
        json_array_foreach (server->hosts, k, each) {
            const char *bare = server_bare(json_string_value(each));
            const char *wildcard = above(redirected, server->http_port, bare);
            if (wildcard && server_http(server, bare) != SERVER_HTTP_REDIRECT)
                check_nested(gw,
                             bare,
                             wildcard,
                             above(open, server->http_port, wildcard),
                             ELEMENT(FIELD(SERVER(i), "hosts"), k),
                             problems);
        }
    }
}

void servercheck(const struct meshgateway *gw, struct problems *problems)
{
    check_secrets(gw, problems);
    check_ports(gw, problems);
    check_hosts(gw, problems);
    check_certificates(gw, problems);
    check_nesting(gw, problems);
}
