/* SPDX-License-Identifier: Apache-2.0 */
#include "data/object.h"

#include <string.h>

const struct object_kind object_mesh_gateway = {
    "istio.banzaicloud.io", "v1beta1", "meshgateways", "MeshGateway"};
const struct object_kind object_service_account = {"", "v1", "serviceaccounts", "ServiceAccount"};
const struct object_kind object_role_binding = {
    "rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"};
const struct object_kind object_deployment = {"apps", "v1", "deployments", "Deployment"};
const struct object_kind object_service = {"", "v1", "services", "Service"};
const struct object_kind object_hpa = {
    "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"};
const struct object_kind object_pdb = {
    "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"};
const struct object_kind object_gateway = {"networking.istio.io", "v1", "gateways", "Gateway"};
const struct object_kind object_virtual_service = {
    "networking.istio.io", "v1", "virtualservices", "VirtualService"};
const struct object_kind object_issuer = {"cert-manager.io", "v1", "issuers", "Issuer"};
const struct object_kind object_certificate = {
    "cert-manager.io", "v1", "certificates", "Certificate"};
const struct object_kind object_event = {"events.k8s.io", "v1", "events", "Event"};
const struct object_kind object_lease = {"coordination.k8s.io", "v1", "leases", "Lease"};
const struct object_kind object_config_map = {"", "v1", "configmaps", "ConfigMap"};
const struct object_kind object_ns = {"", "v1", "namespaces", "Namespace"};
const struct object_kind object_pod = {"", "v1", "pods", "Pod"};
const struct object_kind object_mutating_webhooks = {"admissionregistration.k8s.io",
                                                     "v1",
                                                     "mutatingwebhookconfigurations",
                                                     "MutatingWebhookConfiguration"};
const struct object_kind object_crd = {
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"};
const struct object_kind object_cluster_issuer = {
    "cert-manager.io", "v1", "clusterissuers", "ClusterIssuer"};
const struct object_kind object_certificate_request = {
    "cert-manager.io", "v1", "certificaterequests", "CertificateRequest"};
const struct object_kind object_order = {"acme.cert-manager.io", "v1", "orders", "Order"};
const struct object_kind object_challenge = {
    "acme.cert-manager.io", "v1", "challenges", "Challenge"};
const struct object_kind object_role = {"rbac.authorization.k8s.io", "v1", "roles", "Role"};
const struct object_kind object_cluster_role = {
    "rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole"};
const struct object_kind object_cluster_role_binding = {
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding"};

json_t *object_api_version(const struct object_kind *kind)
{
    if (kind->group[0] == '\0')
        return STR(kind->version);
    return jx_stringf("%s/%s", kind->group, kind->version);
}

const char *object_name(const json_t *object)
{
    return jx_str(object, "metadata.name", "");
}

const char *object_namespace(const json_t *object)
{
    return jx_str(object, "metadata.namespace", "");
}

const char *object_uid(const json_t *object)
{
    return jx_str(object, "metadata.uid", "");
}

const char *object_resource_version(const json_t *object)
{
    return jx_str(object, "metadata.resourceVersion", "");
}

bool object_has_same_name(const json_t *a, const json_t *b)
{
    return strcmp(object_name(a), object_name(b)) == 0 &&
           strcmp(object_namespace(a), object_namespace(b)) == 0;
}

bool object_in_scope(const char *scope, const char *ns)
{
    return scope ? strcmp(scope, ns) == 0 : ns[0] != '\0';
}

const json_t *object_controller(const json_t *object)
{
    size_t i;
    json_t *reference;
    json_array_foreach (jx_array(object, "metadata.ownerReferences"), i, reference)
        if (jx_bool(reference, "controller", false))
            return reference;
    return NULL;
}

static bool is_decimal(const char *s)
{
    return s[0] >= '1' && s[0] <= '9' && s[strspn(s, "0123456789")] == '\0';
}

int object_compare_versions(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return 0;
    if (!is_decimal(a) || !is_decimal(b))
        return 1;
    size_t len_a = strlen(a);
    size_t len_b = strlen(b);
    if (len_a != len_b)
        return len_a < len_b ? -1 : 1;
    return strcmp(a, b);
}
