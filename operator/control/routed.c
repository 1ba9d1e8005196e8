/* SPDX-License-Identifier: Apache-2.0 */
#include "control/routed.h"

#include "control/pack.h"
#include "templates/hosts.h"
#include "templates/pod.h"
#include "templates/templates.h"

#include <stdlib.h>
#include <string.h>

#define WISH_TEXTS 6

/* One piece of memory, with all texts behind it. */
struct routed {
    struct router_gateway gateway; /* first, so that it is where the memory begins */
    struct issuance_wish wishes[];
};

static void add_part(json_t *list, const json_t *server, const json_t *hosts, bool redirects)
{
    json_auto_t *part = json_copy((json_t *)(uintptr_t)server);
    json_object_set_new(part, "hosts", REF((json_t *)(uintptr_t)hosts));
    if (!redirects)
        json_object_del(part, "tls");
    if (!jx_empty(hosts))
        json_array_append(list, part);
}

/* Adds the server, without the redirect for those of its hosts where a challenge gets past it. */
static void add_server(json_t *list, const struct meshgateway *gw, const struct hosts *hosts,
                       json_t *server)
{
    json_int_t port = jx_int(server, "port.number", 0);
    json_auto_t *kept = json_array();
    json_auto_t *yielding = json_array();
    if (!jx_bool(server, "tls.httpsRedirect", false)) {
        json_array_append(list, server);
        return;
    }
    size_t i;
    json_t *host;
    json_array_foreach (jx_array(server, "hosts"), i, host) {
        bool yields = json_is_string(host) &&
                      hosts_yields(hosts, gw, port, server_bare(json_string_value(host)));
        json_array_append(yields ? yielding : kept, host);
    }
    add_part(list, server, kept, true);
    add_part(list, server, yielding, false);
}

static void add_servers(json_t *list, const struct meshgateway *gw, const struct hosts *hosts,
                        const char *name)
{
    json_auto_t *gateway = templates_render_one(gw, NULL, &object_gateway, name);
    size_t i;
    json_t *server;
    json_array_foreach (jx_array(gateway, "spec.servers"), i, server)
        add_server(list, gw, hosts, server);
}

static bool is_any_apart(const struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++)
        if (hosts->items[i].apart)
            return true;
    return false;
}

/* VirtualServices name the first Gateway; the second has nothing but redirects. */
static struct istio_gateway *own_of(const struct meshgateway *gw, const struct hosts *hosts)
{
    if (gw->server_count == 0)
        return NULL;
    AUTO_FREE char *second = xasprintf("%s" SERVER_APART_SUFFIX, gw->name);
    json_auto_t *servers = json_array();
    add_servers(servers, gw, hosts, gw->name);
    if (is_any_apart(hosts))
        add_servers(servers, gw, hosts, second);
    json_auto_t *both =
        OBJ(F("metadata", OBJ(F("name", STR(gw->name)), F("namespace", STR(gw->ns)))),
            F("spec", OBJ(F("servers", REF(servers)))));
    return istio_gateway_of(both);
}

/* The object of the kind when an overlay may have changed it, else NULL. */
static json_t *overlaid(const struct meshgateway *gw, const struct object_kind *kind)
{
    size_t i;
    const json_t *overlay;
    json_array_foreach (gw->overlays, i, overlay)
        if (strcmp(jx_str(overlay, "kind", ""), kind->kind) == 0)
            return templates_render_one(gw, NULL, kind, gw->name);
    return NULL;
}

static json_t *labels_of(const struct meshgateway *gw)
{
    json_auto_t *deployment = overlaid(gw, &object_deployment);
    return deployment ? REF(jx_object(deployment, "spec.template.metadata.labels"))
                      : pod_labels(gw);
}

static void set_ports(const struct meshgateway *gw, struct router_gateway *gateway)
{
    json_auto_t *service = overlaid(gw, &object_service);
    size_t i;
    const json_t *port;
    json_array_foreach (service ? jx_array(service, "spec.ports") : gw->ports, i, port) {
        bool tcp = strcmp(jx_str(port, "protocol", "TCP"), "TCP") == 0;
        json_int_t number = jx_int(port, "port", 0);
        gateway->port80 = gateway->port80 || (tcp && number == 80);
        gateway->port443 = gateway->port443 || (tcp && number == 443);
    }
}

/* Hosts that a route redirects without any challenge. */
static json_t *redirected_of(const struct hosts *hosts)
{
    json_t *list = json_array();
    for (size_t i = 0; i < hosts->count; i++)
        if (hosts->items[i].http == SERVER_HTTP_REDIRECT_ROUTE)
            json_array_append_new(list, STR(hosts->items[i].bare));
    return list;
}

/* Nearly always there are only dnsNames, and they are shared. */
static json_t *names_of(const json_t *certificate)
{
    json_t *dns = jx_array(certificate, "dnsNames");
    json_t *addresses = jx_array(certificate, "ipAddresses");
    if (!dns || !addresses)
        return json_incref(dns ? dns : addresses);
    json_t *names = json_copy(dns);
    json_array_extend(names, addresses);
    return names;
}

/* The texts of the wish with this index; returns how many. */
static size_t wish_texts(const struct server *server, size_t index, struct pack_text *texts)
{
    const json_t *certificate = server->certificate;
    const struct pack_text wanted[WISH_TEXTS] = {
        PACK(issuance_wish, server, server->name),
        PACK(issuance_wish, name, server->certificate_name),
        PACK(issuance_wish, secret_name, jx_str(certificate, "secretName", "")),
        PACK(issuance_wish, issuer_name, jx_str(certificate, "issuerRef.name", "")),
        PACK(issuance_wish, issuer_kind, jx_str(certificate, "issuerRef.kind", "")),
        PACK(issuance_wish, issuer_group, jx_str(certificate, "issuerRef.group", "")),
    };
    size_t start = sizeof(struct routed) + index * sizeof(struct issuance_wish);
    for (size_t i = 0; i < WISH_TEXTS; i++)
        texts[i] = (struct pack_text){start + wanted[i].offset, wanted[i].text};
    return WISH_TEXTS;
}

/* Room for all texts and wishes; the texts are filled in. */
static struct routed *routed_new(const struct meshgateway *gw, size_t wishes)
{
    AUTO_FREE char *redirect = xasprintf("%s-redirect", gw->name);
    AUTO_FREE char *challenge = xasprintf("%s-acme", gw->name);
    const struct pack_text own[] = {
        PACK(router_gateway, ns, gw->ns),
        PACK(router_gateway, name, gw->name),
        PACK(router_gateway, uid, gw->uid),
        PACK(router_gateway, redirect_service, redirect),
        PACK(router_gateway, challenge_service, challenge),
    };
    AUTO_FREE struct pack_text *texts =
        xcalloc(ARRAY_LEN(own) + wishes * WISH_TEXTS, sizeof(*texts));
    memcpy(texts, own, sizeof(own));
    size_t count = ARRAY_LEN(own);
    size_t index = 0;
    for (size_t i = 0; i < gw->server_count; i++)
        if (gw->servers[i].certificate)
            count += wish_texts(&gw->servers[i], index++, texts + count);
    return pack_new(sizeof(struct routed) + wishes * sizeof(struct issuance_wish), texts, count);
}

struct router_gateway *routed_of(const struct meshgateway *gw)
{
    AUTO_HOSTS struct hosts hosts = hosts_of(gw, NULL);
    size_t wishes = 0;
    for (size_t i = 0; i < gw->server_count; i++)
        wishes += gw->servers[i].certificate != NULL;
    struct routed *routed = routed_new(gw, wishes);
    struct router_gateway *gateway = &routed->gateway;
    gateway->wishes = routed->wishes;
    for (size_t i = 0; i < gw->server_count; i++)
        if (gw->servers[i].certificate)
            routed->wishes[gateway->wish_count++].hosts = names_of(gw->servers[i].certificate);
    gateway->labels = labels_of(gw);
    gateway->own = own_of(gw, &hosts);
    gateway->redirected = redirected_of(&hosts);
    set_ports(gw, gateway);
    return gateway;
}

void routed_free(struct router_gateway *gateway)
{
    if (!gateway)
        return;
    for (size_t i = 0; i < gateway->wish_count; i++)
        json_decref((json_t *)(uintptr_t)gateway->wishes[i].hosts);
    json_decref((json_t *)(uintptr_t)gateway->labels);
    json_decref((json_t *)(uintptr_t)gateway->redirected);
    istio_gateway_free((struct istio_gateway *)(uintptr_t)gateway->own);
    free(gateway);
}
