/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security contexts that keep the "restricted" Pod Security Standard, except on the host's network
 * and for gateways that ask for root. A context in the spec replaces ours as a whole: merging would
 * leave no way to take something out.
 */
#pragma once

#include "data/meshgateway.h"

/* Of the proxy's container. New. */
json_t *security_container(const struct meshgateway *gw);
/* Of the pod. New. */
json_t *security_pod(const struct meshgateway *gw);
