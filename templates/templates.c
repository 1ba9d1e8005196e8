/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/templates.h"

#include "templates/kinds.h"
#include "templates/overlay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* In step with templates_kinds. */
static json_t *(*const render[])(const struct meshgateway *gw) = {
    serviceaccount_render,
    rolebinding_render,
    deployment_render,
    service_render,
    hpa_render,
    pdb_render,
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

_Static_assert(ARRAY_LEN(render) + 1 == ARRAY_LEN(templates_kinds), "one function a kind");

static json_t *render_kind(const struct meshgateway *gw, size_t i, struct problems *problems)
{
    json_t *object = render[i](gw);
    return object ? overlay_apply(gw, templates_kinds[i], object, problems) : NULL;
}

static void check_overlays(const struct meshgateway *gw, struct problems *problems)
{
    const struct object_kind *rendered[ARRAY_LEN(render)];
    size_t count = 0;
    for (size_t i = 0; gw->overlays && i < ARRAY_LEN(render); i++) {
        json_auto_t *object = render_kind(gw, i, problems);
        if (object)
            rendered[count++] = templates_kinds[i];
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

void templates_render(const struct meshgateway *gw, struct templates_list *ret)
{
    AUTO_PROBLEMS struct problems none = PROBLEMS_INIT;
    *ret = (struct templates_list){.items = xcalloc(ARRAY_LEN(render), sizeof(*ret->items))};
    for (size_t i = 0; i < ARRAY_LEN(render); i++) {
        json_t *object = render_kind(gw, i, &none);
        if (object)
            ret->items[ret->count++] = (struct templates_item){templates_kinds[i], object};
    }
    assert(none.count == 0); /* templates_parse has seen to it */
}

json_t *templates_render_one(const struct meshgateway *gw, const struct object_kind *kind,
                             const char *name)
{
    AUTO_PROBLEMS struct problems none = PROBLEMS_INIT;
    for (size_t i = 0; i < ARRAY_LEN(render); i++) {
        if (templates_kinds[i] != kind)
            continue;
        json_auto_t *object = render_kind(gw, i, &none);
        assert(none.count == 0); /* templates_parse has seen to it */
        if (object && strcmp(object_name(object), name) == 0)
            return json_incref(object);
    }
    return NULL;
}

void templates_list_done(struct templates_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        json_decref(list->items[i].object);
    free(list->items);
    *list = (struct templates_list){.items = NULL};
}
