/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sorts of VirtualServices, private to the gateway's namespace (exportTo "."), which istiod
 * puts before every public one whatever its age:
 *
 * <n>-redirect  hosts that a route redirects. Their challenges stand first in it: in an object of
 *               their own, younger than this one, they would come after the redirect.
 * <n>-acme      challenges of all other hosts, while there are any.
 *
 * Each may exist several times, because its hosts share all routes and may not overlap:
 * <n>-redirect for each pair of ports other than 80 and 443, with the ports in the name. <n>-acme
 * for each Gateway of somebody else's, with a digest of that in the name, and for wildcards, with
 * their length in the name; wildcards of one length never overlap.
 *
 * Which Gateway a challenge comes to, on which host and ports, the router has decided; only where
 * our own Gateway redirects its name, hosts.c and this file do.
 */
#include "base/digest.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "templates/common.h"
#include "templates/hosts.h"
#include "templates/kinds.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* bound: the Gateway, "namespace/name"; "" is our own. */
static json_t *virtual_service(const struct meshgateway *gw, const char *name, const char *bound,
                               json_t *hosts, json_t *http)
{
    json_t *gateway = bound[0] ? STR(bound) : jx_stringf("%s/%s", gw->ns, gw->name);
    json_t *spec = OBJ(F("exportTo", ARR(STR("."))),
                       F("gateways", ARR(gateway)),
                       F("hosts", hosts),
                       F("http", http));
    return common_object(gw, &object_virtual_service, name, NULL, NULL, spec);
}

/* The name with nothing in it that means something in a regular expression, at any port. */
static json_t *authority_of(const char *name)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_FIELD_PATH);
    bool six = strchr(name, ':') != NULL;
    strbuf_adds(&text, six ? "\\[" : "");
    for (const char *c = name; *c; c++)
        strbuf_addf(
            &text, isalnum((unsigned char)*c) || *c == ':' || *c == '-' ? "%c" : "\\%c", *c);
    strbuf_adds(&text, six ? "\\](:[0-9]+)?" : "(:[0-9]+)?");
    return OBJ(F("regex", STR(text.text)));
}

/*
 * A short name is one of the VirtualService's namespace, whatever domain the cluster has. On a
 * wildcard the match names the host: the route is there for all hosts that fit.
 */
static json_t *challenge_route(const struct meshgateway *gw, const json_t *route, bool every_port,
                               bool wildcard)
{
    const char *service = jx_str(route, "service", "");
    const char *ns = jx_str(route, "namespace", "");
    json_t *path = jx_stringf("/.well-known/acme-challenge/%s", jx_str(route, "token", ""));
    json_t *authority = wildcard ? authority_of(jx_str(route, "dnsName", "")) : NULL;
    json_t *host = strcmp(ns, gw->ns) == 0
                       ? STR(service)
                       : jx_stringf("%s.%s.svc.%s", service, ns, gw->cluster_domain);
    json_t *destination =
        OBJ(F("host", host), F("port", OBJ(F("number", INT(jx_int(route, "port", 0))))));
    return OBJ(F("match",
                 ARR(OBJ(FOPT("port", every_port ? NULL : INT(HOSTS_ACME_PORT)),
                         F("uri", OBJ(F("exact", path))),
                         FOPT("authority", authority)))),
               F("route", ARR(OBJ(F("destination", destination)))));
}

/*
 * The header is what makes it a redirect and no loop behind a load balancer that ends TLS; and with
 * a match beside the path, istiod does not put it behind everything as a route for the rest.
 */
static json_t *redirect_route(const struct server *server, bool usual)
{
    return OBJ(F("name", STR("https-redirect")),
               F("match",
                 ARR(OBJ(F("port", INT(server->http_port)),
                         F("uri", OBJ(F("prefix", STR("/")))),
                         F("headers", OBJ(F("x-forwarded-proto", OBJ(F("exact", STR("http"))))))))),
               F("redirect",
                 OBJ(F("scheme", STR("https")),
                     FOPT("port", usual ? NULL : INT(server->https_port)),
                     F("redirectCode", INT(301)))));
}

static bool same_ports(const struct server *a, const struct server *b)
{
    return a->http_port == b->http_port && a->https_port == b->https_port;
}

/* The name of a route may be served by two hosts, which are one here. Stolen. */
static void append_once(json_t *list, json_t *value)
{
    size_t count = json_array_size(list);
    if (count > 0 && json_equal(json_array_get(list, count - 1), value))
        json_decref(value);
    else
        json_array_append_new(list, value);
}

static json_t *redirect(const struct meshgateway *gw, const struct templates_live *live,
                        const struct hosts *hosts, const struct server *server, const char *name)
{
    bool usual = server->http_port == 80 && server->https_port == 443;
    json_t *names = json_array();
    json_t *http = json_array();
    for (size_t i = 0; i < hosts->count; i++) {
        const struct hosts_item *item = &hosts->items[i];
        if (item->http == SERVER_HTTP_REDIRECT_ROUTE && same_ports(item->server, server) &&
            !common_has(names, item->bare))
            json_array_append_new(names, STR(item->bare));
    }
    const json_t *routes = live && server->http_port == HOSTS_ACME_PORT ? live->routes : NULL;
    size_t i;
    const json_t *route;
    json_array_foreach (routes, i, route)
        if (hosts_is_ours(route) && common_has(names, jx_str(route, "dnsName", "")))
            append_once(http, challenge_route(gw, route, jx_bool(route, "https", false), false));
    json_array_append_new(http, redirect_route(server, usual));
    return virtual_service(gw, name, "", names, http);
}

static void add_redirects(const struct meshgateway *gw, const struct templates_live *live,
                          const struct hosts *hosts, const char *name, json_t *list)
{
    for (size_t i = 0; i < hosts->count; i++) {
        const struct hosts_item *item = &hosts->items[i];
        const struct server *server = item->server;
        bool first = item->http == SERVER_HTTP_REDIRECT_ROUTE;
        for (size_t k = 0; first && k < i; k++)
            first = hosts->items[k].http != SERVER_HTTP_REDIRECT_ROUTE ||
                    !same_ports(hosts->items[k].server, server);
        if (!first)
            continue;
        AUTO_FREE char *own =
            server->http_port == 80 && server->https_port == 443
                ? xasprintf("%s-redirect", gw->name)
                : xasprintf("%s-redirect-%" JSON_INTEGER_FORMAT "-%" JSON_INTEGER_FORMAT,
                            gw->name,
                            server->http_port,
                            server->https_port);
        if (kinds_wants(name, own))
            json_array_append_new(list, redirect(gw, live, hosts, server, own));
    }
}

static char *acme_name(const struct meshgateway *gw, const char *bound, const char *host)
{
    uint64_t digest = digest_add(DIGEST_START, bound, strlen(bound));
    AUTO_FREE char *apart = bound[0] ? xasprintf("-%016" PRIx64, digest) : xstrdup("");
    return server_is_wildcard(host) ? xasprintf("%s-acme%s-%zu", gw->name, apart, strlen(host))
                                    : xasprintf("%s-acme%s", gw->name, apart);
}

static json_t *find_or_add(const struct meshgateway *gw, json_t *list, const char *name,
                           const char *bound)
{
    size_t i;
    json_t *object;
    json_array_foreach (list, i, object)
        if (strcmp(object_name(object), name) == 0)
            return object;
    object = virtual_service(gw, name, bound, json_array(), json_array());
    json_array_append_new(list, object);
    return object;
}

/* every_port: port 80 is redirected to another one, and that has to answer. */
static void add_challenge(const struct meshgateway *gw, const json_t *route, bool every_port,
                          const char *name, json_t *list)
{
    const char *bound = jx_str(route, "gateway", "");
    const char *host = jx_str(route, "host", jx_str(route, "dnsName", ""));
    AUTO_FREE char *own = acme_name(gw, bound, host);
    if (!kinds_wants(name, own))
        return;
    json_t *object = find_or_add(gw, list, own, bound);
    json_t *hosts = jx_array(object, "spec.hosts");
    if (!common_has(hosts, host))
        json_array_append_new(hosts, STR(host));
    json_array_append_new(jx_array(object, "spec.http"),
                          challenge_route(gw, route, every_port, server_is_wildcard(host)));
}

static void add_challenges(const struct meshgateway *gw, const json_t *routes,
                           const struct hosts *hosts, const char *name, json_t *list)
{
    size_t i;
    const json_t *route;
    json_array_foreach (routes, i, route) {
        const struct hosts_item *item =
            hosts_is_ours(route) ? hosts_find(hosts, HOSTS_ACME_PORT, jx_str(route, "dnsName", ""))
                                 : NULL;
        enum server_http http = item ? item->http : SERVER_HTTP_SERVE;
        if (http == SERVER_HTTP_REDIRECT_ROUTE)
            continue; /* it is in <n>-redirect */
        bool every_port = http == SERVER_HTTP_REDIRECT || jx_bool(route, "https", false);
        add_challenge(gw, route, every_port, name, list);
    }
}

json_t *virtualservice_render(const struct meshgateway *gw, const struct templates_live *live,
                              const char *name)
{
    AUTO_HOSTS struct hosts hosts = hosts_of(gw, live);
    json_t *list = json_array();
    add_redirects(gw, live, &hosts, name, list);
    if (live)
        add_challenges(gw, live->routes, &hosts, name, list);
    return list;
}
