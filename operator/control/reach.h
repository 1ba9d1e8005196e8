/* SPDX-License-Identifier: Apache-2.0 */
/* Which servers of which Istio Gateways a name comes to on the pods of which MeshGateways. */
#pragma once

#include "control/router.h"

struct reach_host;

struct reach_index {
    const struct router_input *input;
    struct reach_host *hosts; /* of our own Gateways, that live challenges come to */
    struct multimap own;      /* "namespace/host" that covers one → struct reach_host */
    struct multimap labels;   /* "key=value" that selectors of others' Gateways ask for */
    struct multimap selected; /* "namespace/key=value" → struct router_gateway */
    struct multimap anywhere; /* hosts of our own Gateways; made when it is asked for */
};

/* A host of a server covers the name. */
struct reach {
    const struct router_gateway *gateway;
    const struct istio_server *server;
    const char *host;   /* as the server has it */
    unsigned int depth; /* 0: the name itself, then one more for each label that a wildcard drops */
};

struct reach_list {
    struct reach *items;
    size_t count;
    size_t cap;
};

void reach_index_init(struct reach_index *index, const struct router_input *input);
void reach_index_done(struct reach_index *index);

/*
 * All servers that the name comes to in the namespace, by name of the MeshGateway, then depth, then
 * Gateway and host. The list is emptied first; free(items) at the end.
 */
void reach_find(const struct reach_index *index, const char *ns, const char *name,
                struct reach_list *list);
/* Whether some MeshGateway's own Gateway serves the name, whatever its namespace. */
bool reach_is_anywhere(struct reach_index *index, const char *name);
