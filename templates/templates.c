/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/templates.h"

#include "templates/kinds.h"
#include "templates/overlay.h"

#include <stdlib.h>
#include <string.h>

/* A kind of which a gateway has one object at most has `one`, the others `many`. */
struct row {
    const struct object_kind *kind;
    json_t *(*one)(const struct meshgateway *gw);
    json_t *(*many)(const struct meshgateway *gw, const struct templates_live *live,
                    const char *name);
};

static const struct row rows[] = {
    {&object_service_account, serviceaccount_render, NULL},
    {&object_role_binding, rolebinding_render, NULL},
    {&object_deployment, deployment_render, NULL},
    {&object_service, service_render, NULL},
    {&object_hpa, hpa_render, NULL},
    {&object_pdb, pdb_render, NULL},
    {&object_gateway, NULL, gateway_render},
    {&object_virtual_service, NULL, virtualservice_render},
    {&object_issuer, NULL, issuer_render},
    {&object_certificate, NULL, certificate_render},
};

const struct object_kind *const templates_kinds[] = {
    &object_service_account,
    &object_role_binding,
    &object_deployment,
    &object_service,
    &object_hpa,
    &object_pdb,
    NULL,
};

const struct object_kind *const templates_optional_kinds[] = {
    &object_gateway,
    &object_virtual_service,
    &object_issuer,
    &object_certificate,
    NULL,
};

_Static_assert(ARRAY_LEN(rows) + 2 ==
                   ARRAY_LEN(templates_kinds) + ARRAY_LEN(templates_optional_kinds),
               "one row a kind");

bool templates_is_optional(const struct object_kind *kind)
{
    for (size_t i = 0; templates_optional_kinds[i]; i++)
        if (templates_optional_kinds[i] == kind)
            return true;
    return false;
}

bool templates_is_served(const struct object_kind *kind, const struct templates_live *live)
{
    if (!live)
        return true;
    if (kind->group == object_gateway.group)
        return live->have_istio;
    return kind->group != object_issuer.group || live->have_cert_manager;
}

static void add(struct templates_list *list, const struct meshgateway *gw,
                const struct object_kind *kind, json_t *object, struct problems *problems)
{
    list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] =
        (struct templates_item){kind, overlay_apply(gw, kind, object, problems)};
}

/* The objects of a kind or, with a name, that one at most. */
static void render(const struct meshgateway *gw, const struct templates_live *live,
                   const struct row *row, const char *name, struct templates_list *list,
                   struct problems *problems)
{
    if (!templates_is_served(row->kind, live))
        return;
    if (row->one) {
        json_auto_t *object = row->one(gw);
        if (object && kinds_wants(name, object_name(object)))
            add(list, gw, row->kind, TAKE(object), problems);
        return;
    }
    json_auto_t *objects = row->many(gw, live, name);
    size_t i;
    json_t *object;
    json_array_foreach (objects, i, object)
        add(list, gw, row->kind, json_incref(object), problems);
}

static void check_overlays(const struct meshgateway *gw, struct problems *problems)
{
    const struct object_kind *rendered[ARRAY_LEN(rows)];
    size_t count = 0;
    for (size_t i = 0; gw->overlays && i < ARRAY_LEN(rows); i++) {
        struct templates_list list = {.items = NULL};
        render(gw, NULL, &rows[i], NULL, &list, problems);
        if (list.count > 0)
            rendered[count++] = rows[i].kind;
        templates_list_done(&list);
    }
    overlay_check_kinds(gw, rendered, count, problems);
}

int templates_parse(json_t *object, const struct config *config, struct meshgateway *ret,
                    struct problems *problems)
{
    struct meshgateway gw;
    AUTO_PROBLEMS struct problems found = PROBLEMS_INIT;
    if (meshgateway_parse(object, config, &gw, problems) < 0)
        return -1;
    check_overlays(&gw, &found);
    if (found.count == 0) {
        *ret = gw;
        return 0;
    }
    for (size_t i = 0; i < found.count; i++)
        problems_add(problems, found.items[i].path, "%s", found.items[i].message);
    meshgateway_done(&gw);
    return -1;
}

/*
 * templates_parse has seen to it that overlays apply; but for one that needs what the live world
 * does not have yet, a server whose certificate is missing, and it waits for that.
 */
void templates_render(const struct meshgateway *gw, const struct templates_live *live,
                      struct templates_list *ret)
{
    AUTO_PROBLEMS struct problems waiting = PROBLEMS_INIT;
    *ret = (struct templates_list){.items = NULL};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        render(gw, live, &rows[i], NULL, ret, &waiting);
}

json_t *templates_render_one(const struct meshgateway *gw, const struct templates_live *live,
                             const struct object_kind *kind, const char *name)
{
    AUTO_PROBLEMS struct problems waiting = PROBLEMS_INIT;
    struct templates_list list = {.items = NULL};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].kind == kind)
            render(gw, live, &rows[i], name, &list, &waiting);
    json_t *object = list.count > 0 ? json_incref(list.items[0].object) : NULL;
    templates_list_done(&list);
    return object;
}

void templates_list_done(struct templates_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        json_decref(list->items[i].object);
    free(list->items);
    *list = (struct templates_list){.items = NULL};
}
