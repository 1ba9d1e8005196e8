/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON is refused with a problem or rendered, and what is rendered is whole and repeatable. */
#include "fuzz.h"

#include "data/jx.h"
#include "templates/templates.h"

#include <stdlib.h>
#include <string.h>

static void check_rendered(const struct meshgateway *gw, const struct templates_live *live)
{
    struct templates_list list;
    templates_render(gw, live, &list);
    for (size_t i = 0; i < list.count; i++) {
        const json_t *object = list.items[i].object;
        json_auto_t *again =
            templates_render_one(gw, live, list.items[i].kind, object_name(object));
        if (!json_equal(object, again) || object_name(object)[0] == '\0')
            abort();
        AUTO_FREE char *text = jx_compact(object);
        AUTO_FREE char *other = jx_compact(again);
        if (strcmp(text, other) != 0)
            abort();
    }
    templates_list_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *object = jx_parse((const char *)data, size, NULL);
    if (!object)
        return 0;
    /* What no API server would keep makes the world. */
    const struct templates_live live = {.issued = jx_object(object, "live.issued"),
                                        .temporary = jx_array(object, "live.temporary"),
                                        .routes = jx_array(object, "live.routes"),
                                        .have_istio = true,
                                        .have_cert_manager = true};
    struct config config;
    config_init(&config);
    struct meshgateway gw;
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    if (templates_parse(object, &config, &gw, &problems) == 0) {
        check_rendered(&gw, NULL);
        check_rendered(&gw, &live);
        meshgateway_done(&gw);
    } else if (problems.count == 0) {
        abort();
    }
    config_done(&config);
    return 0;
}
