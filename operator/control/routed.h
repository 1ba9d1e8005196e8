/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A MeshGateway as the router sees it, out of the spec. Pure, and cheap, since all gateways are
 * asked for while a challenge is live; the result needs nothing of the MeshGateway any more.
 */
#pragma once

#include "control/router.h"
#include "data/meshgateway.h"

/*
 * New. `own` is one Gateway of both that may be rendered (templates/hosts.h), with the HTTPS of all
 * servers, as if all certificates were issued: those that are missing are the router's business.
 * What a server redirects is clear text there when a challenge would be taken out of the redirect.
 * Overlays of Gateway, Deployment and Service are in it; what plan.c keeps of an older Deployment
 * is not. A copy in an array for the router is good as long as this one.
 */
struct router_gateway *routed_of(const struct meshgateway *gw) __attribute__((returns_nonnull));
void routed_free(struct router_gateway *gateway);
