/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/hosts.h"

#include "data/jx.h"

#include <stdlib.h>
#include <string.h>

static void add(struct hosts *hosts, const struct server *server, const char *host,
                enum server_http http)
{
    hosts->items = xrealloc(hosts->items, (hosts->count + 1) * sizeof(*hosts->items));
    hosts->items[hosts->count++] = (struct hosts_item){
        .server = server, .host = host, .bare = server_bare(host), .http = http};
}

const struct hosts_item *hosts_find(const struct hosts *hosts, json_int_t port, const char *name)
{
    const struct hosts_item *found = NULL;
    for (size_t i = 0; i < hosts->count; i++) {
        const struct hosts_item *item = &hosts->items[i];
        if (item->server->http_port != port)
            continue;
        if (strcmp(item->bare, name) == 0)
            return item;
        bool longer = !found || strlen(item->bare) > strlen(found->bare);
        if (longer && server_covers(item->bare, name))
            found = item;
    }
    return found;
}

static char *key_of(json_int_t port, const char *suffix)
{
    return xasprintf("%" JSON_INTEGER_FORMAT " %s", port, suffix);
}

/* Whether standing apart would open a redirected wildcard to routes of an open one above it. */
static bool opens_redirect(const struct hosts *hosts, const struct hosts_item *wildcard)
{
    for (size_t i = 0; i < hosts->count; i++) {
        const struct hosts_item *item = &hosts->items[i];
        if (item->server->http_port == wildcard->server->http_port &&
            item->http == SERVER_HTTP_SERVE && server_covers(item->bare, wildcard->bare))
            return true;
    }
    return false;
}

/* A redirected wildcard that is the host, or above it, has to stand apart: whether each can. */
static bool may_route(const struct hosts *hosts, const struct meshgateway *gw, json_int_t port,
                      const char *bare)
{
    for (size_t i = 0; i < hosts->count; i++) {
        const struct hosts_item *item = &hosts->items[i];
        if (item->server->http_port != port || item->http != SERVER_HTTP_REDIRECT ||
            !server_is_wildcard(item->bare))
            continue;
        bool above = strcmp(item->bare, bare) == 0 || server_covers(item->bare, bare);
        if (above && (strlen(gw->name) > SERVER_APART_NAME_MAX || opens_redirect(hosts, item)))
            return false;
    }
    return true;
}

/* Istio takes no address for the host of a Gateway. */
bool hosts_yields(const struct hosts *hosts, const struct meshgateway *gw, json_int_t port,
                  const char *bare)
{
    const struct hosts_item *item = hosts_find(hosts, port, bare);
    return item && item->http == SERVER_HTTP_REDIRECT && !server_is_ip(bare) &&
           may_route(hosts, gw, port, bare);
}

static void add_challenge(struct hosts *hosts, const struct meshgateway *gw, const char *name)
{
    if (!hosts_yields(hosts, gw, HOSTS_ACME_PORT, name))
        return;
    const struct hosts_item *item = hosts_find(hosts, HOSTS_ACME_PORT, name);
    if (strcmp(item->bare, name) != 0)
        add(hosts, item->server, name, SERVER_HTTP_REDIRECT_ROUTE);
    else
        hosts->items[item - hosts->items].http = SERVER_HTTP_REDIRECT_ROUTE;
}

bool hosts_is_ours(const json_t *route)
{
    return jx_get(route, "gateway") == NULL;
}

static void add_challenges(struct hosts *hosts, const struct meshgateway *gw, const json_t *routes)
{
    size_t i;
    const json_t *route;
    json_array_foreach (routes, i, route)
        if (hosts_is_ours(route))
            add_challenge(hosts, gw, jx_str(route, "dnsName", ""));
}

static void set_apart(struct hosts *hosts)
{
    json_auto_t *below = json_object(); /* wildcards with something else than a redirect below */
    for (size_t i = 0; i < hosts->count; i++) {
        const struct hosts_item *item = &hosts->items[i];
        const char *parent = item->http == SERVER_HTTP_REDIRECT ? NULL : server_parent(item->bare);
        for (; parent; parent = server_parent(parent)) {
            AUTO_FREE char *key = key_of(item->server->http_port, parent);
            json_object_set_new(below, key, json_true());
        }
    }
    for (size_t i = 0; i < hosts->count; i++) {
        struct hosts_item *item = &hosts->items[i];
        if (item->http != SERVER_HTTP_REDIRECT || !server_is_wildcard(item->bare))
            continue;
        AUTO_FREE char *key = key_of(item->server->http_port, item->bare + 1);
        item->apart = json_object_get(below, key) != NULL;
    }
}

struct hosts hosts_of(const struct meshgateway *gw, const struct templates_live *live)
{
    struct hosts hosts = {.items = NULL};
    for (size_t i = 0; i < gw->server_count; i++) {
        const struct server *server = &gw->servers[i];
        size_t k;
        const json_t *each;
        json_array_foreach (server->hosts, k, each) {
            const char *host = json_string_value(each);
            if (server->http_port > 0)
                add(&hosts, server, host, server_http(server, host));
        }
    }
    if (live)
        add_challenges(&hosts, gw, live->routes);
    set_apart(&hosts);
    return hosts;
}

void hosts_done(struct hosts *hosts)
{
    free(hosts->items);
    *hosts = (struct hosts){.items = NULL};
}
