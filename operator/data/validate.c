/* SPDX-License-Identifier: Apache-2.0 */
#include "data/validate.h"

#include "data/jx.h"
#include "data/object.h"
#include "data/objectmeta.h"
#include "data/rules.h"

#include <string.h>

static bool check_kind(const json_t *object, struct problems *problems)
{
    const struct object_kind *kind = &object_mesh_gateway;
    json_auto_t *version = object_api_version(kind);
    const char *expected = json_string_value(version);
    bool same_version = strcmp(jx_str(object, "apiVersion", ""), expected) == 0;
    bool same_kind = strcmp(jx_str(object, "kind", ""), kind->kind) == 0;
    if (!same_version)
        problems_add(problems, "apiVersion", "must be %s", expected);
    if (!same_kind)
        problems_add(problems, "kind", "must be %s", kind->kind);
    return same_version && same_kind;
}

void validate_meshgateway(const struct schema *schema, json_t *object, struct problems *problems)
{
    if (!json_is_object(object)) {
        problems_add(problems, "", "must be an object");
        return;
    }
    if (!check_kind(object, problems))
        return;
    bool goes_on = schema_check(schema, object, problems);
    goes_on &= objectmeta_check(object, problems);
    if (goes_on)
        rules_check(object, problems);
}
