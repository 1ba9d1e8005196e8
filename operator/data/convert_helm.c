/* SPDX-License-Identifier: Apache-2.0 */
#include "data/convert_helm.h"

#include "data/convert.h"

#include <string.h>

/* How much longer than the drain a pod of a MeshGateway has to end, and the longest drain. */
#define OWN_GRACE 15
#define DRAIN_MAX 3600

#define SAME(field)                                                                                \
    {                                                                                              \
        field, CONVERT_COPY, "deployment." field                                                   \
    }
#define OF_SERVICE(field)                                                                          \
    {                                                                                              \
        "service." field, CONVERT_COPY, "service." field                                           \
    }

static const struct convert_rule rules[] = {
    {"name", CONVERT_APART, NULL},
    {"revision", CONVERT_COPY, "proxy.revision"},
    {"kind", CONVERT_APART, NULL},
    {"replicaCount", CONVERT_APART, NULL},
    {"rbac", CONVERT_GROUP, NULL},
    {"rbac.enabled", CONVERT_APART, NULL},
    {"serviceAccount", CONVERT_GROUP, NULL},
    {"serviceAccount.create", CONVERT_COPY, "serviceAccount.create"},
    {"serviceAccount.annotations", CONVERT_COPY, "serviceAccount.annotations"},
    {"serviceAccount.name", CONVERT_COPY, "serviceAccount.name"},
    {"podAnnotations", CONVERT_COPY, "deployment.podMetadata.annotations"},
    {"securityContext", CONVERT_COPY, "deployment.podSecurityContext"},
    {"containerSecurityContext", CONVERT_COPY, "deployment.securityContext"},
    {"service", CONVERT_GROUP, NULL},
    {"service.type", CONVERT_COPY, "service.type"},
    {"service.ports", CONVERT_APART, NULL},
    {"service.annotations", CONVERT_COPY, "service.metadata.annotations"},
    {"service.selectorLabels",
     CONVERT_LOST,
     "left out: the Service selects the gateway's own pods by gateway-name"},
    OF_SERVICE("clusterIP"),
    OF_SERVICE("loadBalancerIP"),
    OF_SERVICE("loadBalancerClass"),
    OF_SERVICE("loadBalancerSourceRanges"),
    OF_SERVICE("allocateLoadBalancerNodePorts"),
    OF_SERVICE("externalTrafficPolicy"),
    OF_SERVICE("internalTrafficPolicy"),
    OF_SERVICE("healthCheckNodePort"),
    OF_SERVICE("externalIPs"),
    OF_SERVICE("ipFamilyPolicy"),
    OF_SERVICE("ipFamilies"),
    {"resources", CONVERT_APART, NULL},
    {"autoscaling", CONVERT_GROUP, NULL},
    {"autoscaling.enabled", CONVERT_APART, NULL},
    {"autoscaling.minReplicas", CONVERT_APART, NULL},
    {"autoscaling.maxReplicas", CONVERT_APART, NULL},
    {"autoscaling.targetCPUUtilizationPercentage", CONVERT_APART, NULL},
    {"autoscaling.targetMemoryUtilizationPercentage", CONVERT_APART, NULL},
    {"autoscaling.autoscaleBehavior", CONVERT_APART, NULL},
    {"env", CONVERT_APART, NULL},
    {"envVarFrom", CONVERT_APART, NULL},
    {"terminationGracePeriodSeconds", CONVERT_APART, NULL},
    {"labels", CONVERT_APART, NULL},
    {"annotations", CONVERT_APART, NULL},
    {"additionalContainers", CONVERT_COPY, "deployment.containers"},
    SAME("strategy"),
    SAME("minReadySeconds"),
    SAME("readinessProbe"),
    SAME("lifecycle"),
    SAME("nodeSelector"),
    SAME("tolerations"),
    SAME("topologySpreadConstraints"),
    SAME("affinity"),
    SAME("priorityClassName"),
    SAME("dnsPolicy"),
    SAME("dnsConfig"),
    SAME("volumes"),
    SAME("volumeMounts"),
    SAME("initContainers"),
    SAME("imagePullSecrets"),
    SAME("imagePullPolicy"),
    {"networkGateway", CONVERT_COPY, "proxy.requestedNetworkView"},
    {"networkGatewayPorts", CONVERT_APART, NULL},
    {"podDisruptionBudget", CONVERT_APART, NULL},
    {"global", CONVERT_GROUP, NULL},
    {"global.networkPolicy", CONVERT_GROUP, NULL},
    {"global.networkPolicy.enabled", CONVERT_APART, NULL},
    {"profile", CONVERT_LOST, "left out: a preset of the chart's values; write its values here"},
    {"platform", CONVERT_LOST, "left out: a preset of the chart's values; write its values here"},
    {"compatibilityVersion",
     CONVERT_LOST,
     "left out: a preset of the chart's values; write its values here"},
    {.from = NULL},
};

#undef SAME
#undef OF_SERVICE

static void kind(const struct convert *c)
{
    const char *type = jx_str(c->source, "service.type", "");
    const char *workload = jx_str(c->source, "kind", "Deployment");
    if (strcmp(workload, "Deployment") != 0)
        convert_note(c, "kind", "%s: a MeshGateway is always a Deployment", workload);
    if (!jx_bool(c->source, "rbac.enabled", true))
        convert_note(c, "rbac.enabled", "false: the gateway always may read its Secrets");
    if (jx_bool(c->source, "global.networkPolicy.enabled", false))
        convert_note(c, "global.networkPolicy.enabled", "true: no NetworkPolicy is made");
    if (strcmp(type, "None") == 0) {
        convert_note(c, "service.type", "None: a gateway has a Service always, now a ClusterIP");
        jx_set(c->result, "service.type", STR("ClusterIP"));
    } else if (!type[0]) {
        jx_set(c->result, "service.type", STR("LoadBalancer"));
    }
    if (!jx_bool(c->source, "serviceAccount.create", true) &&
        !jx_str(c->result, "serviceAccount.name", "")[0])
        jx_set(c->result, "serviceAccount.name", STR("default"));
}

/* The operator adds it itself. */
static bool is_status_port(const json_t *port)
{
    return jx_int(port, "port", 0) == 15021 && jx_int(port, "targetPort", 15021) == 15021 &&
           jx_int(port, "nodePort", 0) == 0 &&
           strcmp(jx_str(port, "protocol", "TCP"), "TCP") == 0 &&
           strcmp(jx_str(port, "name", ""), "status-port") == 0;
}

static json_t *port(const char *name, int number)
{
    return OBJ(F("name", STR(name)),
               F("port", INT(number)),
               F("protocol", STR("TCP")),
               F("targetPort", INT(number)));
}

static void ports(const struct convert *c)
{
    bool between_networks = !jx_empty(jx_get(c->source, "networkGateway"));
    const char *path = between_networks ? "networkGatewayPorts" : "service.ports";
    const char *other = between_networks ? "service.ports" : "networkGatewayPorts";
    json_auto_t *given = json_deep_copy(jx_get(c->source, path));
    json_t *result = json_array();
    if (!jx_empty(jx_get(c->source, other)))
        convert_note(c,
                     other,
                     "had no effect %s networkGateway; left out",
                     between_networks ? "with" : "without");
    if (!given && between_networks)
        given = ARR(port("tls", 15443), port("tls-istiod", 15012), port("tls-webhook", 15017));
    else if (!given)
        given = ARR(port("http2", 80), port("https", 443));
    size_t i;
    json_t *each;
    json_array_foreach (given, i, each) {
        if (!is_status_port(each))
            json_array_append(result, each);
    }
    jx_set(c->result, "ports", result);
}

/* Helm merges maps, and a null takes a default away. */
static void resources(const struct convert *c)
{
    const json_t *given = jx_object(c->source, "resources");
    if (jx_empty(given))
        return;
    json_auto_t *defaults =
        OBJ(F("limits", OBJ(F("cpu", STR("2000m")), F("memory", STR("1024Mi")))),
            F("requests", OBJ(F("cpu", STR("100m")), F("memory", STR("128Mi")))));
    json_t *merged = jx_merge(defaults, given);
    jx_drop_nulls(merged);
    jx_set(c->result, "deployment.resources", merged);
}

/* How many pods there are at least; 0: the values say something else. */
static json_int_t scaling(const struct convert *c)
{
    static const struct {
        const char *from;
        const char *to;
        int otherwise; /* the chart's default; 0 = none */
    } fields[] = {
        {"autoscaling.minReplicas", "autoscaling.minReplicas", 1},
        {"autoscaling.maxReplicas", "autoscaling.maxReplicas", 5},
        {"autoscaling.targetCPUUtilizationPercentage",
         "autoscaling.targetCPUUtilizationPercentage",
         80},
        {"autoscaling.targetMemoryUtilizationPercentage",
         "autoscaling.targetMemoryUtilizationPercentage",
         0},
        {"autoscaling.autoscaleBehavior", "autoscaling.behavior", 0},
    };
    bool enabled = jx_bool(c->source, "autoscaling.enabled", true);
    json_t *count = jx_get(c->source, "replicaCount");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        json_t *value = jx_get(c->source, fields[i].from);
        bool set = !jx_empty(value);
        /* "{}" and null are the chart's way to have no target. */
        bool unset =
            !json_object_get(jx_object(c->source, "autoscaling"), strchr(fields[i].from, '.') + 1);
        if (!enabled && set)
            convert_note(c, fields[i].from, "had no effect without autoscaling.enabled; left out");
        else if (enabled && set)
            jx_set(c->result, fields[i].to, json_deep_copy(value));
        else if (enabled && unset && fields[i].otherwise)
            jx_set(c->result, fields[i].to, INT(fields[i].otherwise));
    }
    if (enabled && count)
        convert_note(c, "replicaCount", "had no effect with autoscaling.enabled; left out");
    else if (count)
        jx_set(c->result, "deployment.replicas", json_deep_copy(count));
    return enabled ? jx_int(c->result, "autoscaling.minReplicas", 0)
                   : jx_int(c->source, "replicaCount", 0);
}

static void budget(const struct convert *c, json_int_t pods)
{
    json_t *given = jx_get(c->source, "podDisruptionBudget");
    if (jx_empty(given))
        return;
    if (pods > 1)
        jx_set(c->result, "podDisruptionBudget", json_deep_copy(given));
    else
        convert_note(c, "podDisruptionBudget", "had no effect with less than two pods; left out");
}

/* As the chart quotes what is no text: {{ $val | quote }}. */
static json_t *text_of(const json_t *value)
{
    if (json_is_string(value))
        return json_deep_copy(value);
    AUTO_FREE char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    return STR(text);
}

static void env(const struct convert *c)
{
    json_t *given = jx_get(c->source, "env");
    json_t *from = jx_get(c->source, "envVarFrom");
    json_auto_t *result = json_array();
    const char *key;
    json_t *value;
    if (!jx_empty(given) && !json_is_object(given))
        convert_note(c, "env", "not an object; left out");
    json_object_foreach (given, key, value) {
        if (!json_is_null(value))
            json_array_append_new(result, OBJ(F("name", STR(key)), F("value", text_of(value))));
    }
    if (json_is_array(from))
        json_array_extend(result, from);
    else if (!jx_empty(from))
        convert_note(c, "envVarFrom", "not a list; left out");
    if (json_array_size(result) > 0)
        jx_set(c->result, "deployment.env", json_deep_copy(result));
}

/* The pods' time to end: a MeshGateway has one knob for the whole drain, 15 s less than it. */
static void drain(const struct convert *c)
{
    const char *path = "terminationGracePeriodSeconds";
    const json_t *value = jx_get(c->source, path);
    json_int_t grace = json_integer_value(value);
    json_int_t seconds = grace < OWN_GRACE ? 0 : grace - OWN_GRACE;
    if (!value)
        return;
    if (!json_is_integer(value)) {
        convert_note(c, path, "not a number; left out");
        return;
    }
    if (seconds > DRAIN_MAX)
        seconds = DRAIN_MAX;
    if (seconds + OWN_GRACE != grace)
        convert_note(c,
                     path,
                     "becomes %" JSON_INTEGER_FORMAT " with drainSeconds %" JSON_INTEGER_FORMAT,
                     seconds + OWN_GRACE,
                     seconds);
    jx_set(c->result, "drainSeconds", INT(seconds));
}

static void labels(const struct convert *c, const char *name)
{
    const char *network = jx_str(c->source, "networkGateway", "");
    const char *istio = strncmp(name, "istio-", 6) == 0 ? name + 6 : name;
    json_auto_t *defaults =
        OBJ(F("app", STR(name)), F("istio", STR(istio)), F("istio.io/dataplane-mode", STR("none")));
    if (network[0])
        json_object_set_new(defaults, "topology.istio.io/network", STR(network));
    json_t *given = jx_object(c->source, "labels");
    if (!jx_empty(jx_get(c->source, "labels")) && !given)
        convert_note(c, "labels", "not an object; left out");
    json_t *merged = given ? jx_merge(defaults, given) : json_deep_copy(defaults);
    jx_drop_nulls(merged);
    jx_set(c->result, "labels", merged);
}

/* Those of all the chart's resources. */
static void annotations(const struct convert *c)
{
    static const char *const places[] = {"deployment.metadata.annotations",
                                         "service.metadata.annotations",
                                         "serviceAccount.annotations"};
    json_t *given = jx_get(c->source, "annotations");
    if (jx_empty(given))
        return;
    if (!json_is_object(given)) {
        convert_note(c, "annotations", "not an object; left out");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        json_t *own = jx_object(c->result, places[i]);
        jx_set(c->result, places[i], own ? jx_merge(given, own) : json_deep_copy(given));
    }
    convert_note(c,
                 "annotations",
                 "are on the Deployment, the Service and the ServiceAccount, not on the "
                 "RoleBinding, HorizontalPodAutoscaler and PodDisruptionBudget");
}

json_t *convert_helm(json_t *values, const struct convert_helm_target *target,
                     struct problems *notes)
{
    json_t *spec = OBJ(F("type", STR(target->type)), F("proxy", OBJ(F("mode", STR("Injected")))));
    const struct convert c = {.source = values, .result = spec, .root = "", .notes = notes};
    const char *name = jx_str(values, "name", "");
    if (!name[0])
        name = target->name ? target->name : "";
    else if (target->name && strcmp(name, target->name) != 0)
        convert_note(&c, "name", "%s: the values win over the name %s", name, target->name);
    convert_walk(&c, rules);
    kind(&c);
    ports(&c);
    resources(&c);
    budget(&c, scaling(&c));
    env(&c);
    drain(&c);
    labels(&c, name);
    annotations(&c);
    convert_fit(&c, name, "labels");
    return convert_object(OBJ(F("name", STR(name)), FOPT("namespace", STR(target->ns))), spec);
}
