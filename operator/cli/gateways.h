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

/* The rows of -f and --ignore-other-kinds for a command's option table; the member is the field. */
#define GATEWAYS_FILENAME_OPTION(type_, member_)                                                   \
    {                                                                                              \
        .name = "filename", .letter = 'f', .type = OPTIONS_LIST, .value = "FILE|DIR|-",            \
        .required = true, .offset = offsetof(type_, member_),                                      \
        .help = "what to read: a file, a folder with everything below it, or\n"                    \
                "\"-\" for standard input; may be repeated"                                        \
    }
#define GATEWAYS_OTHER_KINDS_OPTION(type_, member_)                                                \
    {                                                                                              \
        .name = "ignore-other-kinds", .type = OPTIONS_FLAG, .offset = offsetof(type_, member_),    \
        .help = "pass over documents that are not MeshGateways"                                    \
    }

/* Called for each valid gateway, in the order of the input; borrowed. */
typedef void gateways_each(void *arg, const struct meshgateway *gw);

/*
 * Reads everything, also after problems, each of which adds a "file:line: field.path: message" to
 * `problems`. -1: a file could not be read, or there is no MeshGateway at all; stderr says so.
 * `each` may be NULL.
 */
int gateways_read(const struct gateways_source *source, const struct config *config,
                  gateways_each *each, void *arg, struct strbuf *problems) MUST_CHECK;
