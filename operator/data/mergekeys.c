/* SPDX-License-Identifier: Apache-2.0 */
/* After the patchStrategy and patchMergeKey tags of k8s.io/api (v1.32). */
#include "data/mergekeys.h"

#include <string.h>

static const struct mergekeys_member object_meta[] = {
    {"finalizers", "", NULL},
    {"ownerReferences", "uid", NULL},
    {NULL, NULL, NULL},
};

static const struct mergekeys_member container[] = {
    {"env", "name", NULL},
    {"ports", "containerPort", NULL},
    {"volumeDevices", "devicePath", NULL},
    {"volumeMounts", "mountPath", NULL},
    {NULL, NULL, NULL},
};

static const struct mergekeys_member pod_spec[] = {
    {"containers", "name", container},
    {"ephemeralContainers", "name", container},
    {"hostAliases", "ip", NULL},
    {"imagePullSecrets", "name", NULL},
    {"initContainers", "name", container},
    {"resourceClaims", "name", NULL},
    {"schedulingGates", "name", NULL},
    {"topologySpreadConstraints", "topologyKey", NULL},
    {"volumes", "name", NULL},
    {NULL, NULL, NULL},
};

static const struct mergekeys_member pod_template[] = {
    {"metadata", NULL, object_meta},
    {"spec", NULL, pod_spec},
    {NULL, NULL, NULL},
};

static const struct mergekeys_member deployment_spec[] = {
    {"template", NULL, pod_template},
    {NULL, NULL, NULL},
};

static const struct mergekeys_member deployment[] = {
    {"metadata", NULL, object_meta},
    {"spec", NULL, deployment_spec},
    {NULL, NULL, NULL},
};

static const struct mergekeys_member service_spec[] = {
    {"ports", "port", NULL},
    {NULL, NULL, NULL},
};

static const struct mergekeys_member service[] = {
    {"metadata", NULL, object_meta},
    {"spec", NULL, service_spec},
    {NULL, NULL, NULL},
};

static const struct mergekeys_member service_account[] = {
    {"metadata", NULL, object_meta},
    {"secrets", "name", NULL},
    {NULL, NULL, NULL},
};

static const struct mergekeys_member any_kind[] = {
    {"metadata", NULL, object_meta},
    {NULL, NULL, NULL},
};

const struct mergekeys_member *mergekeys_of(const struct object_kind *kind)
{
    if (kind == &object_deployment)
        return deployment;
    if (kind == &object_service)
        return service;
    if (kind == &object_service_account)
        return service_account;
    return any_kind;
}

const struct mergekeys_member *mergekeys_find(const struct mergekeys_member *type, const char *name)
{
    for (; type && type->name; type++)
        if (strcmp(type->name, name) == 0)
            return type;
    return NULL;
}
