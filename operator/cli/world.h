/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Istio and cert-manager have in the cluster for gateways of one namespace: what the operator
 * follows by watches (control/certs.h), asked for once.
 */
#pragma once

#include "cli/cluster.h"
#include "control/issuance.h"
#include "control/istio.h"
#include "data/meshgateway.h"
#include "templates/live.h"

struct world {
    struct issuance issuance;
    struct istio istio;
    json_t *items; /* owned; by kind, objects of the kinds of templates_optional_kinds */
    bool have_istio, have_cert_manager;
    struct err err; /* why not all of it is known; else of kind ERR_NONE */
};

/*
 * others: also what the Gateways of other namespaces do to the same pods and, while a challenge is
 * live, the VirtualServices; as far as they may be read. world_done is due in any case.
 */
void world_read(struct cluster *cluster, const char *ns, bool others, struct world *ret);
void world_done(struct world *world);

bool world_serves(const struct world *world, const struct object_kind *kind);
/*
 * As the operator would have it now. told: status.certificates of the gateway in the cluster, NULL
 * when there is none. certs_live_done is due.
 */
void world_live(const struct world *world, const struct meshgateway *gw, const json_t *told,
                struct templates_live *ret);
/* Names of the objects of an optional kind that the gateway with this uid controls; a new array. */
json_t *world_children(const struct world *world, const struct object_kind *kind, const char *uid);
