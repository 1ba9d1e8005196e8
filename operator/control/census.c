/* SPDX-License-Identifier: Apache-2.0 */
#include "control/census.h"

#include "base/metrics.h"
#include "base/now.h"

#include <string.h>

/* What control/status makes; a condition of somebody else's is none of these and is not counted. */
static const char *const types[CENSUS_TYPES] = {
    "Ready",
    "Accepted",
    "Programmed",
    "InjectionReady",
    "Available",
    "AddressAssigned",
    "HostsServed",
    "CertificatesReady",
    "UpToDate",
    "RedirectBypassed",
    "HostConflict",
};
static const char *const statuses[] = {"True", "False", "Unknown"};

/* The index, or -1. */
static int find(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

struct census_entry census_entry(const json_t *gateway)
{
    struct census_entry entry = {0};
    size_t i;
    const json_t *condition;
    json_array_foreach (jx_array(gateway, "status.conditions"), i, condition) {
        int type = find(types, ARRAY_LEN(types), jx_str(condition, "type", ""));
        int status = find(statuses, ARRAY_LEN(statuses), jx_str(condition, "status", ""));
        if (type < 0 || status < 0)
            continue;
        entry.statuses &= ~(3U << (2 * type));
        entry.statuses |= ((uint32_t)status + 1) << (2 * type);
        int64_t since;
        if (type == 0 && status != 0 &&
            now_parse_time(jx_str(condition, "lastTransitionTime", ""), &since) == 0)
            entry.not_ready_since = since;
    }
    return entry;
}

static void count(struct census *census, uint32_t entry, uint32_t by)
{
    for (size_t type = 0; type < CENSUS_TYPES; type++) {
        uint32_t status = entry >> (2 * type) & 3;
        if (status > 0)
            census->counts[type][status - 1] += by;
    }
}

void census_change(struct census *census, const struct census_entry *before,
                   const struct census_entry *now)
{
    count(census, before->statuses, (uint32_t)-1);
    count(census, now->statuses, 1);
}

void census_write(const struct census *census, struct strbuf *out)
{
    static const char name[] = "meshgateway_gateways_condition";
    metrics_write_gauge(out, name, "MeshGateways by the status of each condition.");
    for (size_t type = 0; type < CENSUS_TYPES; type++) {
        for (size_t status = 0; status < ARRAY_LEN(statuses); status++) {
            AUTO_FREE char *labels =
                xasprintf("type=\"%s\",status=\"%s\"", types[type], statuses[status]);
            metrics_write_sample(out, name, labels, census->counts[type][status]);
        }
    }
}
