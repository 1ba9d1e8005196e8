/* SPDX-License-Identifier: Apache-2.0 */
#include "control/trouble.h"

#include "control/istiomatch.h"

#include <string.h>

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Istio's order of VirtualServices of one namespace. */
static int compare(const struct istio_virtual_service *a, const struct istio_virtual_service *b)
{
    int order = strcmp(a->created, b->created);
    return order ? order : strcmp(a->name, b->name);
}

/* Our VirtualService; NULL while there is none, and then it will be the youngest. */
static const struct istio_virtual_service *ours(const struct router_gateway *gateway,
                                                const struct istio *istio, const char *name)
{
    AUTO_FREE char *key = xasprintf("%s/%s", gateway->ns, name ? name : "");
    struct istio_virtual_service *service;
    HASH_FIND_STR(istio->services, key, service);
    return service && service->ours ? service : NULL;
}

static bool has_host(const struct istio_virtual_service *service, const char *name)
{
    for (char **host = service->hosts; *host; host++)
        if (istio_covers(*host, name))
            return true;
    return false;
}

static bool is_redirected(const struct router_gateway *gateway, const char *name)
{
    size_t i;
    const json_t *host;
    json_array_foreach (gateway->redirected, i, host)
        if (json_is_string(host) && is(istio_host(json_string_value(host)), name))
            return true;
    return false;
}

/* Whether it stands before our route for the name, so that its own routes are looked at first. */
static bool goes_first(const struct istio_virtual_service *service,
                       const struct router_gateway *gateway,
                       const struct istio_virtual_service *our, const char *name)
{
    return service->is_private && is(service->ns, gateway->ns) && has_host(service, name) &&
           (!our || compare(service, our) < 0);
}

const struct istio_virtual_service *trouble_shadow(const struct router_gateway *gateway,
                                                   const struct istio *istio, const char *key,
                                                   const char *name, const char *token)
{
    AUTO_FREE char *path = xasprintf("/.well-known/acme-challenge/%s", token);
    const struct istio_virtual_service *our =
        ours(gateway,
             istio,
             is_redirected(gateway, name) ? gateway->redirect_service : gateway->challenge_service);
    const struct multimap_values *bound = multimap_find(&istio->bound, key);
    const struct istio_virtual_service *first = NULL;
    for (size_t i = 0; bound && i < bound->count; i++) {
        const struct istio_virtual_service *service = bound->items[i];
        if (!goes_first(service, gateway, our, name) || (first && compare(first, service) < 0))
            continue;
        for (size_t m = 0; m < service->match_count; m++)
            if (istiomatch_takes(&service->matches[m], key, name, path))
                first = service;
    }
    return first;
}

/* Port on which the gateway's own servers have clear text for the host; 0: none. */
static int clear_port(const struct router_gateway *gateway, const char *host)
{
    for (size_t i = 0; gateway->own && i < gateway->own->server_count; i++) {
        const struct istio_server *server = &gateway->own->servers[i];
        for (char **each = server->hosts; server->http && *each; each++)
            if (istio_covers(istio_host(*each), host))
                return server->port;
    }
    return 0;
}

static bool serves_clear(const struct istio_virtual_service *service, const char *key, int port)
{
    for (size_t i = 0; i < service->match_count; i++)
        if (service->matches[i].clear && istiomatch_hears(&service->matches[i], key, port))
            return true;
    return false;
}

char *trouble_bypass(const struct router_gateway *gateway, const struct istio *istio)
{
    const struct multimap_values *bound =
        gateway->own ? multimap_find(&istio->bound, gateway->own->key) : NULL;
    const struct istio_virtual_service *our = ours(gateway, istio, gateway->redirect_service);
    const struct istio_virtual_service *first = NULL;
    const char *at = NULL;
    for (size_t i = 0; bound && i < bound->count; i++) {
        const struct istio_virtual_service *service = bound->items[i];
        size_t h;
        const json_t *each;
        json_array_foreach (gateway->redirected, h, each) {
            const char *host = json_is_string(each) ? istio_host(json_string_value(each)) : "";
            if (!goes_first(service, gateway, our, host) || (first && compare(first, service) <= 0))
                continue;
            if (!serves_clear(service, gateway->own->key, clear_port(gateway, host)))
                continue;
            first = service;
            at = host;
        }
    }
    if (!first)
        return NULL;
    return xasprintf("VirtualService %s, which is older and exported to its own namespace only, "
                     "has routes for %s that come before the redirect to HTTPS: they serve clear "
                     "text. Match another port than %d in them, or export it to \"*\".",
                     first->key,
                     at,
                     clear_port(gateway, at));
}

/* A host that both have TLS for on one port. */
static const char *common_host(const struct istio_server *a, const struct istio_server *b)
{
    if (!a->tls || !b->tls || a->port != b->port)
        return NULL;
    for (char **left = a->hosts; *left; left++)
        for (char **right = b->hosts; *right; right++)
            if (is(istio_host(*left), istio_host(*right)))
                return istio_host(*left);
    return NULL;
}

static const char *gateway_conflict(const struct istio_gateway *a, const struct istio_gateway *b)
{
    for (size_t i = 0; i < a->server_count; i++)
        for (size_t j = 0; j < b->server_count; j++) {
            const char *host = common_host(&a->servers[i], &b->servers[j]);
            if (host)
                return host;
        }
    return NULL;
}

char *trouble_conflict(const struct router_gateway *gateway, const struct istio *istio)
{
    const struct istio_gateway *other;
    const struct istio_gateway *next;
    const struct istio_gateway *first = NULL;
    const char *at = NULL;
    HASH_ITER (hh, istio->gateways, other, next) {
        if (!gateway->own || !istio_selects(other, gateway->labels))
            continue;
        const char *host = gateway_conflict(gateway->own, other);
        if (!host || (first && strcmp(first->key, other->key) < 0))
            continue;
        first = other;
        at = host;
    }
    if (!first)
        return NULL;
    return xasprintf("Istio Gateway %s has HTTPS for %s on the same pods: Istio serves that of "
                     "the older Gateway and drops the other's server.",
                     first->key,
                     at);
}
