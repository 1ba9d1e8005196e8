/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec.proxy: which control plane a gateway belongs to, and what its proxy is told. The spec wins
 * over the mesh, the mesh over the operator's configuration (the two come merged, see data/mesh.h).
 */
#pragma once

#include "data/config.h"

#include <stdbool.h>

/* The control plane that a gateway names; borrowed from the gateway and the configuration. */
struct proxy_control_plane {
    const char *ns;       /* where istiod runs */
    const char *revision; /* or a tag; "" is the default one */
    bool injected;        /* istiod fills in the pods, so its ConfigMaps are its own affair */
};

/* Whether this names the default control plane, which has no revision in the names of its objects.
 */
bool proxy_is_default(const char *revision);
/* Of a MeshGateway as it is stored or written; tolerates anything. */
void proxy_control_plane(const json_t *gateway, const struct config *config,
                         struct proxy_control_plane *ret);

/* Fills in spec.proxy of a canonical spec (data/fold.h), and what the mesh says of its image. */
void proxy_merge(json_t *spec, const struct config *config);

/* Sets a field that is not set yet. Steals the value; NULL, "", {} and [] are nothing. */
void proxy_set_default(json_t *spec, const char *path, json_t *value);
