/* SPDX-License-Identifier: Apache-2.0 */
#include "data/convert_imgw.h"

#include "data/convert.h"

#include <stdlib.h>
#include <string.h>

#define NO_EFFECT(field)                                                                           \
    "had no effect with that operator, so it is left out; the field for it is spec." field

static const struct convert_rule document_rules[] = {
    {"apiVersion", CONVERT_APART, NULL},
    {"kind", CONVERT_APART, NULL},
    {"metadata", CONVERT_APART, NULL},
    {"spec", CONVERT_APART, NULL},
    {"status", CONVERT_APART, NULL}, /* observed anew */
    {.from = NULL},
};

static const struct convert_rule metadata_rules[] = {
    {"name", CONVERT_COPY, "name"},
    {"generateName", CONVERT_LOST, "left out: the gateway's objects are named after it"},
    {"namespace", CONVERT_COPY, "namespace"},
    {"labels", CONVERT_COPY, "labels"},
    {"annotations", CONVERT_COPY, "annotations"},
    {"finalizers", CONVERT_LOST, "left out: they hold the old resource"},
    {"ownerReferences", CONVERT_LOST, "left out: name the owner of the new resource yourself"},
    {"uid", CONVERT_APART, NULL},
    {"resourceVersion", CONVERT_APART, NULL},
    {"generation", CONVERT_APART, NULL},
    {"creationTimestamp", CONVERT_APART, NULL},
    {"deletionTimestamp", CONVERT_APART, NULL},
    {"deletionGracePeriodSeconds", CONVERT_APART, NULL},
    {"managedFields", CONVERT_APART, NULL},
    {"selfLink", CONVERT_APART, NULL},
    {.from = NULL},
};

static const struct convert_rule spec_rules[] = {
    {"type", CONVERT_COPY, "type"},
    {"runAsRoot", CONVERT_APART, NULL},
    {"istioControlPlane", CONVERT_GROUP, NULL},
    {"istioControlPlane.name", CONVERT_COPY, "istioControlPlane.name"},
    {"istioControlPlane.namespace", CONVERT_COPY, "istioControlPlane.namespace"},
    {"k8sResourceOverlays",
     CONVERT_LOST,
     "left out: patches of the gateway's own objects belong into spec.overlays, others into the "
     "manifests of what they change"},
    {"deployment", CONVERT_GROUP, NULL},
    {"deployment.metadata", CONVERT_GROUP, NULL},
    /* On all objects and the pods, as spec.labels is. */
    {"deployment.metadata.labels", CONVERT_COPY, "labels"},
    {"deployment.metadata.annotations", CONVERT_COPY, "deployment.metadata.annotations"},
    {"deployment.podMetadata", CONVERT_GROUP, NULL},
    {"deployment.podMetadata.labels", CONVERT_COPY, "deployment.podMetadata.labels"},
    {"deployment.podMetadata.annotations", CONVERT_COPY, "deployment.podMetadata.annotations"},
    {"deployment.image", CONVERT_COPY, "proxy.image"},
    {"deployment.imagePullPolicy", CONVERT_COPY, "deployment.imagePullPolicy"},
    {"deployment.imagePullSecrets", CONVERT_COPY, "deployment.imagePullSecrets"},
    {"deployment.env", CONVERT_COPY, "deployment.env"},
    {"deployment.resources", CONVERT_COPY, "deployment.resources"},
    {"deployment.nodeSelector", CONVERT_COPY, "deployment.nodeSelector"},
    {"deployment.affinity", CONVERT_COPY, "deployment.affinity"},
    {"deployment.tolerations", CONVERT_COPY, "deployment.tolerations"},
    {"deployment.topologySpreadConstraints", CONVERT_COPY, "deployment.topologySpreadConstraints"},
    {"deployment.priorityClassName", CONVERT_COPY, "deployment.priorityClassName"},
    {"deployment.securityContext", CONVERT_APART, NULL},
    {"deployment.podSecurityContext", CONVERT_LOST, NO_EFFECT("deployment.podSecurityContext")},
    {"deployment.livenessProbe", CONVERT_LOST, NO_EFFECT("deployment.livenessProbe")},
    {"deployment.readinessProbe", CONVERT_LOST, NO_EFFECT("deployment.readinessProbe")},
    {"deployment.volumes", CONVERT_APART, NULL},
    {"deployment.volumeMounts", CONVERT_COPY, "deployment.volumeMounts"},
    {"deployment.replicas", CONVERT_GROUP, NULL},
    {"deployment.replicas.count", CONVERT_APART, NULL},
    {"deployment.replicas.min", CONVERT_APART, NULL},
    {"deployment.replicas.max", CONVERT_APART, NULL},
    {"deployment.replicas.targetCPUUtilizationPercentage", CONVERT_APART, NULL},
    {"deployment.podDisruptionBudget", CONVERT_GROUP, NULL},
    {"deployment.podDisruptionBudget.minAvailable", CONVERT_APART, NULL},
    {"deployment.podDisruptionBudget.maxUnavailable", CONVERT_APART, NULL},
    {"deployment.deploymentStrategy", CONVERT_COPY, "deployment.strategy"},
    {"service", CONVERT_GROUP, NULL},
    {"service.type", CONVERT_COPY, "service.type"},
    {"service.ports", CONVERT_COPY, "ports"},
    {"service.metadata", CONVERT_GROUP, NULL},
    {"service.metadata.annotations", CONVERT_COPY, "service.metadata.annotations"},
    {"service.metadata.labels", CONVERT_LOST, NO_EFFECT("service.metadata.labels")},
    {"service.loadBalancerIP", CONVERT_COPY, "service.loadBalancerIP"},
    {"service.loadBalancerSourceRanges", CONVERT_COPY, "service.loadBalancerSourceRanges"},
    {"service.externalTrafficPolicy", CONVERT_COPY, "service.externalTrafficPolicy"},
    {"service.selector",
     CONVERT_LOST,
     "had no effect with that operator, so it is left out; the selector is gateway-name"},
    {"service.clusterIP", CONVERT_LOST, NO_EFFECT("service.clusterIP")},
    {"service.externalIPs", CONVERT_LOST, NO_EFFECT("service.externalIPs")},
    {"service.sessionAffinity", CONVERT_LOST, NO_EFFECT("service.sessionAffinity")},
    {"service.sessionAffinityConfig", CONVERT_LOST, NO_EFFECT("service.sessionAffinityConfig")},
    {"service.externalName",
     CONVERT_LOST,
     "had no effect with that operator, so it is left out; a gateway has no external name"},
    {"service.healthCheckNodePort", CONVERT_LOST, NO_EFFECT("service.healthCheckNodePort")},
    {"service.publishNotReadyAddresses",
     CONVERT_LOST,
     NO_EFFECT("service.publishNotReadyAddresses")},
    {"service.ipFamily", CONVERT_LOST, NO_EFFECT("service.ipFamilies")},
    {.from = NULL},
};

bool convert_imgw_is(const json_t *document)
{
    static const char group[] = "servicemesh.cisco.com/";
    return strcmp(jx_str(document, "kind", ""), "IstioMeshGateway") == 0 &&
           strncmp(jx_str(document, "apiVersion", ""), group, strlen(group)) == 0;
}

static json_t *metadata(json_t *document, struct problems *notes)
{
    static const char external[] =
        "meshgateway.istio.servicemesh.cisco.com/generate-external-service";
    static const char *const bookkeeping[] = {"kubectl.kubernetes.io/last-applied-configuration",
                                              "banzaicloud.com/last-applied"};
    json_t *result = json_object();
    const struct convert c = {.source = jx_object(document, "metadata"),
                              .result = result,
                              .root = "metadata",
                              .notes = notes};
    convert_walk(&c, metadata_rules);
    json_t *annotations = jx_object(result, "annotations");
    for (size_t i = 0; i < ARRAY_LEN(bookkeeping); i++)
        json_object_del(annotations, bookkeeping[i]);
    if (json_object_get(annotations, external)) {
        convert_note(&c, "annotations", "%s is left out: there is no such Service", external);
        json_object_del(annotations, external);
    }
    if (annotations && json_object_size(annotations) == 0)
        json_object_del(result, "annotations");
    return result;
}

/* Pods kept these in their selectors, so that Istio's Gateways may select them by one of them. */
static void labels(const struct convert *c)
{
    json_t *all = jx_object(c->result, "labels");
    json_t *pod = jx_object(c->result, "deployment.podMetadata.labels");
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(pod, next, key, value)
    {
        const json_t *wins = json_object_get(all, key);
        if (!wins)
            continue;
        if (!json_equal(wins, value))
            convert_note(c,
                         "deployment.podMetadata.labels",
                         "the label %s is left out: deployment.metadata.labels wins",
                         key);
        json_object_del(pod, key);
    }
    if (pod && json_object_size(pod) == 0)
        json_decref(convert_take(c, "deployment.podMetadata.labels"));
    json_auto_t *release = OBJ(F("release", STR("istio-meshgateway")));
    if (all)
        json_object_update_missing(all, release);
    else
        jx_set(c->result, "labels", REF(release));
}

static void control_plane(const struct convert *c)
{
    const char *name = jx_str(c->result, "istioControlPlane.name", "");
    const char *ns = jx_str(c->result, "istioControlPlane.namespace", "");
    if (name[0] && ns[0])
        convert_note(c,
                     "istioControlPlane",
                     "the pods do not need its injection any more; their label istio.io/rev is "
                     "\"%s\", it was \"%s.%s\"",
                     name,
                     name,
                     ns);
}

static bool is_of_pod(const char *key)
{
    static const char *const keys[] = {"runAsUser",
                                       "runAsGroup",
                                       "runAsNonRoot",
                                       "seLinuxOptions",
                                       "seccompProfile",
                                       "windowsOptions",
                                       "appArmorProfile"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(keys[i], key) == 0)
            return true;
    }
    return false;
}

/*
 * That operator put securityContext on the pod and fixed the container's; runAsRoot changed only
 * an environment variable. Both together are the container's here, so that the proxy keeps its
 * user.
 */
static void security(const struct convert *c)
{
    const json_t *set = jx_get(c->source, "runAsRoot");
    bool root = jx_bool(c->source, "runAsRoot", true);
    json_t *own = jx_object(c->source, "deployment.securityContext");
    if (!set)
        convert_note(c, "runAsRoot", "not set, which meant true; now it says so");
    if (root)
        jx_set(c->result, "runAsRoot", BOOL(true));
    else if (jx_empty(own))
        return;
    json_t *context = OBJ(F("allowPrivilegeEscalation", BOOL(false)),
                          F("capabilities", OBJ(F("drop", ARR(STR("ALL"))))),
                          F("privileged", BOOL(false)),
                          F("readOnlyRootFilesystem", BOOL(true)),
                          F("runAsGroup", INT(1337)),
                          F("runAsNonRoot", BOOL(true)),
                          F("runAsUser", INT(1337)));
    const char *key;
    json_t *value;
    json_object_foreach (own, key, value) {
        AUTO_FREE char *path = xasprintf("deployment.securityContext.%s", key);
        if (is_of_pod(key))
            json_object_set_new(context, key, json_deep_copy(value));
        else
            convert_note(c, path, NO_EFFECT("deployment.securityContext"));
    }
    jx_set(c->result, "deployment.securityContext", context);
}

/* protobuf's shape to that of Kubernetes: what a reference holds belongs to its parent. */
static void flatten(json_t *value)
{
    json_auto_t *reference = REF(json_object_get(value, "localObjectReference"));
    if (json_is_object(reference)) {
        json_object_del(value, "localObjectReference");
        json_object_update_missing(value, reference);
    }
    const char *key;
    json_t *member;
    json_object_foreach (value, key, member)
        flatten(member);
    size_t i;
    json_array_foreach (value, i, member)
        flatten(member);
}

static void volumes(const struct convert *c)
{
    json_t *given = jx_get(c->source, "deployment.volumes");
    if (jx_empty(given))
        return;
    json_t *result = json_deep_copy(given);
    size_t i;
    json_t *volume;
    json_array_foreach (result, i, volume) {
        json_auto_t *source = REF(json_object_get(volume, "volumeSource"));
        if (json_is_object(source)) {
            json_object_del(volume, "volumeSource");
            json_object_update_missing(volume, source);
        }
        flatten(volume);
    }
    jx_set(c->result, "deployment.volumes", result);
}

/* The API server refuses it, and with it the Deployment. */
static void tolerations(const struct convert *c)
{
    size_t i;
    json_t *toleration;
    json_array_foreach (jx_array(c->result, "deployment.tolerations"), i, toleration) {
        if (!json_object_get(toleration, "tolerationSeconds") ||
            strcmp(jx_str(toleration, "effect", ""), "NoExecute") == 0)
            continue;
        AUTO_FREE char *path = xasprintf("deployment.tolerations[%zu].tolerationSeconds", i);
        convert_note(c, path, "needs effect NoExecute; left out");
        json_object_del(toleration, "tolerationSeconds");
    }
}

static void replicas(const struct convert *c)
{
    static const char *const scaling[] = {"min", "max", "targetCPUUtilizationPercentage"};
    static const char *const targets[] = {
        "minReplicas", "maxReplicas", "targetCPUUtilizationPercentage"};
    const json_t *given = jx_object(c->source, "deployment.replicas");
    const json_t *count = jx_get(given, "count");
    json_int_t min = jx_int(given, "min", 0);
    bool scaled = min > 0 && jx_int(given, "max", 0) > min;
    if (json_is_integer(count) && json_integer_value(count) == 0)
        convert_note(c,
                     "deployment.replicas.count",
                     "0 meant 1 and is left out; for no pods at all set spec.deployment.replicas");
    else if (count)
        jx_set(c->result, "deployment.replicas", json_deep_copy(count));
    for (size_t i = 0; i < ARRAY_LEN(scaling); i++) {
        json_t *value = jx_get(given, scaling[i]);
        AUTO_FREE char *from = xasprintf("deployment.replicas.%s", scaling[i]);
        AUTO_FREE char *to = xasprintf("autoscaling.%s", targets[i]);
        if (!value)
            continue;
        if (scaled && !(json_is_integer(value) && json_integer_value(value) == 0))
            jx_set(c->result, to, json_deep_copy(value));
        else if (scaled)
            convert_note(c, from, "0 is no target; left out");
        else
            convert_note(c, from, "there was no autoscaler, which needed 0 < min < max; left out");
    }
}

/* The number that a text or number begins with, as that operator read both. */
static json_int_t budget_number(const json_t *value)
{
    if (json_is_string(value))
        return strtol(json_string_value(value), NULL, 10);
    return json_integer_value(value);
}

static void budget(const struct convert *c)
{
    static const char *const fields[] = {"minAvailable", "maxUnavailable"};
    bool done = false;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        AUTO_FREE char *from = xasprintf("deployment.podDisruptionBudget.%s", fields[i]);
        AUTO_FREE char *to = xasprintf("podDisruptionBudget.%s", fields[i]);
        const json_t *value = jx_get(c->source, from);
        const char *text = json_string_value(value);
        bool percent = text && text[0] && text[strlen(text) - 1] == '%';
        json_int_t number = budget_number(value);
        if (jx_empty(value))
            continue;
        if (done) {
            convert_note(c, from, "minAvailable is set too, and only one may be; left out");
        } else if (number <= 0) {
            convert_note(c, from, "made no PodDisruptionBudget; left out");
        } else {
            if (percent)
                convert_note(c, from, "a percentage made no PodDisruptionBudget; now it does");
            jx_set(c->result, to, percent ? STR(text) : INT(number));
            done = true;
        }
    }
}

json_t *convert_imgw(json_t *document, struct problems *notes)
{
    const struct convert whole = {.source = document, .root = "", .notes = notes};
    convert_walk(&whole, document_rules);
    json_t *meta = metadata(document, notes);
    json_t *spec = json_object();
    const struct convert c = {
        .source = jx_object(document, "spec"), .result = spec, .root = "spec", .notes = notes};
    convert_walk(&c, spec_rules);
    labels(&c);
    control_plane(&c);
    security(&c);
    volumes(&c);
    tolerations(&c);
    replicas(&c);
    budget(&c);
    convert_fit(&c, jx_str(meta, "name", ""), "deployment.metadata.labels");
    return convert_object(meta, spec);
}
