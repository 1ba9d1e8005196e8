/* SPDX-License-Identifier: Apache-2.0 */
#include "data/schema.h"

#include "data/crd.h"
#include "data/jx.h"
#include "data/schema_fill.h"
#include "data/schema_value.h"
#include "data/yamlio.h"

#include <stdlib.h>
#include <string.h>

struct schema {
    json_t *root; /* openAPIV3Schema, with that of metadata filled in */
    struct pattern_cache *patterns;
};

static json_t *type(const char *name)
{
    return OBJ(F("type", STR(name)));
}

/* Labels or annotations: a null in there is "" to Go. */
static json_t *string_map(void)
{
    return OBJ(F("type", STR("object")),
               F("additionalProperties", OBJ(F("type", STR("string")), F("default", STR("")))));
}

static json_t *list_of(json_t *items)
{
    return OBJ(F("type", STR("array")), F("items", items));
}

static json_t *owner_reference(void)
{
    return OBJ(F("type", STR("object")),
               F("required", ARR(STR("apiVersion"), STR("kind"), STR("name"), STR("uid"))),
               F("properties",
                 OBJ(F("apiVersion", type("string")),
                     F("kind", type("string")),
                     F("name", type("string")),
                     F("uid", type("string")),
                     F("controller", type("boolean")),
                     F("blockOwnerDeletion", type("boolean")))));
}

/* ObjectMeta of meta/v1: not part of a CustomResourceDefinition, yet checked with every object. */
static json_t *object_meta(void)
{
    json_t *anything =
        OBJ(F("type", STR("object")), F("x-kubernetes-preserve-unknown-fields", BOOL(true)));
    return OBJ(F("type", STR("object")),
               F("properties",
                 OBJ(F("name", OBJ(F("type", STR("string")), F("maxLength", INT(253)))),
                     F("generateName", type("string")),
                     F("namespace", type("string")),
                     F("selfLink", type("string")),
                     F("uid", type("string")),
                     F("resourceVersion", type("string")),
                     F("generation", type("integer")),
                     F("creationTimestamp", type("string")),
                     F("deletionTimestamp", type("string")),
                     F("deletionGracePeriodSeconds", type("integer")),
                     F("labels", string_map()),
                     F("annotations", string_map()),
                     F("ownerReferences", list_of(owner_reference())),
                     F("finalizers", list_of(type("string"))),
                     F("managedFields", list_of(anything)))));
}

struct schema *schema_new(json_t *crd, struct err *err)
{
    const json_t *versions = jx_array(crd, "spec.versions");
    json_t *root = jx_object(json_array_get(versions, 0), "schema.openAPIV3Schema");
    if (json_array_size(versions) != 1 || !root) {
        err_set(err, ERR_INVALID, "not a CustomResourceDefinition with one version and a schema");
        return NULL;
    }
    struct schema *schema = xcalloc(1, sizeof(*schema));
    json_auto_t *properties = json_copy(json_object_get(root, "properties"));
    json_object_set_new(properties, "metadata", object_meta());
    schema->root = json_copy(root);
    json_object_set(schema->root, "properties", properties);
    schema->patterns = pattern_cache_new();
    return schema;
}

struct schema *schema_new_embedded(struct err *err)
{
    size_t len;
    const char *text = crd_text(&len);
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    if (yamlio_read(text, len, "crds/meshgateways.yaml", &stream, err) < 0)
        return NULL;
    return schema_new(stream.count == 1 ? stream.documents[0].root : NULL, err);
}

void schema_free(struct schema *schema)
{
    if (!schema)
        return;
    json_decref(schema->root);
    pattern_cache_free(schema->patterns);
    free(schema);
}

bool schema_check(const struct schema *schema, json_t *object, struct problems *problems)
{
    struct schema_value check = {.patterns = schema->patterns, .problems = problems};
    check.blocked = !schema_fill(schema->root, object, NULL, problems);
    json_auto_t *without_status = json_is_object(object) ? json_copy(object) : json_incref(object);
    json_object_del(without_status, "status");
    schema_value_check(&check, schema->root, without_status, NULL);
    return !check.blocked;
}
