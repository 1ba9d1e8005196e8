/* SPDX-License-Identifier: Apache-2.0 */
#include "data/validate.h"

#include "data/jx.h"
#include "data/object.h"
#include "data/objectmeta.h"
#include "data/rules.h"

#include <string.h>

static void check_kind(const json_t *object, struct problems *problems)
{
    const struct object_kind *kind = &object_mesh_gateway;
    json_auto_t *version = object_api_version(kind);
    const char *expected = json_string_value(version);
    if (strcmp(jx_str(object, "apiVersion", ""), expected) != 0)
        problems_add(problems, "apiVersion", "must be %s", expected);
    if (strcmp(jx_str(object, "kind", ""), kind->kind) != 0)
        problems_add(problems, "kind", "must be %s", kind->kind);
}

void validate_meshgateway(const struct schema *schema, json_t *object, struct problems *problems)
{
    if (!json_is_object(object)) {
        problems_add(problems, "", "must be an object");
        return;
    }
    check_kind(object, problems);
    bool judged = schema_check(schema, object, problems);
    objectmeta_check(object, problems);
    if (judged)
        rules_check(object, problems);
}
