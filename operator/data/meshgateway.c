/* SPDX-License-Identifier: Apache-2.0 */
#include "data/meshgateway.h"

#include "data/fold.h"
#include "data/jx.h"
#include "data/proxy.h"
#include "data/rules.h"
#include "data/servercheck.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DRAIN_SECONDS     30
#define DRAIN_SECONDS_MAX 3600

static void check_enum(const json_t *spec, const char *path, const char *const *allowed,
                       struct problems *problems)
{
    const char *value = jx_str(spec, path, NULL);
    AUTO_STRBUF struct strbuf list = STRBUF_INIT(256);
    for (size_t i = 0; allowed[i]; i++) {
        if (!value || strcmp(value, allowed[i]) == 0)
            return;
        strbuf_addf(&list, "%s%s", i == 0 ? "" : allowed[i + 1] ? ", " : " or ", allowed[i]);
    }
    AUTO_FREE char *full = xasprintf("spec.%s", path);
    problems_add(problems, full, "must be %s", list.text);
}

static void check_values(const json_t *spec, struct problems *problems)
{
    check_enum(spec, "type", (const char *const[]){"ingress", "egress", NULL}, problems);
    check_enum(spec,
               "service.type",
               (const char *const[]){"ClusterIP", "NodePort", "LoadBalancer", NULL},
               problems);
    check_enum(spec, "proxy.mode", (const char *const[]){"Explicit", "Injected", NULL}, problems);
    if (!jx_get(spec, "type"))
        problems_add(problems, "spec.type", "is required");
    if (jx_int(spec, "drainSeconds", 0) > DRAIN_SECONDS_MAX)
        problems_add(problems, "spec.drainSeconds", "must be from 0 to %d", DRAIN_SECONDS_MAX);
}

static void apply_defaults(json_t *spec, const char *name, const struct config *config)
{
    bool ingress = strcmp(jx_str(spec, "type", ""), "ingress") == 0;
    proxy_set_default(spec, "service.type", STR(ingress ? "LoadBalancer" : "ClusterIP"));
    proxy_set_default(spec, "drainSeconds", INT(DRAIN_SECONDS));
    proxy_set_default(spec, "serviceAccount.name", STR(name));
    proxy_set_default(spec, "deployment.resources", REF(config->resources));
    if (jx_bool(spec, "deployment.hostNetwork", false))
        proxy_set_default(spec, "deployment.dnsPolicy", STR("ClusterFirstWithHostNet"));
    proxy_merge(spec, config);
    server_defaults(spec, name);
}

static void read_identity(struct meshgateway *gw)
{
    const json_t *metadata = jx_object(gw->object, "metadata");
    gw->name = jx_str(metadata, "name", "");
    gw->ns = jx_str(metadata, "namespace", "");
    if (gw->ns[0] == '\0')
        gw->ns = "default";
    gw->uid = jx_str(metadata, "uid", "");
    gw->generation = jx_int(metadata, "generation", 0);
    gw->deleting = jx_get(metadata, "deletionTimestamp") != NULL;
    const json_t *annotations = jx_object(metadata, "annotations");
    const char *paused = json_string_value(json_object_get(annotations, MESHGATEWAY_PAUSED));
    gw->paused = paused && strcmp(paused, "true") == 0;
}

static void read_scale(struct meshgateway *gw)
{
    const json_t *spec = gw->spec;
    json_int_t min = jx_int(spec, "autoscaling.minReplicas", -1);
    json_int_t max = jx_int(spec, "autoscaling.maxReplicas", -1);
    gw->autoscaling = jx_object(spec, "autoscaling");
    gw->disruption = jx_object(spec, "podDisruptionBudget");
    gw->autoscaling_external = jx_bool(spec, "autoscaling.external", false);
    gw->autoscaled = !gw->autoscaling_external && (min >= 0 || max >= 0);
    gw->replicas = -1;
    gw->min_replicas = min >= 0 ? min : 1;
    gw->max_replicas = max >= 0 ? max : gw->min_replicas;
    if (!gw->autoscaled && !gw->autoscaling_external) {
        gw->replicas = jx_int(spec, "deployment.replicas", 1);
        gw->min_replicas = gw->replicas;
    }
}

static bool is_port_start_zero(const json_t *sysctls)
{
    size_t i;
    json_t *sysctl;
    json_array_foreach (sysctls, i, sysctl)
        if (strcmp(jx_str(sysctl, "name", ""), "net.ipv4.ip_unprivileged_port_start") == 0)
            return strcmp(jx_str(sysctl, "value", ""), "0") == 0;
    return false;
}

static void read_deployment(struct meshgateway *gw)
{
    const json_t *spec = gw->spec;
    gw->deployment = jx_object(spec, "deployment");
    gw->drain_seconds = jx_int(spec, "drainSeconds", DRAIN_SECONDS);
    gw->run_as_root = jx_bool(spec, "runAsRoot", false);
    const json_t *security = jx_object(gw->deployment, "podSecurityContext");
    /* Without a podSecurityContext it is ours, whose sysctl the host's network does not take. */
    gw->binds_low_ports =
        gw->run_as_root || (security ? is_port_start_zero(jx_array(security, "sysctls"))
                                     : !jx_bool(gw->deployment, "hostNetwork", false));
}

static void read_proxy(struct meshgateway *gw)
{
    const json_t *proxy = jx_object(gw->spec, "proxy");
    gw->injected = strcmp(jx_str(proxy, "mode", ""), "Injected") == 0;
    gw->image = jx_str(proxy, "image", "");
    gw->revision = jx_str(proxy, "revision", "");
    gw->control_plane = jx_str(proxy, "taggedRevision", gw->revision);
    gw->cluster_id = jx_str(proxy, "clusterID", "");
    gw->cluster_domain = jx_str(proxy, "clusterDomain", "");
    gw->mesh_id = jx_str(proxy, "meshID", "");
    gw->trust_domain = jx_str(proxy, "trustDomain", "");
    gw->network = jx_str(proxy, "network", "");
    gw->requested_network_view = jx_str(proxy, "requestedNetworkView", "");
    gw->ca_address = jx_str(proxy, "caAddress", "");
    gw->log_level = jx_str(proxy, "logLevel", "");
    gw->component_log_level = jx_str(proxy, "componentLogLevel", "");
    gw->proxy_config = jx_object(proxy, "config");
}

static void read_spec(struct meshgateway *gw)
{
    const json_t *spec = gw->spec;
    gw->sds_ignored = jx_get(spec, "sds") != NULL;
    gw->type = jx_str(spec, "type", "");
    gw->labels = jx_object(spec, "labels");
    gw->ports = jx_array(spec, "ports");
    gw->service_type = jx_str(spec, "service.type", "");
    gw->service = jx_object(spec, "service");
    gw->service_account = jx_str(spec, "serviceAccount.name", "");
    gw->service_account_create = jx_bool(spec, "serviceAccount.create", true);
    gw->service_account_annotations = jx_object(spec, "serviceAccount.annotations");
    gw->overlays = jx_array(spec, "overlays");
    gw->servers = server_read(spec, &gw->server_count);
    gw->acme = jx_get(spec, "acme.server") ? jx_object(spec, "acme") : NULL;
    read_scale(gw);
    read_deployment(gw);
    read_proxy(gw);
}

static int hand_over(const struct problems *found, struct problems *problems)
{
    for (size_t i = 0; i < found->count; i++)
        problems_add(problems, found->items[i].path, "%s", found->items[i].message);
    return found->count > 0 ? -1 : 0;
}

int meshgateway_parse(json_t *object, const struct config *config, struct meshgateway *ret,
                      struct problems *problems)
{
    AUTO_PROBLEMS struct problems found = PROBLEMS_INIT;
    const char *name = jx_str(object, "metadata.name", "");
    if (name[0] == '\0')
        problems_add(&found, "metadata.name", "is required");
    json_auto_t *spec = fold_spec(json_object_get(object, "spec"), &found);
    check_values(spec, &found);
    rules_check(object, &found);
    if (hand_over(&found, problems) < 0)
        return -1;
    apply_defaults(spec, name, config);
    struct meshgateway gw = {.object = json_incref(object), .spec = TAKE(spec)};
    read_identity(&gw);
    read_spec(&gw);
    servercheck(&gw, &found);
    if (hand_over(&found, problems) < 0) {
        meshgateway_done(&gw);
        return -1;
    }
    *ret = gw;
    return 0;
}

void meshgateway_done(struct meshgateway *gw)
{
    json_decref(gw->object);
    json_decref(gw->spec);
    free(gw->servers);
    *gw = (struct meshgateway){.object = NULL};
}
