/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/common.h"
#include "templates/kinds.h"

#define CPU_PERCENT 80

static void add_utilization(json_t *metrics, const char *resource, json_int_t percent)
{
    if (percent <= 0)
        return;
    json_array_append_new(
        metrics,
        OBJ(F("type", STR("Resource")),
            F("resource",
              OBJ(F("name", STR(resource)),
                  F("target",
                    OBJ(F("type", STR("Utilization")), F("averageUtilization", INT(percent))))))));
}

static json_t *metrics(const struct meshgateway *gw)
{
    json_t *list = json_array();
    add_utilization(list, "cpu", jx_int(gw->autoscaling, "targetCPUUtilizationPercentage", 0));
    add_utilization(
        list, "memory", jx_int(gw->autoscaling, "targetMemoryUtilizationPercentage", 0));
    json_array_extend(list, jx_array(gw->autoscaling, "metrics"));
    if (json_array_size(list) == 0)
        add_utilization(list, "cpu", CPU_PERCENT);
    return list;
}

json_t *hpa_render(const struct meshgateway *gw)
{
    if (!gw->autoscaled)
        return NULL;
    json_t *spec = OBJ(F("scaleTargetRef",
                         OBJ(F("apiVersion", object_api_version(&object_deployment)),
                             F("kind", STR(object_deployment.kind)),
                             F("name", STR(gw->name)))),
                       F("minReplicas", INT(gw->min_replicas)),
                       F("maxReplicas", INT(gw->max_replicas)),
                       F("metrics", metrics(gw)),
                       FOPT("behavior", REF(jx_object(gw->autoscaling, "behavior"))));
    return common_object(gw, &object_hpa, gw->name, NULL, NULL, spec);
}
