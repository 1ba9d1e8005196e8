/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator in a cluster would take from istiod's ConfigMaps for a gateway: the same rules
 * as control/meshes.h, asked once instead of followed.
 */
#pragma once

#include "cli/cluster.h"
#include "data/config.h"

struct clustermesh;

/* Both are borrowed. */
struct clustermesh *clustermesh_new(struct cluster *cluster, const struct config *base);
void clustermesh_free(struct clustermesh *meshes);
/* For this gateway, borrowed; NULL when it cannot be read. Each control plane is asked once. */
const struct config *clustermesh_config(struct clustermesh *meshes, const json_t *gateway,
                                        struct err *err);
