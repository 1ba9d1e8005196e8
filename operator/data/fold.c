/* SPDX-License-Identifier: Apache-2.0 */
#include "data/fold.h"

#include "data/jx.h"
#include "data/server.h"
#include "data/shape.h"

#include <stdint.h>
#include <string.h>

struct field {
    const char *path;
    enum shape shape;
    const char *shorthand; /* the original API's name of it, NULL when there is none */
};

/* Every field of the spec but `ports` and `servers`, groups before their members. */
static const struct field fields[] = {
    {"type", SHAPE_STRING, NULL},
    {"labels", SHAPE_STRING_MAP, NULL},
    {"runAsRoot", SHAPE_BOOL, NULL},
    {"drainSeconds", SHAPE_COUNT, NULL},
    {"sds", SHAPE_OBJECT, NULL},

    {"service", SHAPE_GROUP, NULL},
    {"service.type", SHAPE_STRING, "serviceType"},
    {"service.metadata", SHAPE_GROUP, NULL},
    {"service.metadata.labels", SHAPE_STRING_MAP, "serviceLabels"},
    {"service.metadata.annotations", SHAPE_STRING_MAP, "serviceAnnotations"},
    {"service.allocateLoadBalancerNodePorts", SHAPE_BOOL, NULL},
    {"service.clusterIP", SHAPE_STRING, NULL},
    {"service.externalIPs", SHAPE_STRINGS, NULL},
    {"service.externalTrafficPolicy", SHAPE_STRING, "serviceExternalTrafficPolicy"},
    {"service.healthCheckNodePort", SHAPE_COUNT, NULL},
    {"service.internalTrafficPolicy", SHAPE_STRING, NULL},
    {"service.ipFamilies", SHAPE_STRINGS, NULL},
    {"service.ipFamilyPolicy", SHAPE_STRING, NULL},
    {"service.loadBalancerClass", SHAPE_STRING, NULL},
    {"service.loadBalancerIP", SHAPE_STRING, "loadBalancerIP"},
    {"service.loadBalancerSourceRanges", SHAPE_STRINGS, NULL},
    {"service.publishNotReadyAddresses", SHAPE_BOOL, NULL},
    {"service.sessionAffinity", SHAPE_STRING, NULL},
    {"service.sessionAffinityConfig", SHAPE_OBJECT, NULL},
    {"service.trafficDistribution", SHAPE_STRING, NULL},

    {"deployment", SHAPE_GROUP, NULL},
    {"deployment.metadata", SHAPE_GROUP, NULL},
    {"deployment.metadata.labels", SHAPE_STRING_MAP, NULL},
    {"deployment.metadata.annotations", SHAPE_STRING_MAP, NULL},
    {"deployment.podMetadata", SHAPE_GROUP, NULL},
    {"deployment.podMetadata.labels", SHAPE_STRING_MAP, NULL},
    {"deployment.podMetadata.annotations", SHAPE_STRING_MAP, "podAnnotations"},
    {"deployment.replicas", SHAPE_COUNT, "replicaCount"},
    {"deployment.strategy", SHAPE_OBJECT, NULL},
    {"deployment.minReadySeconds", SHAPE_COUNT, NULL},
    {"deployment.revisionHistoryLimit", SHAPE_COUNT, NULL},
    {"deployment.env", SHAPE_NAMED, "additionalEnvVars"},
    {"deployment.resources", SHAPE_OBJECT, "resources"},
    {"deployment.securityContext", SHAPE_OBJECT, "securityContext"},
    {"deployment.imagePullPolicy", SHAPE_STRING, NULL},
    {"deployment.lifecycle", SHAPE_OBJECT, NULL},
    {"deployment.startupProbe", SHAPE_OBJECT, NULL},
    {"deployment.readinessProbe", SHAPE_OBJECT, NULL},
    {"deployment.livenessProbe", SHAPE_OBJECT, NULL},
    {"deployment.volumeMounts", SHAPE_OBJECTS, NULL},
    {"deployment.volumes", SHAPE_NAMED, NULL},
    {"deployment.containers", SHAPE_NAMED, NULL},
    {"deployment.initContainers", SHAPE_NAMED, NULL},
    {"deployment.podSecurityContext", SHAPE_OBJECT, NULL},
    {"deployment.nodeSelector", SHAPE_STRING_MAP, "nodeSelector"},
    {"deployment.affinity", SHAPE_OBJECT, "affinity"},
    {"deployment.tolerations", SHAPE_OBJECTS, "tolerations"},
    {"deployment.topologySpreadConstraints", SHAPE_OBJECTS, NULL},
    {"deployment.priorityClassName", SHAPE_STRING, NULL},
    {"deployment.imagePullSecrets", SHAPE_OBJECTS, NULL},
    {"deployment.dnsPolicy", SHAPE_STRING, NULL},
    {"deployment.dnsConfig", SHAPE_OBJECT, NULL},
    {"deployment.hostNetwork", SHAPE_BOOL, NULL},
    {"deployment.hostAliases", SHAPE_OBJECTS, NULL},
    {"deployment.runtimeClassName", SHAPE_STRING, NULL},

    {"autoscaling", SHAPE_GROUP, NULL},
    {"autoscaling.minReplicas", SHAPE_COUNT, "minReplicas"},
    {"autoscaling.maxReplicas", SHAPE_COUNT, "maxReplicas"},
    {"autoscaling.targetCPUUtilizationPercentage", SHAPE_COUNT, NULL},
    {"autoscaling.targetMemoryUtilizationPercentage", SHAPE_COUNT, NULL},
    {"autoscaling.metrics", SHAPE_OBJECTS, NULL},
    {"autoscaling.behavior", SHAPE_OBJECT, NULL},
    {"autoscaling.external", SHAPE_BOOL, NULL},

    {"podDisruptionBudget", SHAPE_GROUP, NULL},
    {"podDisruptionBudget.minAvailable", SHAPE_COUNT_OR_STRING, NULL},
    {"podDisruptionBudget.maxUnavailable", SHAPE_COUNT_OR_STRING, NULL},
    {"podDisruptionBudget.unhealthyPodEvictionPolicy", SHAPE_STRING, NULL},

    {"serviceAccount", SHAPE_GROUP, NULL},
    {"serviceAccount.name", SHAPE_STRING, NULL},
    {"serviceAccount.create", SHAPE_BOOL, NULL},
    {"serviceAccount.annotations", SHAPE_STRING_MAP, NULL},

    {"proxy", SHAPE_GROUP, NULL},
    {"proxy.mode", SHAPE_STRING, NULL},
    {"proxy.image", SHAPE_STRING, NULL},
    {"proxy.revision", SHAPE_STRING, NULL},
    {"proxy.istioNamespace", SHAPE_STRING, NULL},
    {"proxy.clusterID", SHAPE_STRING, NULL},
    {"proxy.meshID", SHAPE_STRING, NULL},
    {"proxy.trustDomain", SHAPE_STRING, NULL},
    {"proxy.network", SHAPE_STRING, NULL},
    {"proxy.requestedNetworkView", SHAPE_STRING, "requestedNetworkView"},
    {"proxy.caAddress", SHAPE_STRING, NULL},
    {"proxy.discoveryAddress", SHAPE_STRING, NULL},
    {"proxy.logLevel", SHAPE_STRING, NULL},
    {"proxy.componentLogLevel", SHAPE_STRING, NULL},
    {"proxy.config", SHAPE_OBJECT, NULL},

    {"istioControlPlane", SHAPE_GROUP, NULL},
    {"istioControlPlane.name", SHAPE_STRING, NULL},
    {"istioControlPlane.namespace", SHAPE_STRING, NULL},

    {"acme", SHAPE_GROUP, NULL},
    {"acme.server", SHAPE_STRING, NULL},
    {"acme.email", SHAPE_STRING, NULL},
    {"acme.externalAccountBinding", SHAPE_OBJECT, NULL},
    {"acme.preferredChain", SHAPE_STRING, NULL},
    {"acme.profile", SHAPE_STRING, NULL},
    {"acme.caBundle", SHAPE_STRING, NULL},
    {"acme.privateKeySecretName", SHAPE_STRING, NULL},
    {"acme.solver", SHAPE_GROUP, NULL},
    {"acme.solver.podTemplate", SHAPE_OBJECT, NULL},
    {"acme.solver.waitInsteadOfSelfCheck", SHAPE_STRING, NULL},
    {"acme.issuerRef", SHAPE_OBJECT, NULL},

    {"overlays", SHAPE_PATCHES, NULL},
};

/* Fields of the API that this version cannot fulfil: it says so rather than ignore them. */
static const char *const unsupported[] = {"monitoring"};

static json_t *copy_without_nulls(const json_t *value)
{
    json_t *copy = json_deep_copy(value);
    jx_drop_nulls(copy);
    return copy;
}

static void fold_field(const json_t *spec, const struct field *field, json_t *canonical,
                       struct problems *problems)
{
    const char *path = field->path;
    const json_t *value = jx_get(spec, path);
    const json_t *shorthand = field->shorthand ? json_object_get(spec, field->shorthand) : NULL;
    if (!jx_empty(shorthand)) {
        value = shorthand;
        path = field->shorthand;
    }
    if (jx_empty(value) || !shape_check(value, field->shape, path, problems))
        return;
    if (field->shape == SHAPE_PATCHES)
        jx_set(canonical, field->path, json_deep_copy(value));
    else if (field->shape != SHAPE_GROUP)
        jx_set(canonical, field->path, copy_without_nulls(value));
}

static bool check_port(const json_t *port, const char *path, struct problems *problems)
{
    if (!shape_expect(json_is_object(port), problems, path, "", "must be an object"))
        return false;
    json_int_t number = jx_int(port, "port", 0);
    bool ok = shape_expect(number >= 1 && number <= UINT16_MAX,
                           problems,
                           path,
                           ".port",
                           "must be a port number, 1 to 65535");
    const json_t *target = jx_get(port, "targetPort");
    json_int_t target_number = json_is_integer(target) ? json_integer_value(target) : 1;
    ok &= shape_expect(
        jx_empty(target) || json_is_string(target) ||
            (json_is_integer(target) && target_number >= 1 && target_number <= UINT16_MAX),
        problems,
        path,
        ".targetPort",
        "must be a port number, 1 to 65535, or the name of a container port");
    const json_t *node = jx_get(port, "nodePort");
    ok &= shape_expect(
        !node || shape_is_count(node), problems, path, ".nodePort", "must be a port number");
    static const char *const strings[] = {"name", "protocol", "appProtocol"};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        const json_t *value = jx_get(port, strings[i]);
        AUTO_FREE char *member = xasprintf(".%s", strings[i]);
        ok &= shape_expect(
            !value || json_is_string(value), problems, path, member, "must be a string");
    }
    return ok;
}

/*
 * A port with a name and all that it implies. A port alone needs no name, but our Service has one
 * port more than the user listed. The name says nothing about the protocol: Istio would take
 * "tcp-80" as a promise and no longer detect HTTP.
 */
static json_t *fold_port(const json_t *port)
{
    json_t *number = jx_get(port, "port");
    json_t *target = jx_get(port, "targetPort");
    json_t *node = jx_get(port, "nodePort");
    const char *name = jx_str(port, "name", "");
    const char *protocol = jx_str(port, "protocol", "");
    const char *app_protocol = jx_str(port, "appProtocol", "");
    bool has_node_port = json_integer_value(node) != 0; /* 0 is how Go writes "unset" */
    return OBJ(F("name",
                 name[0] ? STR(name)
                         : jx_stringf("port-%" JSON_INTEGER_FORMAT, json_integer_value(number))),
               F("port", REF(number)),
               F("protocol", STR(protocol[0] ? protocol : "TCP")),
               F("targetPort", REF(jx_empty(target) ? number : target)),
               FOPT("nodePort", has_node_port ? REF(node) : NULL),
               FOPT("appProtocol", app_protocol[0] ? STR(app_protocol) : NULL));
}

static json_t *fold_ports(const json_t *ports, struct problems *problems)
{
    json_t *folded = json_array();
    if (jx_empty(ports) ||
        !shape_expect(json_is_array(ports), problems, "ports", "", "must be a list"))
        return folded;
    size_t i;
    json_t *port;
    json_array_foreach (ports, i, port) {
        AUTO_FREE char *path = xasprintf("ports[%zu]", i);
        if (check_port(port, path, problems))
            json_array_append_new(folded, fold_port(port));
    }
    return folded;
}

json_t *fold_spec(const json_t *spec, struct problems *problems)
{
    json_t *canonical = json_object();
    if (!json_is_object(spec))
        problems_add(problems, "spec", "must be an object");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        fold_field(spec, &fields[i], canonical, problems);
    for (size_t i = 0; i < ARRAY_LEN(unsupported); i++)
        shape_expect(jx_empty(json_object_get(spec, unsupported[i])),
                     problems,
                     unsupported[i],
                     "",
                     "is not supported by this version of the operator");
    json_object_set_new(canonical, "ports", fold_ports(json_object_get(spec, "ports"), problems));
    json_auto_t *servers = server_fold(json_object_get(spec, "servers"), problems);
    if (json_array_size(servers) > 0)
        json_object_set(canonical, "servers", servers);
    return canonical;
}
