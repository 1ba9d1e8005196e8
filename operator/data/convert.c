/* SPDX-License-Identifier: Apache-2.0 */
#include "data/convert.h"

#include "data/fieldpath.h"
#include "data/object.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the operator sets itself, whatever spec.labels says. */
static const char *const own_labels[] = {
    "gateway-name", "gateway-namespace", "app.kubernetes.io/managed-by"};

void convert_note(const struct convert *c, const char *path, const char *fmt, ...)
{
    char *message = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&message, fmt, args);
    va_end(args);
    if (n < 0)
        abort();
    AUTO_FREE char *full = xasprintf("%s%s%s", c->root, c->root[0] && path[0] ? "." : "", path);
    problems_add(c->notes, full, "%s", message);
    free(message);
}

static const struct convert_rule *find(const struct convert_rule *rules, const char *path)
{
    for (; rules->from; rules++) {
        if (strcmp(rules->from, path) == 0)
            return rules;
    }
    return NULL;
}

/* An object of the source: `path` as the rules name it, `where` as messages do. */
static void walk(const struct convert *c, const struct convert_rule *rules, json_t *object,
                 const char *path, const struct fieldpath *where)
{
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value) {
        if (jx_empty(value))
            continue;
        AUTO_FREE char *at = xasprintf("%s%s%s", path, path[0] ? "." : "", key);
        const struct fieldpath *field = FIELD(where, key);
        const struct convert_rule *rule = strchr(key, '.') ? NULL : find(rules, at);
        if (!rule)
            fieldpath_problem(field, c->notes, "not a known field; left out");
        else if (rule->use == CONVERT_LOST)
            fieldpath_problem(field, c->notes, "%s", rule->text);
        else if (rule->use == CONVERT_COPY)
            jx_set(c->result, rule->text, json_deep_copy(value));
        else if (rule->use == CONVERT_GROUP && json_is_object(value))
            walk(c, rules, value, at, field);
        else if (rule->use == CONVERT_GROUP)
            fieldpath_problem(field, c->notes, "not an object; left out");
    }
}

void convert_walk(const struct convert *c, const struct convert_rule *rules)
{
    walk(c, rules, c->source, "", c->root[0] ? FIELD(NULL, c->root) : NULL);
}

json_t *convert_take(const struct convert *c, const char *path)
{
    const char *dot = strrchr(path, '.');
    AUTO_FREE char *parent = dot ? xstrndup(path, (size_t)(dot - path)) : NULL;
    json_t *object = parent ? jx_object(c->result, parent) : c->result;
    const char *key = dot ? dot + 1 : path;
    json_t *value = REF(json_object_get(object, key));
    json_object_del(object, key);
    if (parent && object && json_object_size(object) == 0)
        json_decref(convert_take(c, parent));
    return value;
}

/* Drops a field of the Service; both sources name it as a MeshGateway does. */
static void drop_of_service(const struct convert *c, const char *field, const char *why)
{
    AUTO_FREE char *path = xasprintf("service.%s", field);
    json_auto_t *value = convert_take(c, path);
    if (value)
        convert_note(c, path, "%s; left out", why);
}

static void fit_service(const struct convert *c)
{
    static const char *const of_load_balancer[] = {"loadBalancerIP",
                                                   "loadBalancerClass",
                                                   "loadBalancerSourceRanges",
                                                   "allocateLoadBalancerNodePorts",
                                                   "healthCheckNodePort"};
    bool egress = strcmp(jx_str(c->result, "type", ""), "egress") == 0;
    const char *type = jx_str(c->result, "service.type", egress ? "ClusterIP" : "LoadBalancer");
    bool load_balancer = strcmp(type, "LoadBalancer") == 0;
    for (size_t i = 0; i < ARRAY_LEN(of_load_balancer) && !load_balancer; i++)
        drop_of_service(c, of_load_balancer[i], "applies only to service type LoadBalancer");
    if (strcmp(jx_str(c->result, "service.externalTrafficPolicy", ""), "Local") != 0)
        drop_of_service(c, "healthCheckNodePort", "needs externalTrafficPolicy Local");
    if (strcmp(type, "ClusterIP") == 0)
        drop_of_service(
            c, "externalTrafficPolicy", "applies only to service types LoadBalancer and NodePort");
    else if (strcmp(jx_str(c->result, "service.clusterIP", ""), "None") == 0)
        drop_of_service(c, "clusterIP", "None applies only to service type ClusterIP");
}

void convert_fit(const struct convert *c, const char *name, const char *labels_path)
{
    fit_service(c);
    json_t *labels = jx_object(c->result, "labels");
    for (size_t i = 0; i < ARRAY_LEN(own_labels); i++) {
        const char *value = json_string_value(json_object_get(labels, own_labels[i]));
        bool same = i == 0 && value && strcmp(value, name) == 0;
        if (value && !same)
            convert_note(c,
                         labels_path,
                         "the label %s: %s is left out: the operator sets it itself",
                         own_labels[i],
                         value);
        json_object_del(labels, own_labels[i]);
    }
    if (labels && json_object_size(labels) == 0)
        json_object_del(c->result, "labels");
}

/* In the order in which a person writes a gateway: every member moves to the end in turn. */
static void sort_spec(json_t *spec)
{
    static const char *const order[] = {"type",
                                        "runAsRoot",
                                        "istioControlPlane",
                                        "proxy",
                                        "labels",
                                        "ports",
                                        "service",
                                        "autoscaling",
                                        "podDisruptionBudget",
                                        "drainSeconds",
                                        "serviceAccount",
                                        "deployment"};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        json_t *value = REF(json_object_get(spec, order[i]));
        json_object_del(spec, order[i]);
        if (value)
            json_object_set_new(spec, order[i], value);
    }
}

json_t *convert_object(json_t *metadata, json_t *spec)
{
    sort_spec(spec);
    return OBJ(F("apiVersion", object_api_version(&object_mesh_gateway)),
               F("kind", STR(object_mesh_gateway.kind)),
               F("metadata", metadata),
               F("spec", spec));
}
