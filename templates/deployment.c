/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/common.h"
#include "templates/kinds.h"
#include "templates/pod.h"

/* Between a pod's readiness and the next step of a rollout: load balancers lag behind endpoints. */
#define MIN_READY_SECONDS 5

/* No pod ends before its successor takes traffic. */
static json_t *strategy(const struct meshgateway *gw)
{
    json_t *own = jx_object(gw->deployment, "strategy");
    if (own)
        return REF(own);
    return OBJ(F("type", STR("RollingUpdate")),
               F("rollingUpdate", OBJ(F("maxUnavailable", INT(0)), F("maxSurge", STR("25%")))));
}

json_t *deployment_render(const struct meshgateway *gw)
{
    const json_t *d = gw->deployment;
    json_t *spec = OBJ(FOPT("replicas", gw->replicas >= 0 ? INT(gw->replicas) : NULL),
                       F("selector", OBJ(F("matchLabels", common_selector(gw)))),
                       F("strategy", strategy(gw)),
                       F("minReadySeconds", INT(jx_int(d, "minReadySeconds", MIN_READY_SECONDS))),
                       FOPT("revisionHistoryLimit", REF(jx_get(d, "revisionHistoryLimit"))),
                       F("template", pod_template(gw)));
    return common_object(gw,
                         &object_deployment,
                         gw->name,
                         jx_object(d, "metadata.labels"),
                         jx_object(d, "metadata.annotations"),
                         spec);
}
