/* SPDX-License-Identifier: Apache-2.0 */
/* The pods of a gateway's Deployment. */
#pragma once

#include "data/meshgateway.h"

/* A PodTemplateSpec. New. */
json_t *pod_template(const struct meshgateway *gw);
/* Its labels alone. New. */
json_t *pod_labels(const struct meshgateway *gw);
