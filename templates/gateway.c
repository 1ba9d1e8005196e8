/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Istio Gateway <n> that users bind VirtualServices to and, when it is needed, <n>-redirect
 * (templates/hosts.h). What a host answers by HTTP and by HTTPS are servers of their own.
 */
#include "templates/common.h"
#include "templates/hosts.h"
#include "templates/kinds.h"

#include <string.h>

static json_t *server_object(const char *prefix, const struct server *server, json_int_t port,
                             const char *protocol, json_t *hosts, json_t *tls)
{
    return OBJ(F("port",
                 OBJ(F("name", jx_stringf("%s-%s", prefix, server->name)),
                     F("number", INT(port)),
                     F("protocol", STR(protocol)))),
               F("hosts", hosts),
               FOPT("tls", tls));
}

static void add_host(json_t *list, const char *host)
{
    if (!common_has(list, host))
        json_array_append_new(list, STR(host));
}

/* Whether VirtualServices of the gateway's own namespace may bind to the host. */
static bool is_ours_to_bind(const struct meshgateway *gw, const char *host)
{
    size_t len = strcspn(host, "/");
    return host[len] == '\0' || strncmp(host, "*/", 2) == 0 || strncmp(host, "./", 2) == 0 ||
           (strlen(gw->ns) == len && strncmp(host, gw->ns, len) == 0);
}

/*
 * Redirects need no routes of anybody else, so nobody in another namespace can bind one there. A
 * challenge is routed from the gateway's namespace, whoever else the host is for.
 */
static void add_http_host(json_t *list, const struct meshgateway *gw, const struct hosts_item *item)
{
    AUTO_FREE char *ours = xasprintf("./%s", item->bare);
    if (item->http == SERVER_HTTP_REDIRECT) {
        add_host(list, item->bare);
        return;
    }
    if (item->http == SERVER_HTTP_SERVE)
        add_host(list, item->host);
    if (item->http == SERVER_HTTP_REDIRECT_ROUTE ||
        (item->server->certificate && !is_ours_to_bind(gw, item->host)))
        add_host(list, ours);
}

/* The server's hosts that it redirects itself, here or apart, or all others; NULL: there is none.
 */
static json_t *http_server(const struct meshgateway *gw, const struct server *server,
                           const struct hosts *hosts, bool redirected, bool apart)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < hosts->count; i++) {
        const struct hosts_item *item = &hosts->items[i];
        if (item->server == server && item->apart == apart &&
            (item->http == SERVER_HTTP_REDIRECT) == redirected)
            add_http_host(list, gw, item);
    }
    if (json_array_size(list) == 0)
        return NULL;
    return server_object(redirected ? "redirect" : "http",
                         server,
                         server->http_port,
                         "HTTP",
                         REF(list),
                         redirected ? OBJ(F("httpsRedirect", BOOL(true))) : NULL);
}

/*
 * An Envoy that starts with a Secret missing opens no port at all for 15 seconds, so a certificate
 * has to have been there once. A temporary one is there at once, and challenges wait for HTTPS.
 */
static bool has_secret(const struct server *server, const struct templates_live *live)
{
    return !live || !server->certificate ||
           json_object_get(live->issued, server->certificate_name) ||
           common_has(live->temporary, server->name);
}

static json_t *https_server(const struct server *server, const struct templates_live *live)
{
    if (server->https_port == 0 || !has_secret(server, live))
        return NULL;
    bool passed = server_passes_tls(server);
    return server_object(passed ? "tls" : "https",
                         server,
                         server->https_port,
                         passed ? "TLS" : "HTTPS",
                         REF((json_t *)(uintptr_t)server->hosts),
                         json_deep_copy(server->tls));
}

static void append(json_t *list, json_t *value)
{
    if (value)
        json_array_append_new(list, value);
}

/* Selects by namespace too: the name alone fits the pods of any gateway of this name. */
static void add_gateway(json_t *list, const struct meshgateway *gw, const char *name,
                        json_t *servers)
{
    if (json_array_size(servers) == 0)
        return;
    json_t *selector = common_selector(gw);
    json_object_set_new(selector, "gateway-namespace", STR(gw->ns));
    json_t *spec = OBJ(F("selector", selector), F("servers", REF(servers)));
    json_array_append_new(list, common_object(gw, &object_gateway, name, NULL, NULL, spec));
}

json_t *gateway_render(const struct meshgateway *gw, const struct templates_live *live,
                       const char *name)
{
    AUTO_FREE char *second = xasprintf("%s" SERVER_APART_SUFFIX, gw->name);
    AUTO_HOSTS struct hosts hosts = hosts_of(gw, live);
    json_auto_t *servers = json_array();
    json_auto_t *apart = json_array();
    for (size_t i = 0; i < gw->server_count; i++) {
        const struct server *server = &gw->servers[i];
        append(servers, http_server(gw, server, &hosts, false, false));
        append(servers, http_server(gw, server, &hosts, true, false));
        append(servers, https_server(server, live));
        append(apart, http_server(gw, server, &hosts, true, true));
    }
    json_t *list = json_array();
    if (kinds_wants(name, gw->name))
        add_gateway(list, gw, gw->name, servers);
    if (kinds_wants(name, second))
        add_gateway(list, gw, second, apart);
    return list;
}
