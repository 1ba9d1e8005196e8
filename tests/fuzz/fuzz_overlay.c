/* SPDX-License-Identifier: Apache-2.0 */
/*
 * {"object": …, "patch": …}: the patch as each type, on the object and as an overlay of each kind.
 * It applies, the same each time and with its inputs untouched, or there is a problem.
 */
#include "fuzz.h"

#include "data/jsonmerge.h"
#include "data/jsonpatch.h"
#include "data/jx.h"
#include "data/strategicmerge.h"
#include "templates/templates.h"

static void apply_all(const json_t *object, const json_t *patch)
{
    AUTO_PROBLEMS struct problems of_json = PROBLEMS_INIT;
    json_auto_t *patched = jsonpatch_apply(object, patch, NULL, &of_json);
    require((patched != NULL) == (of_json.count == 0));
    for (size_t i = 0; templates_kinds[i]; i++) {
        AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
        json_auto_t *merged =
            strategicmerge_apply(templates_kinds[i], object, patch, NULL, &problems);
        require((merged != NULL) == (problems.count == 0));
    }
    json_auto_t *once = jsonmerge_apply(object, patch);
    json_auto_t *twice = jsonmerge_apply(once, patch);
    require(json_equal(once, twice));
}

static void check_rendered(const struct meshgateway *gw, const struct object_kind *kind)
{
    struct templates_list once, again;
    templates_render(gw, NULL, &once);
    templates_render(gw, NULL, &again);
    bool found = false;
    require(once.count == again.count);
    for (size_t i = 0; i < once.count; i++) {
        require(json_equal(once.items[i].object, again.items[i].object));
        found = found || once.items[i].kind == kind;
    }
    require(found);
    templates_list_done(&once);
    templates_list_done(&again);
}

static void overlay(const struct object_kind *kind, const char *type, const json_t *patch)
{
    struct config config;
    config_init(&config);
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct meshgateway gw;
    json_auto_t *server =
        OBJ(F("hosts", ARR(STR("a.example.com"))), F("tls", OBJ(F("certificate", json_object()))));
    json_auto_t *gateway = OBJ(F("metadata", OBJ(F("name", STR("g")), F("uid", STR("u")))),
                               F("spec",
                                 OBJ(F("type", STR("ingress")),
                                     F("ports",
                                       ARR(OBJ(F("name", STR("http")), F("port", INT(80))),
                                           OBJ(F("name", STR("https")), F("port", INT(443))))),
                                     F("minReplicas", INT(2)),
                                     F("acme", OBJ(F("server", STR("letsencrypt")))),
                                     F("servers", ARR(REF(server))),
                                     F("overlays",
                                       ARR(OBJ(F("kind", STR(kind->kind)),
                                               F("type", STR(type)),
                                               F("patch", json_deep_copy(patch))))))));
    if (templates_parse(gateway, &config, &gw, &problems) == 0) {
        check_rendered(&gw, kind);
        meshgateway_done(&gw);
    } else {
        require(problems.count > 0);
    }
    config_done(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"StrategicMerge", "JSONMerge", "JSONPatch"};
    json_auto_t *input = jx_parse((const char *)data, size, NULL);
    const json_t *object = json_object_get(input, "object");
    const json_t *patch = json_object_get(input, "patch");
    if (!json_is_object(object) || !patch)
        return 0;
    json_auto_t *before = json_deep_copy(input);
    apply_all(object, patch);
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        for (size_t i = 0; templates_kinds[i]; i++)
            overlay(templates_kinds[i], types[t], patch);
        for (size_t i = 0; templates_optional_kinds[i]; i++)
            overlay(templates_optional_kinds[i], types[t], patch);
    }
    require(json_equal(input, before));
    return 0;
}
