/* SPDX-License-Identifier: Apache-2.0 */
#include "control/takeover.h"

#include "control/facts.h"

#include <string.h>

/* On every object that the original operator updated: what it applied, for its three-way diff. */
#define LAST_APPLIED "f:banzaicloud.com/last-applied"

const struct takeover_left_over takeover_left_overs[TAKEOVER_LEFT_OVERS] = {
    {&object_hpa, "-autoscaler", false, false},
    {&object_pdb, "", false, false},
    {&object_service_account, "-service-account", true, false},
    {&object_role_binding, "-role-binding-sds", true, false},
    {&object_role, "-role-sds", true, false},
    {&object_cluster_role_binding, "-cluster-role-binding", true, true},
    {&object_cluster_role, "-cluster-role", true, true},
};

/*
 * What becomes ours: where a field that we do not state would do harm. In a Service that is little,
 * because what somebody set by hand before ownership was tracked looks like the original
 * operator's, and losing it could move the load balancer.
 */
static const struct {
    const char *parent, *field;
} moved[] = {
    {"f:metadata", "f:labels"},
    {"f:metadata.f:annotations", LAST_APPLIED},
    {"f:spec", "f:strategy"},
    {"f:spec", "f:template"},
    {"f:spec", "f:ports"},
    {"f:spec", "f:minAvailable"},
    {"f:spec", "f:maxUnavailable"},
};

bool takeover_is_marked(const json_t *object)
{
    return json_object_get(jx_object(object, "metadata.annotations"), TAKEOVER_MARK) != NULL;
}

bool takeover_is_untracked(const json_t *object)
{
    return jx_empty(jx_get(object, "metadata.managedFields"));
}

static bool is_operation(const json_t *entry, const char *operation)
{
    return strcmp(jx_str(entry, "operation", ""), operation) == 0 &&
           strcmp(jx_str(entry, "subresource", ""), "") == 0;
}

/* Nobody but the original operator wrote, other than by apply, that the gateway is the owner. */
static bool is_original(const json_t *entry, const char *uid)
{
    AUTO_FREE char *owner = xasprintf("k:{\"uid\":\"%s\"}", uid);
    const json_t *metadata = jx_object(entry, "fieldsV1.f:metadata");
    return is_operation(entry, "Update") &&
           (json_object_get(jx_object(metadata, "f:ownerReferences"), owner) ||
            json_object_get(jx_object(metadata, "f:annotations"), LAST_APPLIED));
}

static bool is_ours(const json_t *entry)
{
    return is_operation(entry, "Apply") && strcmp(jx_str(entry, "manager", ""), FACTS_MANAGER) == 0;
}

/* A node port that the server chose must not be given back; one of the spec's we state anyway. */
static void leave_node_ports(json_t *fields)
{
    const char *key;
    json_t *port;
    json_object_foreach (jx_object(fields, "f:spec.f:ports"), key, port)
        json_object_del(port, "f:nodePort");
}

static json_t *moved_fields(const json_t *from)
{
    json_t *fields = json_object();
    for (size_t i = 0; i < ARRAY_LEN(moved); i++) {
        const json_t *below = json_object_get(jx_object(from, moved[i].parent), moved[i].field);
        if (!below)
            continue;
        if (!jx_object(fields, moved[i].parent))
            jx_set(fields, moved[i].parent, json_object());
        json_object_set_new(
            jx_object(fields, moved[i].parent), moved[i].field, json_deep_copy(below));
    }
    leave_node_ports(fields);
    return fields;
}

json_t *takeover_patch(const json_t *object, const char *uid)
{
    json_auto_t *entries = json_array();
    json_auto_t *fields = json_object();
    const json_t *original = NULL;
    size_t i;
    json_t *entry;
    json_array_foreach (jx_array(object, "metadata.managedFields"), i, entry) {
        json_auto_t *part = NULL;
        if (is_original(entry, uid)) {
            original = entry;
            part = moved_fields(jx_object(entry, "fieldsV1"));
        } else if (is_ours(entry)) {
            part = json_incref(jx_object(entry, "fieldsV1"));
        } else {
            json_array_append(entries, entry);
            continue;
        }
        json_t *both = jx_merge(fields, part); /* FieldsV1 are objects all the way: a union */
        json_decref(fields);
        fields = both;
    }
    if (!original)
        return NULL;
    json_array_append_new(entries,
                          OBJ(F("manager", STR(FACTS_MANAGER)),
                              F("operation", STR("Apply")),
                              F("apiVersion", REF(jx_get(object, "apiVersion"))),
                              FOPT("time", REF(jx_get(original, "time"))),
                              F("fieldsType", STR("FieldsV1")),
                              F("fieldsV1", REF(fields))));
    return OBJ(F("metadata",
                 OBJ(F("resourceVersion", STR(object_resource_version(object))),
                     F("annotations", OBJ(F(TAKEOVER_MARK, STR("pending")))),
                     F("managedFields", REF(entries)))));
}
