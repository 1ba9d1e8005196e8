/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/env.h"

#include "data/object.h"
#include "templates/common.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_UNPRIVILEGED_PORT 1024

/* "" is nothing to say. */
static void add(json_t *env, const char *name, const char *value)
{
    if (value[0])
        json_array_append_new(env, OBJ(F("name", STR(name)), F("value", STR(value))));
}

static void add_field(json_t *env, const char *name, const char *path)
{
    json_array_append_new(env,
                          OBJ(F("name", STR(name)),
                              F("valueFrom", OBJ(F("fieldRef", OBJ(F("fieldPath", STR(path))))))));
}

static void add_resource(json_t *env, const char *name, const char *resource)
{
    json_array_append_new(
        env,
        OBJ(F("name", STR(name)),
            F("valueFrom", OBJ(F("resourceFieldRef", OBJ(F("resource", STR(resource))))))));
}

/* What istiod and the agent want to know of the pod itself. */
static void add_pod(json_t *env)
{
    add_field(env, "POD_NAME", "metadata.name");
    add_field(env, "POD_NAMESPACE", "metadata.namespace");
    add_field(env, "INSTANCE_IP", "status.podIP");
    add_field(env, "SERVICE_ACCOUNT", "spec.serviceAccountName");
    add_field(env, "HOST_IP", "status.hostIP");
    add_resource(env, "ISTIO_CPU_LIMIT", "limits.cpu");
}

static void add_workload(json_t *env, const struct meshgateway *gw)
{
    AUTO_FREE char *owner =
        xasprintf("kubernetes://apis/apps/v1/namespaces/%s/deployments/%s", gw->ns, gw->name);
    add(env, "ISTIO_META_WORKLOAD_NAME", gw->name);
    add(env, "ISTIO_META_OWNER", owner);
}

/* The agent reads these before it reads PROXY_CONFIG, so Istio wants them as variables as well. */
static void add_proxy_metadata(json_t *env, const struct meshgateway *gw)
{
    const char *name;
    json_t *value;
    json_object_foreach (jx_object(gw->proxy_config, "proxyMetadata"), name, value)
        if (json_is_string(value))
            add(env, name, json_string_value(value));
}

static bool any_low_port(const struct meshgateway *gw)
{
    size_t i;
    json_t *port;
    json_array_foreach (gw->ports, i, port)
        if (jx_int(port, "targetPort", 0) < FIRST_UNPRIVILEGED_PORT)
            return true;
    return false;
}

/*
 * With ISTIO_META_UNPRIVILEGED_POD istiod sends no listener below 1024, whose failure would make
 * the proxy refuse the whole update. It does so silently, so it is said only of pods that cannot
 * bind such ports, and never when the gateway has one (or a named one, which may be).
 */
static void add_unprivileged(json_t *env, const struct meshgateway *gw)
{
    if (!gw->binds_low_ports && !any_low_port(gw))
        add(env, "ISTIO_META_UNPRIVILEGED_POD", "true");
}

/* As Istio's own gateway template, in its order. */
static json_t *explicit_env(const struct meshgateway *gw)
{
    json_t *env = json_array();
    AUTO_FREE char *proxy_config = jx_canonical(gw->proxy_config);
    add(env, "PILOT_CERT_PROVIDER", "istiod");
    add(env, "CA_ADDR", gw->ca_address);
    add_pod(env);
    add(env, "PROXY_CONFIG", proxy_config);
    add(env, "ISTIO_META_POD_PORTS", "[]");
    add_resource(env, "GOMEMLIMIT", "limits.memory");
    add(env, "ISTIO_META_CLUSTER_ID", gw->cluster_id);
    add_field(env, "ISTIO_META_NODE_NAME", "spec.nodeName");
    add(env, "ISTIO_META_INTERCEPTION_MODE", "REDIRECT");
    add(env, "ISTIO_META_NETWORK", gw->network);
    add(env, "ISTIO_META_REQUESTED_NETWORK_VIEW", gw->requested_network_view);
    add_workload(env, gw);
    add(env, "ISTIO_META_MESH_ID", gw->mesh_id);
    add(env, "TRUST_DOMAIN", gw->trust_domain);
    add_unprivileged(env, gw);
    add_proxy_metadata(env, gw);
    return env;
}

/* Only what the spec says; istiod's webhook merges by name and lets ours win. */
static json_t *injected_env(const struct meshgateway *gw)
{
    json_t *env = json_array();
    add(env, "CA_ADDR", gw->ca_address);
    add(env, "ISTIO_META_CLUSTER_ID", gw->cluster_id);
    add(env, "ISTIO_META_NETWORK", gw->network);
    add(env, "ISTIO_META_REQUESTED_NETWORK_VIEW", gw->requested_network_view);
    add(env, "ISTIO_META_MESH_ID", gw->mesh_id);
    add(env, "TRUST_DOMAIN", gw->trust_domain);
    add_unprivileged(env, gw);
    add_proxy_metadata(env, gw);
    return env;
}

json_t *env_render(const struct meshgateway *gw)
{
    json_auto_t *ours = gw->injected ? injected_env(gw) : explicit_env(gw);
    return common_union(ours, jx_array(gw->deployment, "env"), "name");
}
