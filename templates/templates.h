/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendering: from a MeshGateway to the Kubernetes objects it stands for. Pure functions; the same
 * struct in gives the same bytes out, in the operator and offline. One file a kind; how to add one:
 * templates/README.md.
 */
#pragma once

#include "data/meshgateway.h"
#include "data/object.h"

/* One object that a gateway wants. Its inner parts may be shared with the gateway's spec. */
struct templates_item {
    const struct object_kind *kind;
    json_t *object; /* owned */
};

struct templates_list {
    struct templates_item *items;
    size_t count;
};

/* The kinds there are, in the order in which they are applied and printed; NULL at the end. */
extern const struct object_kind *const templates_kinds[];

/*
 * meshgateway_parse, and what only rendering can tell to be wrong: overlays that do not apply. Only
 * a gateway that comes from here may be rendered.
 */
int templates_parse(json_t *object, const struct config *config, struct meshgateway *ret,
                    struct problems *problems) MUST_CHECK;
/* All objects of a gateway, in the order of templates_kinds. Free with templates_list_done. */
void templates_render(const struct meshgateway *gw, struct templates_list *ret);
/* One of them, new; NULL when the gateway wants no such object. */
json_t *templates_render_one(const struct meshgateway *gw, const struct object_kind *kind,
                             const char *name);
void templates_list_done(struct templates_list *list);
