/* SPDX-License-Identifier: Apache-2.0 */
#include "control/istio.h"

#include "base/digest.h"
#include "control/istiomatch.h"
#include "control/pack.h"
#include "data/object.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static char *key_of(const json_t *object)
{
    return xasprintf("%s/%s", object_namespace(object), object_name(object));
}

static char **hosts_of(const json_t *array)
{
    char **hosts = pack_list(array);
    for (char **host = hosts; *host; host++)
        for (char *c = *host; *c; c++)
            *c = (char)tolower((unsigned char)*c);
    return hosts;
}

static char **selector_of(const json_t *object)
{
    json_auto_t *pairs = json_array();
    const char *label;
    json_t *value;
    json_object_foreach (jx_object(object, "spec.selector"), label, value)
        if (json_is_string(value))
            json_array_append_new(pairs, jx_stringf("%s=%s", label, json_string_value(value)));
    return pack_list(pairs);
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(word, *words) == 0)
            return true;
    return false;
}

static void read_server(struct istio_server *server, const json_t *object)
{
    static const char *const clear[] = {"HTTP", "HTTP2", "GRPC", "GRPC-WEB", NULL};
    static const char *const encrypted[] = {"HTTPS", "TLS", NULL};
    static const char *const open_modes[] = {"SIMPLE", "OPTIONAL_MUTUAL", NULL};
    const char *protocol = jx_str(object, "port.protocol", "");
    json_int_t port = jx_int(object, "port.number", 0);
    server->hosts = hosts_of(jx_array(object, "hosts"));
    server->port = port > 0 && port <= 65535 ? (int)port : 0;
    server->http = is_one_of(protocol, clear);
    server->tls = is_one_of(protocol, encrypted);
    server->https =
        strcasecmp(protocol, "HTTPS") == 0 && is_one_of(jx_str(object, "tls.mode", ""), open_modes);
    server->redirects = server->http && jx_bool(object, "tls.httpsRedirect", false);
}

struct istio_gateway *istio_gateway_of(const json_t *object)
{
    AUTO_FREE char *key = key_of(object);
    const struct pack_text texts[] = {
        PACK(istio_gateway, key, key),
        PACK(istio_gateway, ns, object_namespace(object)),
        PACK(istio_gateway, uid, object_uid(object)),
    };
    struct istio_gateway *gateway = pack_new(sizeof(*gateway), texts, ARRAY_LEN(texts));
    const json_t *servers = jx_array(object, "spec.servers");
    gateway->selector = selector_of(object);
    gateway->server_count = json_array_size(servers);
    gateway->servers = xcalloc(gateway->server_count + 1, sizeof(*gateway->servers));
    gateway->digest = pack_digest(DIGEST_START, texts, ARRAY_LEN(texts));
    gateway->digest = pack_digest_list(gateway->digest, gateway->selector);
    for (size_t i = 0; i < gateway->server_count; i++) {
        struct istio_server *server = &gateway->servers[i];
        server->gateway = gateway;
        read_server(server, json_array_get(servers, i));
        gateway->digest = pack_digest_list(gateway->digest, server->hosts);
        const int64_t rest[] = {
            server->port, server->http, server->tls, server->https, server->redirects};
        gateway->digest = digest_add(gateway->digest, rest, sizeof(rest));
    }
    return gateway;
}

void istio_gateway_free(struct istio_gateway *gateway)
{
    if (!gateway)
        return;
    for (size_t i = 0; i < gateway->server_count; i++)
        free(gateway->servers[i].hosts);
    free(gateway->servers);
    free(gateway->selector);
    free(gateway);
}

bool istio_selects(const struct istio_gateway *gateway, const json_t *labels)
{
    for (char **pair = gateway->selector; *pair; pair++) {
        size_t len = strcspn(*pair, "=");
        const char *value = json_string_value(json_object_getn(labels, *pair, len));
        if (!value || !is(value, *pair + len + 1))
            return false;
    }
    return true;
}

/* "name" → "namespace/name", as everywhere else. */
static char **bound_gateways(const json_t *object)
{
    json_auto_t *keys = json_array();
    size_t i;
    const json_t *each;
    json_array_foreach (jx_array(object, "spec.gateways"), i, each) {
        const char *name = json_string_value(each);
        if (name && strchr(name, '/'))
            json_array_append_new(keys, STR(name));
        else if (name)
            json_array_append_new(keys, jx_stringf("%s/%s", object_namespace(object), name));
    }
    return pack_list(keys);
}

/* Public wins over whatever else it is exported to; nothing said is public. */
static bool is_private(const json_t *object)
{
    bool own = false;
    size_t i;
    const json_t *each;
    json_array_foreach (jx_array(object, "spec.exportTo"), i, each) {
        const char *where = json_string_value(each);
        if (where && (is(where, "*") || is(where, "~")))
            return false;
        own = own || (where && (is(where, ".") || is(where, object_namespace(object))));
    }
    return own;
}

static struct istio_virtual_service *service_of(const json_t *object)
{
    AUTO_FREE char *key = key_of(object);
    const struct pack_text texts[] = {
        PACK(istio_virtual_service, key, key),
        PACK(istio_virtual_service, ns, object_namespace(object)),
        PACK(istio_virtual_service, name, object_name(object)),
        PACK(istio_virtual_service, uid, object_uid(object)),
        PACK(istio_virtual_service, created, jx_str(object, "metadata.creationTimestamp", "")),
    };
    struct istio_virtual_service *service = pack_new(sizeof(*service), texts, ARRAY_LEN(texts));
    service->ours = is(jx_str(object_controller(object), "kind", ""), "MeshGateway");
    service->is_private = is_private(object);
    service->gateways = service->ours ? pack_list(NULL) : bound_gateways(object);
    service->hosts = hosts_of(service->ours ? NULL : jx_array(object, "spec.hosts"));
    uint64_t digest = pack_digest(DIGEST_START, texts, ARRAY_LEN(texts));
    digest = pack_digest_list(digest, service->gateways);
    digest = pack_digest_list(digest, service->hosts);
    if (service->is_private && !service->ours) {
        const json_t *http = jx_array(object, "spec.http");
        uint64_t part = jx_digest(http);
        service->matches = istiomatch_list(http, object_namespace(object), &service->match_count);
        digest = digest_add(digest, &part, sizeof(part));
    }
    service->digest = digest + service->is_private + 2U * service->ours;
    return service;
}

static void service_free(struct istio_virtual_service *service)
{
    istiomatch_free(service->matches, service->match_count);
    free(service->gateways);
    free(service->hosts);
    free(service);
}

static void forget_gateway(struct istio *set, struct istio_gateway *gateway)
{
    HASH_DEL(set->gateways, gateway);
    for (size_t i = 0; i < gateway->server_count; i++)
        for (char **host = gateway->servers[i].hosts; *host; host++)
            multimap_remove(&set->servers, istio_host(*host), &gateway->servers[i]);
    istio_gateway_free(gateway);
}

static void forget_service(struct istio *set, struct istio_virtual_service *service)
{
    HASH_DEL(set->services, service);
    for (char **gateway = service->gateways; *gateway; gateway++)
        multimap_remove(&set->bound, *gateway, service);
    service_free(service);
}

static struct istio_gateway *known_gateway(const struct istio *set, const json_t *object)
{
    AUTO_FREE char *key = key_of(object);
    struct istio_gateway *gateway;
    HASH_FIND_STR(set->gateways, key, gateway);
    return gateway;
}

static struct istio_virtual_service *known_service(const struct istio *set, const json_t *object)
{
    AUTO_FREE char *key = key_of(object);
    struct istio_virtual_service *service;
    HASH_FIND_STR(set->services, key, service);
    return service;
}

bool istio_put_gateway(struct istio *set, const json_t *object)
{
    struct istio_gateway *old = known_gateway(set, object);
    struct istio_gateway *gateway = NULL;
    /* What a MeshGateway rendered is known from the MeshGateway. */
    if (!is(jx_str(object_controller(object), "kind", ""), "MeshGateway"))
        gateway = istio_gateway_of(object);
    if (old && gateway && old->digest == gateway->digest) {
        old->seen = true;
        istio_gateway_free(gateway);
        return false;
    }
    if (old)
        forget_gateway(set, old);
    if (!gateway)
        return old != NULL;
    gateway->seen = true;
    HASH_ADD_KEYPTR(hh, set->gateways, gateway->key, strlen(gateway->key), gateway);
    for (size_t i = 0; i < gateway->server_count; i++)
        for (char **host = gateway->servers[i].hosts; *host; host++)
            multimap_add(&set->servers, istio_host(*host), &gateway->servers[i]);
    return true;
}

bool istio_put_service(struct istio *set, const json_t *object)
{
    struct istio_virtual_service *old = known_service(set, object);
    struct istio_virtual_service *service = service_of(object);
    if (old && old->digest == service->digest) {
        old->seen = true;
        service_free(service);
        return false;
    }
    if (old)
        forget_service(set, old);
    service->seen = true;
    HASH_ADD_KEYPTR(hh, set->services, service->key, strlen(service->key), service);
    for (char **gateway = service->gateways; *gateway; gateway++)
        multimap_add(&set->bound, *gateway, service);
    return true;
}

bool istio_remove_gateway(struct istio *set, const json_t *object)
{
    struct istio_gateway *gateway = known_gateway(set, object);
    if (!gateway || !is(gateway->uid, object_uid(object)))
        return false;
    forget_gateway(set, gateway);
    return true;
}

bool istio_remove_service(struct istio *set, const json_t *object)
{
    struct istio_virtual_service *service = known_service(set, object);
    if (!service || !is(service->uid, object_uid(object)))
        return false;
    forget_service(set, service);
    return true;
}

void istio_begin_gateways(struct istio *set, const char *scope)
{
    struct istio_gateway *gateway;
    struct istio_gateway *next;
    HASH_ITER (hh, set->gateways, gateway, next)
        if (object_in_scope(scope, gateway->ns))
            gateway->seen = false;
}

void istio_begin_services(struct istio *set, const char *scope)
{
    struct istio_virtual_service *service;
    struct istio_virtual_service *next;
    HASH_ITER (hh, set->services, service, next)
        if (object_in_scope(scope, service->ns))
            service->seen = false;
}

bool istio_synced_gateways(struct istio *set, const char *scope)
{
    struct istio_gateway *gateway;
    struct istio_gateway *next;
    bool changed = false;
    HASH_ITER (hh, set->gateways, gateway, next) {
        if (gateway->seen || !object_in_scope(scope, gateway->ns))
            continue;
        forget_gateway(set, gateway);
        changed = true;
    }
    return changed;
}

bool istio_synced_services(struct istio *set, const char *scope)
{
    struct istio_virtual_service *service;
    struct istio_virtual_service *next;
    bool changed = false;
    HASH_ITER (hh, set->services, service, next) {
        if (service->seen || !object_in_scope(scope, service->ns))
            continue;
        forget_service(set, service);
        changed = true;
    }
    return changed;
}

void istio_done(struct istio *set)
{
    while (set->gateways)
        forget_gateway(set, set->gateways);
    while (set->services)
        forget_service(set, set->services);
    multimap_done(&set->servers);
    multimap_done(&set->bound);
}

const char *istio_host(const char *host)
{
    const char *slash = strchr(host, '/');
    return slash ? slash + 1 : host;
}

bool istio_admits(const struct istio_server *server, const char *host, const char *ns)
{
    const char *slash = strchr(host, '/');
    if (!slash)
        return true;
    size_t len = (size_t)(slash - host);
    const char *allowed = host;
    if (len == 1 && host[0] == '*')
        return true;
    if (len == 1 && host[0] == '.') {
        allowed = server->gateway->ns;
        len = strlen(allowed);
    }
    return strlen(ns) == len && strncmp(allowed, ns, len) == 0;
}

bool istio_covers(const char *host, const char *name)
{
    if (host[0] != '*')
        return is(host, name);
    size_t suffix = strlen(host + 1);
    size_t len = strlen(name);
    return suffix == 0 || (len > suffix && is(name + len - suffix, host + 1));
}
