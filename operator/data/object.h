/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of Kubernetes objects, and what every object has: identity, owner, resource version. */
#pragma once

#include "data/jx.h"

/* A kind as the API server serves it. Kinds are static values and compared by address. */
struct object_kind {
    const char *group;    /* "" for the core group */
    const char *version;  /* "v1" */
    const char *resource; /* plural, "deployments" */
    const char *kind;     /* "Deployment" */
};

extern const struct object_kind object_mesh_gateway;
extern const struct object_kind object_service_account;
extern const struct object_kind object_role_binding;
extern const struct object_kind object_deployment;
extern const struct object_kind object_service;
extern const struct object_kind object_hpa;
extern const struct object_kind object_pdb;
extern const struct object_kind object_gateway;
extern const struct object_kind object_virtual_service;
extern const struct object_kind object_issuer;
extern const struct object_kind object_certificate;
extern const struct object_kind object_event;
extern const struct object_kind object_lease;
extern const struct object_kind object_config_map;
extern const struct object_kind object_ns;
extern const struct object_kind object_pod;
extern const struct object_kind object_mutating_webhooks;
extern const struct object_kind object_crd;
extern const struct object_kind object_cluster_issuer;
extern const struct object_kind object_certificate_request;
extern const struct object_kind object_order;
extern const struct object_kind object_challenge;
extern const struct object_kind object_role;
extern const struct object_kind object_cluster_role;
extern const struct object_kind object_cluster_role_binding;

/* "apps/v1", "v1". New string value. */
json_t *object_api_version(const struct object_kind *kind);
/* Borrowed from the object, "" when absent. */
const char *object_name(const json_t *object);
const char *object_namespace(const json_t *object);
const char *object_uid(const json_t *object);
const char *object_resource_version(const json_t *object);
/* Of one kind: whether it is the same object, perhaps made anew. */
bool object_has_same_name(const json_t *a, const json_t *b);
/* Whether an object's namespace ("": none) is in a scope: NULL: all namespaces, "": none. */
bool object_in_scope(const char *scope, const char *ns);
/* The owner reference with controller: true, borrowed; NULL when there is none. */
const json_t *object_controller(const json_t *object);
/*
 * Order of two resource versions of one resource: <0, 0, >0. Decimal numbers of any length compare
 * as numbers (KEP-5504); anything else is only equal (0) or newer (1).
 */
int object_compare_versions(const char *a, const char *b);
