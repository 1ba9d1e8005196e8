/* SPDX-License-Identifier: Apache-2.0 */
#include "support/json.h"
#include "support/unit.h"
#include "templates/templates.h"

static int parse(const char *overlays, struct meshgateway *gw, struct problems *problems)
{
    struct config config;
    config_init(&config);
    json_auto_t *object =
        OBJ(F("metadata", OBJ(F("name", STR("g")), F("namespace", STR("n")), F("uid", STR("u")))),
            F("spec",
              OBJ(F("type", STR("ingress")),
                  F("ports", json_array()),
                  F("overlays", json_from(overlays)))));
    int rc = templates_parse(object, &config, gw, problems);
    config_done(&config);
    return rc;
}

#define ON(kind, type, patch) "{'kind':'" kind "','type':'" type "','patch':" patch "}"
#define MERGE(kind, patch)    ON(kind, "JSONMerge", patch)

static const struct row {
    const char *overlays, *problem;
} refused[] = {
    {"[" MERGE("Pod", "{}") "]",
     "spec.overlays[0].kind: the gateway has no Pod: remove the overlay"},
    {"[" MERGE("PodDisruptionBudget", "{}") "]",
     "spec.overlays[0].kind: the gateway has no PodDisruptionBudget: it has one when two replicas "
     "are certain, or podDisruptionBudget is set"},
    {"[" MERGE("Certificate", "{}") "]",
     "spec.overlays[0].kind: the gateway has no Certificate: it has one for each server with "
     "tls.certificate"},
    {"[" ON("Service", "Merge", "{}") "]",
     "spec.overlays[0].type: must be StrategicMerge, JSONMerge or JSONPatch"},
    {"[" MERGE("Service", "[]") "]", "spec.overlays[0].patch: must be an object"},
    {"[{'kind':'Service','type':'JSONPatch'}]",
     "spec.overlays[0].patch: must be a list of operations"},
    {"[" MERGE("Service", "{}") "," ON("Service", "JSONPatch", "[{'op':'remove','path':'/x'}]") "]",
     "spec.overlays[1].patch[0]: remove /x: there is no /x"},
    {"[" ON("Service", "StrategicMerge", "{'spec':{'ports':[{}]}}") "]",
     "spec.overlays[0].patch.spec.ports[0].port: is required: the list is merged by it"},
    {"[" MERGE("Service", "{'apiVersion':'v2'}") "]",
     "spec.overlays[0].patch: may not change apiVersion"},
    {"[" MERGE("Service", "{'kind':null}") "]", "spec.overlays[0].patch: may not change kind"},
    {"[" MERGE("Service", "{'metadata':{'name':'x'}}") "]",
     "spec.overlays[0].patch: may not change metadata.name"},
    {"[" MERGE("Service", "{'metadata':{'namespace':'x'}}") "]",
     "spec.overlays[0].patch: may not change metadata.namespace"},
    {"[" MERGE("Service", "{'metadata':{'ownerReferences':[]}}") "]",
     "spec.overlays[0].patch: may not change metadata.ownerReferences"},
    {"[" MERGE("Service", "{'metadata':{'resourceVersion':'1'}}") "]",
     "spec.overlays[0].patch: may not change metadata.resourceVersion"},
    {"[" MERGE("Service", "{'metadata':{'labels':{'app.kubernetes.io/managed-by':'x'}}}") "]",
     "spec.overlays[0].patch: may not change metadata.labels.app.kubernetes.io/managed-by"},
    {"[" MERGE("Service", "{'spec':{'selector':{'x':'y'}}}") "]",
     "spec.overlays[0].patch: may not change spec.selector"},
    {"[" MERGE("Service", "{'status':{}}") "]", "spec.overlays[0].patch: may not change status"},
    {"[" MERGE("Deployment",
               "{'spec':{'template':{'metadata':{'labels':{'gateway-name':'x'}}}}}") "]",
     "spec.overlays[0].patch: may not change spec.template.metadata.labels.gateway-name"},
    {"'x'", "spec.overlays: must be a list"},
    {"[1]", "spec.overlays[0]: must be an object"},
};

START_TEST(what_does_not_apply_is_told)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
        struct meshgateway gw;
        struct err err = {.kind = ERR_NONE};
        ck_assert_msg(parse(refused[i].overlays, &gw, &problems) < 0, "%s", refused[i].overlays);
        problems_to_err(&problems, &err);
        ck_assert_str_eq(err.msg, refused[i].problem);
    }
}
END_TEST

static json_t *render(const char *overlays, const struct object_kind *kind)
{
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct meshgateway gw;
    int rc = parse(overlays, &gw, &problems);
    ck_assert_msg(rc == 0, "%s", rc < 0 ? problems.items[0].message : "");
    json_t *one = templates_render_one(&gw, NULL, kind, "g");
    json_auto_t *again = templates_render_one(&gw, NULL, kind, "g");
    ck_assert(json_equal(one, again));
    meshgateway_done(&gw);
    return one;
}

START_TEST(they_apply_in_order)
{
    json_auto_t *service = render(
        "[" MERGE("Service", "{'spec':{'type':'NodePort','x':1}}") "," MERGE(
            "Deployment",
            "{'spec':{'type':'other'}}") "," ON("Service",
                                                "JSONPatch",
                                                "[{'op':'test','path':'/spec/"
                                                "type','value':'NodePort'},"
                                                " {'op':'replace','path':'/spec/"
                                                "type','value':'ClusterIP'}]") "," ON("Service",
                                                                                      "StrategicMer"
                                                                                      "ge",
                                                                                      "{'spec':{'x'"
                                                                                      ":null}}") "]",
        &object_service);
    ck_assert_str_eq(jx_str(service, "spec.type", ""), "ClusterIP");
    ck_assert_ptr_null(json_object_get(json_object_get(service, "spec"), "x"));
}
END_TEST

/* What is applied never says null. */
START_TEST(nulls_are_left_out)
{
    json_auto_t *service = render(
        "[" ON("Service", "JSONPatch", "[{'op':'add','path':'/spec/x','value':{'y':null}}]") "]",
        &object_service);
    const json_t *x = jx_object(service, "spec.x");
    ck_assert(x && json_object_size(x) == 0);
}
END_TEST

UNIT_MAIN("overlay", what_does_not_apply_is_told, they_apply_in_order, nulls_are_left_out)
