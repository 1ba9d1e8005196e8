/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of the proxy's container. */
#pragma once

#include "data/meshgateway.h"

/* New; NULL when there is nothing to say (an injected pod gets the rest from istiod). */
json_t *env_render(const struct meshgateway *gw);
