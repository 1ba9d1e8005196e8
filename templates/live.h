/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rendering needs to know of the live world beside the spec; whoever renders passes it in, so
 * the templates stay pure. Where it is NULL nobody knows any world, as offline: every certificate
 * counts as issued, there are no challenges, and all APIs are served.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct templates_live {
    /*
     * An object whose members are named after the Certificates of the gateway that have been issued
     * once; the values do not matter. Who has been in it stays in it.
     */
    const json_t *issued;
    /*
     * An array, NULL for none, of servers' names: their Certificates ask for a temporary
     * certificate, which serves until the first is issued.
     */
    const json_t *temporary;
    /*
     * An array of the routes that the gateway's live HTTP-01 challenges take, in an order that does
     * not change by itself: {dnsName, token, service, namespace, port}, of the Service of the
     * solver; and where they are needed
     *   host     of the VirtualService, a wildcard above dnsName
     *   gateway  "namespace/name" of somebody else's Istio Gateway that it comes to
     *   https    true: it has to be answered on every port, not on 80 only
     */
    const json_t *routes;
    bool have_istio;        /* networking.istio.io/v1 is served */
    bool have_cert_manager; /* cert-manager.io/v1 is served */
};
