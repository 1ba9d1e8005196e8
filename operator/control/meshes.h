/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control planes that gateways belong to, and what each says to its gateways: istiod's two
 * ConfigMaps, watched by name, over the operator's own configuration (data/mesh.h). A control plane
 * is watched from the first gateway that asks for it.
 *
 * Where there are no such ConfigMaps, the operator's configuration holds. Where they cannot be
 * read, nothing is known, and gateways are left as they are: guessing would replace all their pods.
 */
#pragma once

#include "control/injectors.h"
#include "data/config.h"

struct meshes;

struct meshes_options {
    struct loop *loop;
    struct kube *kube; /* NULL: nothing is watched, the operator's configuration is all there is */
    const struct config *config; /* the operator's own; borrowed */
    struct injectors *injectors; /* knows the tags; borrowed */
    /* What a control plane says changed, or is known now; NULL, NULL: of any. */
    void (*changed)(void *arg, const char *ns, const char *revision);
    void *arg;
};

struct meshes *meshes_new(const struct meshes_options *options);
void meshes_free(struct meshes *meshes);

/*
 * The configuration for a gateway, borrowed until the next turn of the loop. NULL while it is not
 * known; then err->kind is ERR_NONE when it will be soon, else err says what is in the way.
 */
const struct config *meshes_config(struct meshes *meshes, const json_t *gateway, struct err *err);
/* The operator's own, for what does not depend on the mesh: whether a spec is valid. */
const struct config *meshes_base(const struct meshes *meshes);

/* Every control plane that was asked for is known by now, or known to be out of reach. */
bool meshes_settled(const struct meshes *meshes);
/* Looks at the tags again. */
void meshes_tags_changed(struct meshes *meshes);
/* Stops watching those for which `used` is false. */
void meshes_keep(struct meshes *meshes,
                 bool (*used)(void *arg, const char *ns, const char *revision), void *arg);
/* How many are watched. */
size_t meshes_count(const struct meshes *meshes);
