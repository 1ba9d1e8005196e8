/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other people's Gateways and VirtualServices take away from a MeshGateway. It cannot be
 * beaten, only told. Texts are new, for people, NULL when there is no trouble.
 */
#pragma once

#include "control/router.h"

/*
 * The VirtualService that takes the request of an ACME server away from our route: private to the
 * gateway's namespace, older than ours, with a route for the path that does not catch all. key: of
 * the Istio Gateway that the route is bound to. Borrowed; of several the one that comes first.
 */
const struct istio_virtual_service *trouble_shadow(const struct router_gateway *gateway,
                                                   const struct istio *istio, const char *key,
                                                   const char *name, const char *token);
/* RedirectBypassed: such a one serves a host in clear text that shall be redirected. */
char *trouble_bypass(const struct router_gateway *gateway, const struct istio *istio);
/* HostConflict: another Gateway on the same pods has TLS for a host on the same port. */
char *trouble_conflict(const struct router_gateway *gateway, const struct istio *istio);
