/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a control plane's ConfigMaps say, in the shape in which the API server has them: {"istio":
 * …, "injector": …}. Whatever it is, gateways are rendered with it, or it is an error.
 */
#include "fuzz.h"

#include "data/jx.h"
#include "data/mesh.h"
#include "templates/templates.h"

#include <string.h>

static void render(const struct config *config, const char *mode)
{
    json_auto_t *object =
        OBJ(F("metadata", OBJ(F("name", STR("g")), F("namespace", STR("default")))),
            F("spec",
              OBJ(F("type", STR("ingress")),
                  F("proxy", OBJ(F("mode", STR(mode)))),
                  F("ports", ARR(OBJ(F("name", STR("http")), F("port", INT(80))))))));
    struct meshgateway gw;
    struct templates_list list;
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    if (templates_parse(object, config, &gw, &problems) < 0) {
        require(problems.count > 0);
        return;
    }
    templates_render(&gw, NULL, &list);
    for (size_t i = 0; i < list.count; i++)
        require(list.items[i].object != NULL);
    templates_list_done(&list);
    meshgateway_done(&gw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *input = jx_parse((const char *)data, size, NULL);
    if (!input)
        return 0;
    const struct mesh_source source = {.ns = "istio-system",
                                       .revision = jx_str(input, "revision", ""),
                                       .tagged_revision = "",
                                       .config_map = jx_object(input, "istio"),
                                       .injector_map = jx_object(input, "injector")};
    struct config base, config, again;
    struct err err = {.kind = ERR_NONE};
    config_init(&base);
    if (mesh_configure(&base, &source, &config, &err) == 0) {
        require(mesh_configure(&config, &source, &again, &err) == 0);
        require(config_equal(&config, &again));
        render(&config, "Explicit");
        render(&config, "Injected");
        config_done(&again);
        config_done(&config);
    } else {
        require(err.kind != ERR_NONE);
    }
    config_done(&base);
    return 0;
}
