/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's container, and the volumes that it needs in its pod. */
#pragma once

#include "data/meshgateway.h"

/* The container istio-proxy. New. */
json_t *container_render(const struct meshgateway *gw);
/* The pod's volumes: what an explicit proxy mounts, and the spec's. New; NULL when there are none.
 */
json_t *container_volumes(const struct meshgateway *gw);
