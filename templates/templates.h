/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendering: from a MeshGateway to the Kubernetes objects it stands for. Pure functions; the same
 * struct in gives the same bytes out, in the operator and offline. What is not in the
 * struct is in `live`. One file a kind; how to add one: templates/README.md.
 */
#pragma once

#include "data/meshgateway.h"
#include "data/object.h"
#include "templates/live.h"

/* One object that a gateway wants. Its inner parts may be shared with the gateway's spec. */
struct templates_item {
    const struct object_kind *kind;
    json_t *object; /* owned */
};

struct templates_list {
    struct templates_item *items;
    size_t count;
};

/* The kinds that every cluster serves, in the order in which they are applied; NULL at the end. */
extern const struct object_kind *const templates_kinds[];
/* Those that come with Istio and cert-manager, and may come later or never; NULL at the end. */
extern const struct object_kind *const templates_optional_kinds[];
bool templates_is_optional(const struct object_kind *kind);
/* Whether objects of the kind can be there at all; what cannot be is not rendered. */
bool templates_is_served(const struct object_kind *kind, const struct templates_live *live);

/*
 * meshgateway_parse, and what only rendering can tell to be wrong: overlays that do not apply to
 * what is rendered when all certificates are issued. Only a gateway that comes from here may be
 * rendered.
 */
int templates_parse(json_t *object, const struct config *config, struct meshgateway *ret,
                    struct problems *problems) MUST_CHECK;
/*
 * All objects of a gateway: the kinds in the order above, those of one kind in the order of the
 * spec. `live` may be NULL. Free with templates_list_done.
 */
void templates_render(const struct meshgateway *gw, const struct templates_live *live,
                      struct templates_list *ret);
/* One of them, new; NULL when the gateway wants no such object. Renders no other. */
json_t *templates_render_one(const struct meshgateway *gw, const struct templates_live *live,
                             const struct object_kind *kind, const char *name);
void templates_list_done(struct templates_list *list);
