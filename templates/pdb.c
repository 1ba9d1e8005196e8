/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/common.h"
#include "templates/kinds.h"

/*
 * With a single pod a budget blocks the draining of its node for good, so there is one only where
 * two pods are certain, or where the spec asks for it.
 */
json_t *pdb_render(const struct meshgateway *gw)
{
    if (!gw->disruption && gw->min_replicas < 2)
        return NULL;
    json_t *spec = OBJ(F("selector", OBJ(F("matchLabels", common_selector(gw)))));
    if (!jx_get(gw->disruption, "minAvailable") && !jx_get(gw->disruption, "maxUnavailable"))
        json_object_set_new(spec, "maxUnavailable", INT(1));
    jx_update(spec, gw->disruption);
    return common_object(gw, &object_pdb, gw->name, NULL, NULL, spec);
}
