/* SPDX-License-Identifier: Apache-2.0 */
#include "control/members.h"

#include "data/proxy.h"

#include <string.h>

static bool belongs(const struct members *members, const struct store_gateway *gw, const char *ns,
                    const char *revision)
{
    struct proxy_control_plane plane;
    json_auto_t *object = store_object(gw);
    proxy_control_plane(object, members->config, &plane);
    return strcmp(plane.ns, ns) == 0 && strcmp(plane.revision, revision) == 0;
}

bool members_any(const struct members *members, const char *ns, const char *revision)
{
    struct store_gateway *gw, *next;
    HASH_ITER (hh, members->store->gateways, gw, next)
        if (belongs(members, gw, ns, revision))
            return true;
    return false;
}

void members_queue(const struct members *members, const char *ns, const char *revision,
                   struct queue *queue)
{
    struct store_gateway *gw, *next;
    HASH_ITER (hh, members->store->gateways, gw, next)
        if (belongs(members, gw, ns, revision))
            queue_add(queue, gw->key, QUEUE_BACKGROUND);
}

void members_queue_injected(const struct members *members, struct queue *queue)
{
    struct store_gateway *gw, *next;
    HASH_ITER (hh, members->store->gateways, gw, next) {
        struct proxy_control_plane plane;
        json_auto_t *object = store_object(gw);
        proxy_control_plane(object, members->config, &plane);
        if (plane.injected)
            queue_add(queue, gw->key, QUEUE_NORMAL);
    }
}
