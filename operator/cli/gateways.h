/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MeshGateways that the input of a command holds: the road from -f to `struct meshgateway`,
 * shared by the commands that work without a cluster. Lists are unpacked, other kinds refused or
 * left out, a missing namespace filled in.
 */
#pragma once

#include "base/strbuf.h"
#include "cli/options.h"
#include "data/meshgateway.h"

struct gateways_source {
    struct options_list paths; /* of -f */
    const char *ns;            /* for documents that name no namespace */
    bool ignore_other_kinds;
};

/* Called for each valid gateway, in the order of the input; borrowed. */
typedef void gateways_each(void *arg, const struct meshgateway *gw);

/*
 * Reads everything, also after problems, each of which adds a "file:line: field.path: message" to
 * `problems`. -1: a file could not be read, or there is no MeshGateway at all; stderr says so.
 * `each` may be NULL.
 */
int gateways_read(const struct gateways_source *source, const struct config *config,
                  gateways_each *each, void *arg, struct strbuf *problems) MUST_CHECK;
