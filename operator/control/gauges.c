/* SPDX-License-Identifier: Apache-2.0 */
#include "control/gauges.h"

#include "base/metrics.h"
#include "base/now.h"
#include "control/fights.h"

/* Seconds for which the gateway that is not ready for the longest time is not; 0: all are. */
static double longest_not_ready(const struct store *store)
{
    int64_t now = now_wall_us(), oldest = now;
    struct store_gateway *gw, *next;
    HASH_ITER (hh, store->gateways, gw, next)
        if (gw->census.not_ready_since > 0 && gw->census.not_ready_since < oldest)
            oldest = gw->census.not_ready_since;
    return (double)(now - oldest) / 1e6;
}

static void refresh(void *arg)
{
    const struct store *store = arg;
    metrics_set(metrics_gauge("meshgateway_gateways", "MeshGateways known.", NULL),
                HASH_COUNT(store->gateways));
    metrics_set(metrics_gauge("meshgateway_contested_objects",
                              "Objects that somebody else keeps changing back.",
                              NULL),
                (double)fights_count(store));
    metrics_set(metrics_gauge("meshgateway_gateways_not_ready_longest_seconds",
                              "How long the MeshGateway is not Ready that is so for longest.",
                              NULL),
                longest_not_ready(store));
}

static void write_census(void *arg, struct strbuf *out)
{
    const struct store *store = arg;
    census_write(&store->census, out);
}

void gauges_register(const struct store *store)
{
    void *arg = (void *)(uintptr_t)store;
    metrics_on_render(refresh, arg);
    metrics_on_write(write_census, arg);
}

void gauges_unregister(const struct store *store)
{
    metrics_off_render(refresh, store);
    metrics_off_write(write_census, store);
}
