/* SPDX-License-Identifier: Apache-2.0 */
/*
 * {"crd": …, "object": …}: any CustomResourceDefinition, and an object by its schema. Patterns are
 * the program's own: what an expression like "a++++" costs is libc's affair.
 */
#include "fuzz.h"

#include "data/jx.h"
#include "data/schema.h"

static void tame_patterns(json_t *schema)
{
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach (schema, key, value)
        tame_patterns(value);
    json_array_foreach (schema, i, value)
        tame_patterns(value);
    if (json_is_string(json_object_get(schema, "pattern")))
        json_object_set_new(schema, "pattern", STR("^[a-z]+$"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *input = jx_parse((const char *)data, size, NULL);
    json_t *object = json_object_get(input, "object");
    struct err err = {.kind = ERR_NONE};
    if (!object || !json_object_get(input, "crd"))
        return 0;
    tame_patterns(json_object_get(input, "crd"));
    struct schema *schema = schema_new(json_object_get(input, "crd"), &err);
    if (!schema) {
        require(err.kind != ERR_NONE);
        return 0;
    }
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    (void)schema_check(schema, object, &problems);
    schema_free(schema);
    return 0;
}
