/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cluster.h"

#include "control/observe.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

json_t *cluster_json(const char *text)
{
    AUTO_FREE char *quoted = xstrdup(text);
    for (char *c = quoted; *c; c++)
        if (*c == '\'')
            *c = '"';
    struct err err = {0};
    json_t *value = jx_parse(quoted, strlen(quoted), &err);
    ck_assert_msg(value != NULL, "%s: %s", text, err.msg);
    return value;
}

json_t *cluster_gateway(const char *uid, const char *spec)
{
    return OBJ(F("apiVersion", object_api_version(&object_mesh_gateway)),
               F("kind", STR(object_mesh_gateway.kind)),
               F("metadata",
                 OBJ(F("name", STR("gw")),
                     F("namespace", STR("default")),
                     F("uid", STR(uid)),
                     F("resourceVersion", STR("1")),
                     F("generation", INT(1)))),
               F("spec", cluster_json(spec)));
}

json_t *cluster_stored(const struct plan_step *step, const char *version)
{
    json_t *object = json_deep_copy(step->body);
    json_t *metadata = json_object_get(object, "metadata");
    json_object_set_new(metadata, "uid", jx_stringf("uid-of-%s", step->kind->resource));
    json_object_set_new(metadata, "resourceVersion", STR(version));
    json_object_set_new(object, "server", STR("default"));
    return object;
}

void cluster_plan(const struct store_gateway *known, struct plan *ret)
{
    cluster_plan_in(known, NULL, ret);
}

void cluster_plan_in(const struct store_gateway *known, const struct templates_live *live,
                     struct plan *ret)
{
    struct config config;
    config_init(&config);
    json_auto_t *object = store_object(known);
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct meshgateway gw;
    if (meshgateway_parse(object, &config, &gw, &problems) < 0)
        ck_abort_msg("%s: %s", problems.items[0].path, problems.items[0].message);
    plan_make(&gw, live, known, ret);
    meshgateway_done(&gw);
    config_done(&config);
}

size_t cluster_carry_out(struct store *store, const char *key, const struct plan *plan)
{
    struct store_gateway *gw = store_find(store, key);
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_step *step = &plan->steps[i];
        if (step->verb == PLAN_DELETE) {
            store_child_remove(gw, store_child_find(gw, step->kind, step->name));
            continue;
        }
        json_auto_t *object = cluster_stored(step, "100");
        observe_applied(gw, step->kind, step->body, step->desired, object);
    }
    return plan->count;
}
