/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A MeshGateway as stored, with any status: the new one is applied over it once and says the same
 * afterwards. {"object": …, "deployment": …, "service": …}.
 */
#include "fuzz.h"

#include "control/facts.h"
#include "control/status.h"
#include "templates/templates.h"

#include <string.h>

static void set_child(struct store_gateway *known, const struct object_kind *kind,
                      const json_t *object)
{
    json_auto_t *facts = facts_of(kind, object);
    struct store_child *child = store_child_put(known, kind, "g");
    child->owned = true;
    if (facts)
        child->facts = jx_compact(facts);
}

static void check(const struct status_input *in)
{
    json_auto_t *status = status_make(in);
    json_auto_t *again = status_make(in);
    require(json_is_object(status) && json_equal(status, again));
    json_decref(status_surplus(in->object, status));
    json_auto_t *stored = json_deep_copy(in->object);
    json_object_set(stored, "status", status);
    require(status_same(stored, status));
    json_auto_t *nothing = status_surplus(stored, status);
    require(!nothing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *input = jx_parse((const char *)data, size, NULL);
    json_t *object = json_object_get(input, "object");
    if (!json_is_object(object))
        return 0;
    struct store store = {.gateways = NULL};
    struct store_gateway *known = store_put(&store, object);
    json_auto_t *kept = store_object(known);
    require(kept != NULL);
    set_child(known, &object_deployment, json_object_get(input, "deployment"));
    set_child(known, &object_service, json_object_get(input, "service"));
    struct config config;
    config_init(&config);
    struct meshgateway gw;
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    const struct certs_told certs = {.bypass = NULL};
    struct status_input in = {
        .object = object, .problems = &problems, .known = known, .certs = &certs, .now = 1};
    bool valid = templates_parse(object, &config, &gw, &problems) == 0;
    if (valid)
        in.gw = &gw;
    check(&in);
    if (valid)
        meshgateway_done(&gw);
    config_done(&config);
    store_done(&store);
    return 0;
}
