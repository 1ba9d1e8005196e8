/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of Istio's Helm chart `gateway` (manifests/charts/gateway in istio/istio) to a MeshGateway
 * that runs the gateway as the chart with these values does, the chart's defaults included.
 */
#pragma once

#include "data/problems.h"

#include <jansson.h>

/* What the values do not say; borrowed. */
struct convert_helm_target {
    const char *name; /* the release's; NULL: the values must say it */
    const char *ns;   /* NULL: none in the result */
    const char *type; /* ingress, egress */
};

/*
 * A new MeshGateway, to be validated as that of convert_imgw is. The values are an object. notes:
 * as there. The pods keep the labels `app` and `istio`, by which Istio's Gateways select them.
 */
json_t *convert_helm(json_t *values, const struct convert_helm_target *target,
                     struct problems *notes);
