/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/pod.h"

#include "data/jx.h"
#include "templates/common.h"
#include "templates/container.h"
#include "templates/security.h"

#include <stdlib.h>

/* How long a pod may take to end, beyond the time in which its connections drain. */
#define GRACE_SECONDS 15

json_t *pod_labels(const struct meshgateway *gw)
{
    /* A gateway is no workload of an ambient mesh: nothing may redirect its traffic. */
    json_auto_t *defaults =
        OBJ(F("istio.io/dataplane-mode", STR("none")),
            F("sidecar.istio.io/inject", STR(gw->injected ? "true" : "false")),
            FOPT("service.istio.io/canonical-name", gw->injected ? NULL : STR(gw->name)),
            FOPT("service.istio.io/canonical-revision", gw->injected ? NULL : STR("latest")),
            FOPT("topology.istio.io/network", gw->network[0] ? STR(gw->network) : NULL));
    return common_labels(gw, defaults, jx_object(gw->deployment, "podMetadata.labels"));
}

static json_t *text_or_null(const char *text)
{
    return text[0] ? STR(text) : NULL;
}

/* What the webhook reads: its template, and what it would otherwise take from the mesh. */
static json_t *injection_annotations(const struct meshgateway *gw)
{
    AUTO_FREE char *proxy_config = jx_canonical(gw->proxy_config);
    return OBJ(F("inject.istio.io/templates", STR("gateway")),
               F("sidecar.istio.io/inject", STR("true")),
               F("proxy.istio.io/config", STR(proxy_config)),
               FOPT("sidecar.istio.io/proxyImage", text_or_null(gw->image)),
               FOPT("sidecar.istio.io/logLevel", text_or_null(gw->log_level)),
               FOPT("sidecar.istio.io/componentLogLevel", text_or_null(gw->component_log_level)));
}

static json_t *annotations(const struct meshgateway *gw)
{
    /* The revision is here so that another control plane, also behind a tag, rolls the pods. */
    json_t *all =
        gw->injected
            ? injection_annotations(gw)
            : OBJ(F("istio.io/rev", STR(gw->control_plane[0] ? gw->control_plane : "default")));
    json_auto_t *prometheus = OBJ(F("prometheus.io/path", STR("/stats/prometheus")),
                                  F("prometheus.io/port", STR("15020")),
                                  F("prometheus.io/scrape", STR("true")));
    jx_update(all, prometheus);
    jx_update(all, jx_object(gw->deployment, "podMetadata.annotations"));
    return all;
}

static json_t *containers(const struct meshgateway *gw)
{
    json_t *list = ARR(container_render(gw));
    json_array_extend(list, jx_array(gw->deployment, "containers"));
    return list;
}

/* Fields of the group `deployment` that a PodSpec has under the same name. */
static const char *const same_fields[] = {
    "affinity",
    "dnsConfig",
    "dnsPolicy",
    "hostAliases",
    "hostNetwork",
    "imagePullSecrets",
    "initContainers",
    "nodeSelector",
    "priorityClassName",
    "runtimeClassName",
    "tolerations",
    "topologySpreadConstraints",
};

static json_t *pod_spec(const struct meshgateway *gw)
{
    json_t *spec = OBJ(F("serviceAccountName", STR(gw->service_account)),
                       F("securityContext", security_pod(gw)),
                       F("terminationGracePeriodSeconds", INT(gw->drain_seconds + GRACE_SECONDS)),
                       F("containers", containers(gw)),
                       FOPT("volumes", container_volumes(gw)));
    for (size_t i = 0; i < ARRAY_LEN(same_fields); i++)
        jx_set(spec, same_fields[i], REF(jx_get(gw->deployment, same_fields[i])));
    return spec;
}

json_t *pod_template(const struct meshgateway *gw)
{
    return OBJ(F("metadata", OBJ(F("labels", pod_labels(gw)), F("annotations", annotations(gw)))),
               F("spec", pod_spec(gw)));
}
