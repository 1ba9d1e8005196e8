/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's configuration file: where a gateway's values come from when its spec is silent.
 * YAML, read with libcyaml; unknown keys are refused. All keys are optional, for example:
 *
 *     istioNamespace: istio-system
 *     revision: 1-31
 *     proxyImage: registry.example.com/istio/proxyv2:1.31.1
 *     trustDomain: example.com
 *     proxyConfig:
 *       concurrency: 2
 *     resources:
 *       requests: {cpu: 100m, memory: 128Mi}
 */
#pragma once

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/* Every string is owned and non-NULL; "" means not set. */
struct config {
    char *istio_namespace;      /* istioNamespace, "istio-system" */
    char *revision;             /* revision or tag, "" */
    char *tagged_revision;      /* the revision behind a tag; no key: the cluster tells it */
    char *proxy_image;          /* proxyImage, "docker.io/istio/proxyv2:1.31.1" */
    char *cluster_id;           /* clusterID, "Kubernetes" */
    char *mesh_id;              /* meshID, "": the trust domain */
    char *trust_domain;         /* trustDomain, "cluster.local" */
    char *cluster_domain;       /* clusterDomain, "cluster.local" */
    char *network;              /* network, "" */
    char *ca_address;           /* caAddress, "": istiod */
    char *discovery_address;    /* discoveryAddress, "": istiod */
    char *log_level;            /* logLevel, "warning" */
    char *component_log_level;  /* componentLogLevel, "misc:error" */
    json_t *proxy_config;       /* proxyConfig, an object (Istio's ProxyConfig), {} */
    char *image_pull_policy;    /* imagePullPolicy, "" */
    json_t *image_pull_secrets; /* imagePullSecrets, an array of {name} */
    json_t *resources;          /* resources, a ResourceRequirements object */
};

/* What a key of the file is, for its documentation. */
struct config_key {
    const char *name; /* NULL ends the table */
    const char *help; /* with its default */
};

/* Every key that the file may have. */
extern const struct config_key config_keys[];

/* The built-in values. */
void config_init(struct config *config);
/*
 * Reads a file over the built-in values into an uninitialised struct. Null and "" are as silent as
 * a missing key. Errors name file, line and field.
 */
int config_load(const char *path, struct config *ret, struct err *err) MUST_CHECK;
/* "key=value", as in the file; a text only. */
int config_assign(struct config *config, const char *assignment, struct err *err) MUST_CHECK;
/* *ret is uninitialised. JSON is shared: nobody changes it in place. */
void config_copy(const struct config *config, struct config *ret);
bool config_equal(const struct config *a, const struct config *b);
/* Replaces a text; "" and NULL change nothing. */
void config_set(char **text, const char *value);
void config_done(struct config *config);
