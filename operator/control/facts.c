/* SPDX-License-Identifier: Apache-2.0 */
#include "control/facts.h"

#include <string.h>

/* What the Deployment's own controller says when it cannot go on. */
static const char *rollout_problem(const json_t *deployment)
{
    size_t i;
    json_t *condition;
    const char *stuck = NULL;
    json_array_foreach (jx_array(deployment, "status.conditions"), i, condition) {
        const char *type = jx_str(condition, "type", "");
        const char *status = jx_str(condition, "status", "");
        if (strcmp(type, "ReplicaFailure") == 0 && strcmp(status, "True") == 0)
            return jx_str(condition, "message", "");
        if (strcmp(type, "Progressing") == 0 && strcmp(status, "False") == 0)
            stuck = jx_str(condition, "message", "");
    }
    return stuck;
}

/* The selector of every Deployment that we make: the gateway's name, which is its own name too. */
static bool is_our_selector(const json_t *labels, const json_t *deployment)
{
    const char *name = json_string_value(json_object_get(labels, "gateway-name"));
    return json_object_size(labels) == 1 && name && strcmp(name, object_name(deployment)) == 0;
}

static const char *proxy_image(const json_t *deployment)
{
    size_t i;
    json_t *container;
    json_array_foreach (jx_array(deployment, "spec.template.spec.containers"), i, container)
        if (strcmp(jx_str(container, "name", ""), "istio-proxy") == 0)
            return jx_str(container, "image", NULL);
    return NULL;
}

static json_t *deployment_facts(const json_t *object)
{
    const json_t *selector = jx_object(object, "spec.selector.matchLabels");
    bool other = selector && !is_our_selector(selector, object);
    return OBJ(F("generation", INT(jx_int(object, "metadata.generation", 0))),
               F("observedGeneration", INT(jx_int(object, "status.observedGeneration", 0))),
               F("wanted", INT(jx_int(object, "spec.replicas", 1))),
               F("replicas", INT(jx_int(object, "status.replicas", 0))),
               F("updated", INT(jx_int(object, "status.updatedReplicas", 0))),
               F("ready", INT(jx_int(object, "status.readyReplicas", 0))),
               F("available", INT(jx_int(object, "status.availableReplicas", 0))),
               FOPT("image", STR(proxy_image(object))),
               FOPT("selector", other ? json_deep_copy(selector) : NULL),
               FOPT("problem", STR(rollout_problem(object))));
}

static json_t *ingress_entries(const json_t *service)
{
    json_t *entries = json_array();
    size_t i;
    json_t *entry;
    json_array_foreach (jx_array(service, "status.loadBalancer.ingress"), i, entry) {
        const char *ip = jx_str(entry, "ip", "");
        const char *hostname = jx_str(entry, "hostname", "");
        if (ip[0])
            json_array_append_new(entries, OBJ(F("type", STR("IPAddress")), F("value", STR(ip))));
        if (hostname[0])
            json_array_append_new(entries,
                                  OBJ(F("type", STR("Hostname")), F("value", STR(hostname))));
    }
    return entries;
}

static json_t *service_ports(const json_t *service)
{
    static const char *const fields[] = {"name", "port", "protocol", "targetPort", "nodePort"};
    json_t *ports = json_array();
    size_t i;
    json_t *port;
    json_array_foreach (jx_array(service, "spec.ports"), i, port) {
        json_t *copy = json_object();
        for (size_t f = 0; f < ARRAY_LEN(fields); f++)
            if (jx_get(port, fields[f]))
                json_object_set(copy, fields[f], json_object_get(port, fields[f]));
        json_array_append_new(ports, copy);
    }
    return ports;
}

static json_t *service_facts(const json_t *object)
{
    return OBJ(F("type", STR(jx_str(object, "spec.type", "ClusterIP"))),
               FOPT("clusterIPs", REF(jx_array(object, "spec.clusterIPs"))),
               FOPT("externalIPs", REF(jx_array(object, "spec.externalIPs"))),
               F("ingress", ingress_entries(object)),
               F("ports", service_ports(object)));
}

json_t *facts_of(const struct object_kind *kind, const json_t *object)
{
    if (kind == &object_deployment)
        return deployment_facts(object);
    if (kind == &object_service)
        return service_facts(object);
    return NULL;
}

bool facts_is_rolled_out(const json_t *deployment)
{
    json_int_t wanted = jx_int(deployment, "wanted", -1);
    return jx_int(deployment, "observedGeneration", 0) >= jx_int(deployment, "generation", 0) &&
           jx_int(deployment, "updated", 0) == wanted &&
           jx_int(deployment, "replicas", 0) == wanted &&
           jx_int(deployment, "available", 0) == wanted;
}

bool facts_is_replacing(const json_t *deployment)
{
    bool seen = jx_int(deployment, "observedGeneration", 0) >= jx_int(deployment, "generation", 0);
    return !jx_str(deployment, "problem", NULL) &&
           (!seen || jx_int(deployment, "updated", 0) < jx_int(deployment, "replicas", 0));
}
