/* SPDX-License-Identifier: Apache-2.0 */
/* MeshGateways from JSON in the source of a test, which may be written with ' instead of ". */
#pragma once

#include "data/jx.h"
#include "data/meshgateway.h"

#include <check.h>
#include <string.h>

#define GATEWAY_SEED                                                                               \
    "{'apiVersion': 'istio.banzaicloud.io/v1beta1', 'kind': 'MeshGateway',"                        \
    " 'metadata': {'name': 'echo-ingress', 'namespace': 'default'},"                               \
    " 'spec': {'maxReplicas': 1, 'minReplicas': 1, 'serviceType': 'LoadBalancer',"                 \
    "          'type': 'ingress', 'ports': [{'name': 'http', 'port': 8000, 'protocol': 'TCP',"     \
    "                                        'targetPort': 8000}]}}"

static inline json_t *gateway_json(const char *text)
{
    AUTO_FREE char *json = xstrdup(text);
    for (char *c = json; *c; c++)
        if (*c == '\'')
            *c = '"';
    struct err err = {0};
    json_t *value = jx_parse(json, strlen(json), &err);
    ck_assert_msg(value != NULL, "%s", err.msg);
    return value;
}

/* With the built-in configuration. */
static inline void gateway_from_json(const char *text, struct meshgateway *ret)
{
    json_auto_t *object = gateway_json(text);
    struct config config;
    config_init(&config);
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    int rc = meshgateway_parse(object, &config, ret, &problems);
    config_done(&config);
    ck_assert_msg(rc == 0, "%s: %s", problems.items[0].path, problems.items[0].message);
}
