/* SPDX-License-Identifier: Apache-2.0 */
#include "data/proxy.h"

#include "data/jx.h"

#include <stdlib.h>
#include <string.h>

#define DISCOVERY_PORT 15012

/*
 * What Istio's agent assumes of a ProxyConfig without being told (its DefaultProxyConfig). Istio
 * leaves these out of what it renders, and so do we: a gateway must not roll because a mesh's
 * configuration begins to spell out a default.
 */
static const struct {
    const char *field;
    const char *text; /* NULL: a number */
    json_int_t number;
} assumed[] = {
    {"binaryPath", "/usr/local/bin/envoy", 0},
    {"configPath", "./etc/istio/proxy", 0},
    {"controlPlaneAuthPolicy", "MUTUAL_TLS", 0},
    {"discoveryAddress", "istiod.istio-system.svc:15012", 0},
    {"drainDuration", "45s", 0},
    {"proxyAdminPort", NULL, 15000},
    {"serviceCluster", "istio-proxy", 0},
    {"statNameLength", NULL, 189},
    {"statusPort", NULL, 15020},
    {"terminationDrainDuration", "5s", 0},
};

void proxy_set_default(json_t *spec, const char *path, json_t *value)
{
    if (jx_empty(value) || jx_get(spec, path))
        json_decref(value);
    else
        jx_set(spec, path, value);
}

bool proxy_is_default(const char *revision)
{
    return revision[0] == '\0' || strcmp(revision, "default") == 0;
}

/* The first that says something. */
static const char *first_text(const char *a, const char *b, const char *otherwise)
{
    return a[0] ? a : b[0] ? b : otherwise;
}

void proxy_control_plane(const json_t *gateway, const struct config *config,
                         struct proxy_control_plane *ret)
{
    const json_t *spec = jx_object(gateway, "spec");
    ret->ns = first_text(jx_str(spec, "proxy.istioNamespace", ""),
                         jx_str(spec, "istioControlPlane.namespace", ""),
                         config->istio_namespace);
    ret->revision = first_text(jx_str(spec, "proxy.revision", ""),
                               jx_str(spec, "istioControlPlane.name", ""),
                               config->revision);
    ret->injected = strcmp(jx_str(spec, "proxy.mode", ""), "Injected") == 0;
}

/*
 * The address of the control plane. The configuration speaks of one control plane: a gateway that
 * names another one by revision or namespace gets that one's address.
 */
static json_t *discovery_address(const json_t *spec, const struct config *config, bool another)
{
    if (!another && config->discovery_address[0])
        return STR(config->discovery_address);
    const char *of_mesh = jx_str(config->proxy_config, "discoveryAddress", "");
    if (!another && of_mesh[0])
        return STR(of_mesh);
    const char *revision = jx_str(spec, "proxy.taggedRevision", jx_str(spec, "proxy.revision", ""));
    bool is_default = proxy_is_default(revision);
    return jx_stringf("istiod%s%s.%s.svc:%d",
                      is_default ? "" : "-",
                      is_default ? "" : revision,
                      jx_str(spec, "proxy.istioNamespace", ""),
                      DISCOVERY_PORT);
}

static void drop_assumed(json_t *proxy_config)
{
    for (size_t i = 0; i < ARRAY_LEN(assumed); i++) {
        const char *text = assumed[i].text;
        bool same = text ? strcmp(jx_str(proxy_config, assumed[i].field, ""), text) == 0
                         : jx_int(proxy_config, assumed[i].field, 0) == assumed[i].number;
        if (same)
            json_object_del(proxy_config, assumed[i].field);
    }
}

/* ProxyConfig: the mesh's, then what this gateway implies, then what its spec says. */
static json_t *proxy_config(const json_t *spec, const json_t *of_mesh)
{
    json_auto_t *implied =
        OBJ(F("terminationDrainDuration",
              jx_stringf("%" JSON_INTEGER_FORMAT "s", jx_int(spec, "drainSeconds", 0))),
            FOPT("discoveryAddress", STR(jx_str(spec, "proxy.discoveryAddress", NULL))));
    json_auto_t *empty = json_object();
    json_auto_t *base = jx_merge(of_mesh ? of_mesh : empty, implied);
    const json_t *own = jx_object(spec, "proxy.config");
    json_t *merged = jx_merge(base, own ? own : empty);
    drop_assumed(merged);
    return merged;
}

/* An explicit pod is told everything. */
static void merge_explicit(json_t *spec, const struct config *config, bool another)
{
    proxy_set_default(spec, "proxy.image", STR(config->proxy_image));
    proxy_set_default(spec, "proxy.istioNamespace", STR(config->istio_namespace));
    proxy_set_default(spec, "proxy.discoveryAddress", discovery_address(spec, config, another));
    proxy_set_default(spec, "proxy.caAddress", STR(config->ca_address));
    proxy_set_default(spec, "proxy.caAddress", REF(jx_get(spec, "proxy.discoveryAddress")));
    proxy_set_default(spec, "proxy.clusterID", STR(config->cluster_id));
    proxy_set_default(spec, "proxy.trustDomain", STR(config->trust_domain));
    proxy_set_default(spec, "proxy.meshID", STR(config->mesh_id));
    proxy_set_default(spec, "proxy.meshID", REF(jx_get(spec, "proxy.trustDomain")));
    proxy_set_default(spec, "proxy.network", STR(config->network));
    proxy_set_default(spec, "proxy.logLevel", STR(config->log_level));
    proxy_set_default(spec, "proxy.componentLogLevel", STR(config->component_log_level));
    proxy_set_default(spec, "deployment.imagePullPolicy", STR(config->image_pull_policy));
    proxy_set_default(spec, "deployment.imagePullSecrets", REF(config->image_pull_secrets));
    jx_set(spec, "proxy.config", proxy_config(spec, config->proxy_config));
}

/* An injected pod gets from istiod what its spec does not say. */
static void merge_injected(json_t *spec, const struct config *config)
{
    if (jx_get(spec, "proxy.istioNamespace")) {
        proxy_set_default(spec, "proxy.discoveryAddress", discovery_address(spec, config, true));
        proxy_set_default(spec, "proxy.caAddress", REF(jx_get(spec, "proxy.discoveryAddress")));
    }
    jx_set(spec, "proxy.config", proxy_config(spec, NULL));
}

static bool is_another(const json_t *spec, const struct config *config)
{
    const char *ns = jx_str(spec, "proxy.istioNamespace", config->istio_namespace);
    const char *revision = jx_str(spec, "proxy.revision", config->revision);
    return strcmp(ns, config->istio_namespace) != 0 || strcmp(revision, config->revision) != 0;
}

void proxy_merge(json_t *spec, const struct config *config)
{
    proxy_set_default(spec, "proxy.mode", STR("Explicit"));
    proxy_set_default(spec, "proxy.revision", REF(jx_get(spec, "istioControlPlane.name")));
    proxy_set_default(
        spec, "proxy.istioNamespace", REF(jx_get(spec, "istioControlPlane.namespace")));
    bool another = is_another(spec, config);
    proxy_set_default(spec, "proxy.revision", STR(config->revision));
    proxy_set_default(spec, "proxy.clusterDomain", STR(config->cluster_domain));
    if (!another)
        jx_set(spec,
               "proxy.taggedRevision",
               STR(config->tagged_revision[0] ? config->tagged_revision : NULL));
    if (strcmp(jx_str(spec, "proxy.mode", ""), "Injected") == 0)
        merge_injected(spec, config);
    else
        merge_explicit(spec, config, another);
}
