/* SPDX-License-Identifier: Apache-2.0 */
#include "data/config.h"

#include "data/jx.h"

#include <stdlib.h>

void config_init(struct config *config)
{
    *config = (struct config){
        .istio_namespace = xstrdup("istio-system"),
        .revision = xstrdup(""),
        .proxy_image = xstrdup("docker.io/istio/proxyv2:1.31.1"),
        .cluster_id = xstrdup("Kubernetes"),
        .mesh_id = xstrdup(""),
        .trust_domain = xstrdup("cluster.local"),
        .cluster_domain = xstrdup("cluster.local"),
        .network = xstrdup(""),
        .ca_address = xstrdup(""),
        .discovery_address = xstrdup(""),
        .log_level = xstrdup("warning"),
        .component_log_level = xstrdup("misc:error"),
        .proxy_config = json_object(),
        /* Quantities as the API server would write them: 2000m is 2, 1024Mi is 1Gi. */
        .resources = OBJ(F("requests", OBJ(F("cpu", STR("100m")), F("memory", STR("128Mi")))),
                         F("limits", OBJ(F("cpu", STR("2")), F("memory", STR("1Gi"))))),
    };
}

void config_done(struct config *config)
{
    char **const strings[] = {
        &config->istio_namespace,
        &config->revision,
        &config->proxy_image,
        &config->cluster_id,
        &config->mesh_id,
        &config->trust_domain,
        &config->cluster_domain,
        &config->network,
        &config->ca_address,
        &config->discovery_address,
        &config->log_level,
        &config->component_log_level,
    };
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        free(*strings[i]);
    json_decref(config->proxy_config);
    json_decref(config->resources);
    *config = (struct config){.istio_namespace = NULL};
}
