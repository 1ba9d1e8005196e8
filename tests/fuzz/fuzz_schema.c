/* SPDX-License-Identifier: Apache-2.0 */
/* {"crd": …, "object": …}: any CustomResourceDefinition, and an object by its schema. */
#include "fuzz.h"

#include "data/jx.h"
#include "data/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *input = jx_parse((const char *)data, size, NULL);
    json_t *object = json_object_get(input, "object");
    struct err err = {.kind = ERR_NONE};
    if (!object || !json_object_get(input, "crd"))
        return 0;
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
