/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a control plane's ConfigMaps say to its gateways. istiod renders its own gateways from them;
 * an explicit pod takes the same values, so that both kinds belong to the same mesh. Pure.
 *
 * Read leniently: a field that is missing, or is not what it should be, says nothing. Only a text
 * that is no YAML at all is an error, since then nothing is known of the mesh.
 */
#pragma once

#include "data/config.h"

/* The two ConfigMaps of a control plane; the revision is appended: "istio-1-31". */
#define MESH_CONFIG_MAP   "istio"                  /* key mesh: Istio's MeshConfig */
#define MESH_INJECTOR_MAP "istio-sidecar-injector" /* key values: of istiod's chart */

struct mesh_source {
    const char *ns;              /* where istiod runs */
    const char *revision;        /* as gateways name it: a revision or a tag; "" is the default */
    const char *tagged_revision; /* the revision behind the tag; "" when it is none */
    const json_t *config_map;    /* the ConfigMaps; NULL when there is none */
    const json_t *injector_map;
};

/* Name of a ConfigMap of a revision; the revision "default" has none in it. The caller frees. */
char *mesh_map_name(const char *base, const char *revision);

/*
 * The configuration for gateways of this control plane: what the mesh says, over `base`, the
 * operator's own. `base` speaks of its own control plane: what it says of istiod's addresses is
 * not taken for another one.
 */
int mesh_configure(const struct config *base, const struct mesh_source *source, struct config *ret,
                   struct err *err) MUST_CHECK;
