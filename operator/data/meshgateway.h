/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A MeshGateway as the templates see it: shorthands folded into the canonical fields, unset values
 * dropped, defaults applied, the operator's configuration merged in, validated.
 *
 * The struct owns `object`, `spec` and `servers`; all else borrows from them. Nobody
 * changes them. Same object and configuration in, same struct out; the configuration may go away
 * afterwards. Strings are "" and json_t fields NULL when there is nothing, unless said otherwise.
 */
#pragma once

#include "data/config.h"
#include "data/problems.h"
#include "data/server.h"

#include <jansson.h>
#include <stdbool.h>

/* Set to "true" on a MeshGateway: write nothing but its status. */
#define MESHGATEWAY_PAUSED "meshgateway.banzaicloud.io/paused"

struct meshgateway {
    json_t *object; /* as it was given */
    json_t *spec;   /* canonical form, with every default that is a plain value */

    const char *name;
    const char *ns;  /* "default" when the object names none, as kubectl would apply it */
    const char *uid; /* "": not from an API server, and then its objects have no owner */
    json_int_t generation;
    bool deleting;
    bool paused;
    bool sds_ignored; /* spec.sds is set, and has no effect */

    const char *type;     /* ingress, egress */
    const json_t *labels; /* spec.labels */
    const json_t *ports;  /* array; name, port, protocol and targetPort are in every element */

    const char *service_type;
    const json_t *service; /* the group: fields of a ServiceSpec, and metadata */

    bool autoscaled;           /* an HPA is wanted */
    bool autoscaling_external; /* somebody else scales */
    json_int_t replicas;       /* of the Deployment; -1: not ours to write */
    json_int_t min_replicas;   /* how many there are at least */
    json_int_t max_replicas;   /* of the HPA */
    const json_t *autoscaling; /* the group */
    const json_t *disruption;  /* spec.podDisruptionBudget */

    const json_t *deployment; /* the group: fields of a Deployment, its pods and their proxy */
    json_int_t drain_seconds;
    bool run_as_root;
    bool binds_low_ports; /* the pod's processes can listen below 1024 */

    const char *service_account;
    bool service_account_create;
    const json_t *service_account_annotations;

    /*
     * The proxy. Injected pods take from istiod what the spec leaves open, so these are unset there
     * unless the spec itself says something; in explicit pods only the network ones can be.
     */
    bool injected;
    const char *image;
    const char *revision; /* of the control plane, in both modes, or a tag; "": the default one */
    const char *control_plane; /* the revision; behind the tag, where one is known to be a tag */
    const char *cluster_id;
    const char *cluster_domain; /* always set: routes to Services need it */
    const char *mesh_id;
    const char *trust_domain;
    const char *network;
    const char *requested_network_view;
    const char *ca_address;
    const char *log_level;
    const char *component_log_level;
    const json_t *proxy_config; /* Istio's ProxyConfig, complete, never NULL */

    struct server *servers; /* owned; in the order of spec.servers */
    size_t server_count;
    const json_t *acme; /* spec.acme when it asks for an Issuer of the gateway's own, else NULL */

    const json_t *overlays; /* array; a null in a patch means something */
};

/*
 * Reads a MeshGateway object, as the API server stores it or a file holds it. 0, or -1 with at
 * least one problem added; then *ret is untouched. Tolerates anything: a wrong type anywhere is a
 * problem with its path, never a crash.
 *
 * Checks the rules of the CRD (data/rules.h), and of its structure what the program relies on: a
 * resource may have been stored before the CRD was what it is. All of it: data/validate.h.
 */
int meshgateway_parse(json_t *object, const struct config *config, struct meshgateway *ret,
                      struct problems *problems) MUST_CHECK;
void meshgateway_done(struct meshgateway *gw);
