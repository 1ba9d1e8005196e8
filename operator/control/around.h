/* SPDX-License-Identifier: Apache-2.0 */
/* What gateways depend on beside themselves and their children. All borrowed. */
#pragma once

struct around {
    struct meshes *meshes;       /* what the mesh says to its gateways */
    struct injectors *injectors; /* whether injected pods are filled in */
    struct certs *certs;         /* certificates and challenges; NULL: there are no such APIs */
    struct rolls *rolls;         /* who may replace its pods now */
};
