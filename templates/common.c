/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/common.h"

#include <string.h>

json_t *common_labels(const struct meshgateway *gw, const json_t *defaults, const json_t *own)
{
    json_auto_t *fixed = OBJ(F(COMMON_MANAGED_BY, STR(COMMON_MANAGED_BY_VALUE)),
                             F("gateway-name", STR(gw->name)),
                             F("gateway-namespace", STR(gw->ns)));
    json_t *labels = OBJ(F("app.kubernetes.io/name", STR(gw->name)),
                         F("app.kubernetes.io/component", jx_stringf("%s-gateway", gw->type)),
                         F("app.kubernetes.io/part-of", STR("istio")),
                         F("app", STR(gw->name)),
                         F("gateway-type", STR(gw->type)),
                         FOPT("istio.io/rev", gw->revision[0] ? STR(gw->revision) : NULL));
    jx_update(labels, defaults);
    jx_update(labels, gw->labels);
    jx_update(labels, own);
    jx_update(labels, fixed);
    return labels;
}

json_t *common_selector(const struct meshgateway *gw)
{
    return OBJ(F("gateway-name", STR(gw->name)));
}

static json_t *owner_references(const struct meshgateway *gw)
{
    if (gw->uid[0] == '\0')
        return NULL;
    return ARR(OBJ(F("apiVersion", object_api_version(&object_mesh_gateway)),
                   F("kind", STR(object_mesh_gateway.kind)),
                   F("name", STR(gw->name)),
                   F("uid", STR(gw->uid)),
                   F("controller", BOOL(true)),
                   F("blockOwnerDeletion", BOOL(true))));
}

json_t *common_object(const struct meshgateway *gw, const struct object_kind *kind,
                      const char *name, const json_t *own, const json_t *annotations, json_t *spec)
{
    return OBJ(F("apiVersion", object_api_version(kind)),
               F("kind", STR(kind->kind)),
               F("metadata",
                 OBJ(F("name", STR(name)),
                     F("namespace", STR(gw->ns)),
                     F("labels", common_labels(gw, NULL, own)),
                     FOPT("annotations", json_deep_copy(annotations)),
                     FOPT("ownerReferences", owner_references(gw)))),
               FOPT("spec", spec));
}

/* Index of the element with this string under key; the size of the list when there is none. */
static size_t index_of(const json_t *list, const char *key, const char *value)
{
    size_t i;
    json_t *element;
    json_array_foreach (list, i, element)
        if (strcmp(jx_str(element, key, ""), value) == 0)
            return i;
    return i;
}

json_t *common_union(const json_t *base, const json_t *over, const char *key)
{
    json_t *merged = json_array();
    size_t i;
    json_t *element;
    json_array_foreach (base, i, element)
        json_array_append(merged, element);
    json_array_foreach (over, i, element) {
        size_t at = index_of(base, key, jx_str(element, key, ""));
        if (at < json_array_size(base))
            json_array_set(merged, at, element);
        else
            json_array_append(merged, element);
    }
    if (json_array_size(merged) > 0)
        return merged;
    json_decref(merged);
    return NULL;
}

bool common_has(const json_t *list, const char *text)
{
    size_t i;
    const json_t *each;
    json_array_foreach (list, i, each)
        if (json_is_string(each) && strcmp(json_string_value(each), text) == 0)
            return true;
    return false;
}
