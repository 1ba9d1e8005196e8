/* SPDX-License-Identifier: Apache-2.0 */
#include "data/rules.h"

#include "data/jx.h"
#include "data/objectmeta.h"
#include "data/rules_ports.h"
#include "data/rules_servers.h"

#include <stdbool.h>
#include <string.h>

#define NAME_MAX_LENGTH 63 /* a label value, and the name of a Service */

static const struct {
    const char *name;
    const char *canonical;
} shorthands[] = {
    {"serviceType", "service.type"},
    {"serviceExternalTrafficPolicy", "service.externalTrafficPolicy"},
    {"serviceLabels", "service.metadata.labels"},
    {"serviceAnnotations", "service.metadata.annotations"},
    {"loadBalancerIP", "service.loadBalancerIP"},
    {"replicaCount", "deployment.replicas"},
    {"minReplicas", "autoscaling.minReplicas"},
    {"maxReplicas", "autoscaling.maxReplicas"},
    {"podAnnotations", "deployment.podMetadata.annotations"},
    {"resources", "deployment.resources"},
    {"nodeSelector", "deployment.nodeSelector"},
    {"affinity", "deployment.affinity"},
    {"tolerations", "deployment.tolerations"},
    {"securityContext", "deployment.securityContext"},
    {"additionalEnvVars", "deployment.env"},
    {"requestedNetworkView", "proxy.requestedNetworkView"},
};

static bool is_set(const json_t *object, const char *path)
{
    return !jx_empty(jx_get(object, path));
}

static bool equals(const json_t *object, const char *path, const char *text)
{
    return strcmp(jx_str(object, path, ""), text) == 0;
}

/* A problem of the field at "spec.<path>". */
static void of_spec(struct problems *problems, const char *path, const char *message)
{
    AUTO_FREE char *full = xasprintf("spec.%s", path);
    problems_add(problems, full, "%s", message);
}

static void check_name(const json_t *object, struct problems *problems)
{
    const char *name = jx_str(object, "metadata.name", NULL);
    if (!name)
        return;
    size_t len = strlen(name);
    bool ok = len > 0 && len <= NAME_MAX_LENGTH && name[0] >= 'a' && name[0] <= 'z' &&
              strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && name[len - 1] != '-';
    if (!ok)
        problems_add(problems,
                     "metadata.name",
                     "metadata.name must be a DNS label that starts with a letter, of at most 63 "
                     "characters: it names the Service");
}

static void check_shorthands(const json_t *spec, struct problems *problems)
{
    for (size_t i = 0; i < ARRAY_LEN(shorthands); i++) {
        const char *name = shorthands[i].name, *canonical = shorthands[i].canonical;
        if (!is_set(spec, name) || !is_set(spec, canonical))
            continue;
        AUTO_FREE char *message = xasprintf("set %s or %s, not both", name, canonical);
        of_spec(problems, name, message);
    }
}

/* The type in effect: shorthand, canonical field, default of the gateway's type. */
static const char *service_type(const json_t *spec)
{
    if (is_set(spec, "serviceType"))
        return jx_str(spec, "serviceType", "");
    if (is_set(spec, "service.type"))
        return jx_str(spec, "service.type", "");
    return equals(spec, "type", "egress") ? "ClusterIP" : "LoadBalancer";
}

static bool has_node_port(const json_t *spec)
{
    size_t i;
    const json_t *port;
    json_array_foreach (jx_array(spec, "ports"), i, port)
        if (jx_int(port, "nodePort", 0) != 0)
            return true;
    return false;
}

static void check_cluster_only(const json_t *spec, struct problems *problems)
{
    static const char *const policies[] = {"serviceExternalTrafficPolicy",
                                           "service.externalTrafficPolicy"};
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        AUTO_FREE char *message =
            xasprintf("%s applies only to service types LoadBalancer and NodePort", policies[i]);
        if (is_set(spec, policies[i]))
            of_spec(problems, policies[i], message);
    }
    if (has_node_port(spec))
        of_spec(
            problems, "ports", "nodePort applies only to service types LoadBalancer and NodePort");
}

static void check_no_load_balancer(const json_t *spec, struct problems *problems)
{
    static const char *const fields[] = {"loadBalancerIP",
                                         "service.loadBalancerIP",
                                         "service.loadBalancerClass",
                                         "service.loadBalancerSourceRanges",
                                         "service.allocateLoadBalancerNodePorts",
                                         "service.healthCheckNodePort"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const json_t *value = jx_get(spec, fields[i]);
        if (jx_empty(value) || (json_is_integer(value) && json_integer_value(value) == 0))
            continue;
        AUTO_FREE char *message =
            xasprintf("%s applies only to service type LoadBalancer", fields[i]);
        of_spec(problems, fields[i], message);
    }
}

static void check_service_type(const json_t *spec, struct problems *problems)
{
    const char *type = service_type(spec);
    bool load_balancer = strcmp(type, "LoadBalancer") == 0;
    bool cluster_ip = strcmp(type, "ClusterIP") == 0;
    if (cluster_ip)
        check_cluster_only(spec, problems);
    if (!load_balancer)
        check_no_load_balancer(spec, problems);
    if (load_balancer && jx_int(spec, "service.healthCheckNodePort", 0) != 0 &&
        !equals(spec, "serviceExternalTrafficPolicy", "Local") &&
        !equals(spec, "service.externalTrafficPolicy", "Local"))
        of_spec(problems,
                "service.healthCheckNodePort",
                "service.healthCheckNodePort needs externalTrafficPolicy Local");
    if (!cluster_ip && equals(spec, "service.clusterIP", "None"))
        of_spec(problems,
                "service.clusterIP",
                "service.clusterIP None applies only to service type ClusterIP");
}

static void check_addresses(const json_t *spec, const char *path, bool (*fits)(const char *),
                            const char *message, struct problems *problems)
{
    size_t i;
    const json_t *each;
    json_array_foreach (jx_array(spec, path), i, each) {
        AUTO_FREE char *element = xasprintf("%s[%zu]", path, i);
        if (json_is_string(each) && !fits(json_string_value(each)))
            of_spec(problems, element, message);
    }
}

static void check_service(const json_t *spec, struct problems *problems)
{
    check_addresses(spec,
                    "service.loadBalancerSourceRanges",
                    rules_ports_is_cidr,
                    "must be an address range, such as 192.0.2.0/24 or 2001:db8::/32",
                    problems);
    check_addresses(
        spec, "service.externalIPs", rules_ports_is_ip, "must be an IP address", problems);
    const char *address = jx_str(spec, "service.clusterIP", "");
    if (address[0] != '\0' && strcmp(address, "None") != 0 && !rules_ports_is_ip(address))
        of_spec(problems, "service.clusterIP", "must be an IP address or None");
    if (jx_object(spec, "service.sessionAffinityConfig.clientIP") &&
        !equals(spec, "service.sessionAffinity", "ClientIP"))
        of_spec(problems,
                "service.sessionAffinityConfig",
                "sessionAffinityConfig needs sessionAffinity ClientIP");
    const json_t *families = jx_array(spec, "service.ipFamilies");
    if (json_array_size(families) < 2)
        return;
    if (json_equal(json_array_get(families, 0), json_array_get(families, 1)))
        of_spec(problems, "service.ipFamilies", "ipFamilies must not name a family twice");
    if (equals(spec, "service.ipFamilyPolicy", "SingleStack"))
        of_spec(problems,
                "service.ipFamilies",
                "two ipFamilies need ipFamilyPolicy PreferDualStack or RequireDualStack");
}

static const json_t *first(const json_t *spec, const char *path, const char *shorthand)
{
    const json_t *value = jx_get(spec, path);
    return value ? value : jx_get(spec, shorthand);
}

static void check_autoscaling(const json_t *spec, struct problems *problems)
{
    static const char *const tuning[] = {"autoscaling.targetCPUUtilizationPercentage",
                                         "autoscaling.targetMemoryUtilizationPercentage",
                                         "autoscaling.metrics",
                                         "autoscaling.behavior"};
    const json_t *min = first(spec, "autoscaling.minReplicas", "minReplicas");
    const json_t *max = first(spec, "autoscaling.maxReplicas", "maxReplicas");
    bool external = jx_bool(spec, "autoscaling.external", false);
    if (json_is_number(min) && json_is_number(max) &&
        json_number_value(min) > json_number_value(max))
        problems_add(problems, "spec", "minReplicas must not be greater than maxReplicas");
    for (size_t i = 0; i < ARRAY_LEN(tuning); i++) {
        if (!is_set(spec, tuning[i]) || ((min || max) && !external))
            continue;
        AUTO_FREE char *message =
            xasprintf("%s needs minReplicas or maxReplicas, and autoscaling.external not to be set",
                      tuning[i]);
        of_spec(problems, tuning[i], message);
    }
    if (external && max)
        of_spec(problems,
                "autoscaling.external",
                "maxReplicas has no effect with autoscaling.external");
}

static void check_containers(const json_t *spec, const char *path, struct problems *problems)
{
    size_t i;
    const json_t *container;
    json_array_foreach (jx_array(spec, path), i, container)
        if (equals(container, "name", "istio-proxy"))
            of_spec(problems, path, "istio-proxy is the gateway's own container");
}

static void check_env(const json_t *spec, const char *path, struct problems *problems)
{
    size_t i;
    const json_t *variable;
    json_array_foreach (jx_array(spec, path), i, variable) {
        AUTO_FREE char *element = xasprintf("%s[%zu]", path, i);
        if (is_set(variable, "value") && jx_get(variable, "valueFrom"))
            of_spec(problems, element, "set value or valueFrom, not both");
    }
}

static void check_keys(const json_t *spec, const char *path, bool annotations,
                       struct problems *problems)
{
    const char *key;
    json_t *value;
    json_object_foreach (jx_object(spec, path), key, value) {
        if (objectmeta_is_key(key, annotations))
            continue;
        of_spec(problems,
                path,
                annotations ? "every key must be an annotation name, such as team or "
                              "example.com/team"
                            : "every key must be a label name, such as team or example.com/team");
        return;
    }
}

static void check_maps(const json_t *spec, struct problems *problems)
{
    static const char *const labels[] = {"labels",
                                         "serviceLabels",
                                         "service.metadata.labels",
                                         "deployment.metadata.labels",
                                         "deployment.podMetadata.labels",
                                         "nodeSelector",
                                         "deployment.nodeSelector"};
    static const char *const annotations[] = {"serviceAnnotations",
                                              "service.metadata.annotations",
                                              "deployment.metadata.annotations",
                                              "podAnnotations",
                                              "deployment.podMetadata.annotations",
                                              "serviceAccount.annotations"};
    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        check_keys(spec, labels[i], false, problems);
    for (size_t i = 0; i < ARRAY_LEN(annotations); i++)
        check_keys(spec, annotations[i], true, problems);
}

static void check_pods(const json_t *spec, struct problems *problems)
{
    check_containers(spec, "deployment.containers", problems);
    check_containers(spec, "deployment.initContainers", problems);
    check_env(spec, "deployment.env", problems);
    check_env(spec, "additionalEnvVars", problems);
    if (equals(spec, "deployment.strategy.type", "Recreate") &&
        jx_get(spec, "deployment.strategy.rollingUpdate"))
        of_spec(problems,
                "deployment.strategy.rollingUpdate",
                "rollingUpdate may not be set for type Recreate");
    if (is_set(spec, "podDisruptionBudget.minAvailable") &&
        is_set(spec, "podDisruptionBudget.maxUnavailable"))
        of_spec(problems, "podDisruptionBudget", "set minAvailable or maxUnavailable, not both");
}

void rules_check(const json_t *object, struct problems *problems)
{
    const json_t *spec = jx_object(object, "spec");
    const struct fieldpath *path = FIELD(NULL, "spec");
    check_name(object, problems);
    check_shorthands(spec, problems);
    check_service_type(spec, problems);
    check_service(spec, problems);
    check_autoscaling(spec, problems);
    check_pods(spec, problems);
    check_maps(spec, problems);
    rules_ports_check(jx_array(spec, "ports"), FIELD(path, "ports"), problems);
    rules_servers_check(spec, path, problems);
}
