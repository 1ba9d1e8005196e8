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
 * <n>-redirect for each pair of ports other than 80 and 443, with the ports in the name, and
 * <n>-acme for wildcards, with the number of their labels in the name; wildcards of one length
 * never overlap.
 */
#include "base/limits.h"
#include "base/strbuf.h"
#include "templates/common.h"
#include "templates/hosts.h"
#include "templates/kinds.h"

#include <ctype.h>
#include <string.h>

static json_t *virtual_service(const struct meshgateway *gw, const char *name, json_t *hosts,
                               json_t *http)
{
    json_t *spec = OBJ(F("exportTo", ARR(STR("."))),
                       F("gateways", ARR(jx_stringf("%s/%s", gw->ns, gw->name))),
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
static json_t *challenge_route(const struct meshgateway *gw, const json_t *route, json_int_t port,
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
                 ARR(OBJ(F("port", INT(port)),
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

static bool is_listed(const json_t *list, const char *text)
{
    size_t i;
    const json_t *each;
    json_array_foreach (list, i, each)
        if (strcmp(json_string_value(each), text) == 0)
            return true;
    return false;
}

static bool same_ports(const struct server *a, const struct server *b)
{
    return a->http_port == b->http_port && a->https_port == b->https_port;
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
            !is_listed(names, item->bare))
            json_array_append_new(names, STR(item->bare));
    }
    size_t i;
    const json_t *route;
    json_array_foreach (live ? live->routes : NULL, i, route)
        if (is_listed(names, jx_str(route, "dnsName", "")))
            json_array_append_new(http, challenge_route(gw, route, server->http_port, false));
    json_array_append_new(http, redirect_route(server, usual));
    return virtual_service(gw, name, names, http);
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

/* "" for an exact host, else how many labels the wildcard has. */
static char *acme_name(const struct meshgateway *gw, const char *bare)
{
    size_t labels = 1;
    for (const char *c = bare; *c; c++)
        labels += *c == '.';
    return server_is_wildcard(bare) ? xasprintf("%s-acme-%zu", gw->name, labels)
                                    : xasprintf("%s-acme", gw->name);
}

static json_t *find_or_add(const struct meshgateway *gw, json_t *list, const char *name)
{
    size_t i;
    json_t *object;
    json_array_foreach (list, i, object)
        if (strcmp(object_name(object), name) == 0)
            return object;
    object = virtual_service(gw, name, json_array(), json_array());
    json_array_append_new(list, object);
    return object;
}

static void add_challenge(const struct meshgateway *gw, const json_t *route,
                          const struct hosts_item *item, const char *name, json_t *list)
{
    AUTO_FREE char *own = acme_name(gw, item->bare);
    if (!kinds_wants(name, own))
        return;
    json_t *object = find_or_add(gw, list, own);
    json_t *hosts = jx_array(object, "spec.hosts");
    if (!is_listed(hosts, item->bare))
        json_array_append_new(hosts, STR(item->bare));
    json_array_append_new(
        jx_array(object, "spec.http"),
        challenge_route(gw, route, item->server->http_port, server_is_wildcard(item->bare)));
}

static bool is_first_with_port(const struct meshgateway *gw, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (gw->servers[i].http_port == gw->servers[index].http_port)
            return false;
    return gw->servers[index].http_port > 0;
}

static void add_challenges(const struct meshgateway *gw, const json_t *routes,
                           const struct hosts *hosts, const char *name, json_t *list)
{
    size_t i;
    const json_t *route;
    json_array_foreach (routes, i, route) {
        for (size_t k = 0; k < gw->server_count; k++) {
            const struct hosts_item *item =
                hosts_find(hosts, gw->servers[k].http_port, jx_str(route, "dnsName", ""));
            if (item && item->http == SERVER_HTTP_SERVE && is_first_with_port(gw, k))
                add_challenge(gw, route, item, name, list);
        }
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
