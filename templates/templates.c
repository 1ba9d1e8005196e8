/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/templates.h"

#include "templates/kinds.h"

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

void templates_render(const struct meshgateway *gw, struct templates_list *ret)
{
    *ret = (struct templates_list){.items = xcalloc(ARRAY_LEN(render), sizeof(*ret->items))};
    for (size_t i = 0; i < ARRAY_LEN(render); i++) {
        json_t *object = render[i](gw);
        if (object)
            ret->items[ret->count++] = (struct templates_item){templates_kinds[i], object};
    }
}

json_t *templates_render_one(const struct meshgateway *gw, const struct object_kind *kind,
                             const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(render); i++) {
        if (templates_kinds[i] != kind)
            continue;
        json_auto_t *object = render[i](gw);
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
