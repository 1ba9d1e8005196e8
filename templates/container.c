/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/container.h"

#include "data/jx.h"
#include "data/rules_ports.h"
#include "templates/common.h"
#include "templates/env.h"
#include "templates/security.h"

#include <string.h>

static const struct {
    const char *name;
    json_int_t number;
} builtin_ports[] = {
    {"metrics", 15020},         /* the agent: metrics of Envoy, itself and the application */
    {"status-port", 15021},     /* readiness */
    {"http-envoy-prom", 15090}, /* Envoy's own metrics */
};

static bool has_port_name(const json_t *ports, const char *name)
{
    size_t i;
    json_t *port;
    json_array_foreach (ports, i, port)
        if (strcmp(jx_str(port, "name", ""), name) == 0)
            return true;
    return false;
}

/* Whether a target port by name is there already: ours, the proxy's or another container's. */
static bool is_known_target(const struct meshgateway *gw, const json_t *ports, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(builtin_ports); i++)
        if (strcmp(builtin_ports[i].name, name) == 0)
            return true;
    size_t i;
    json_t *container;
    json_array_foreach (jx_array(gw->deployment, "containers"), i, container)
        if (has_port_name(jx_array(container, "ports"), name))
            return true;
    return has_port_name(ports, name);
}

static bool has_port_number(const json_t *ports, json_int_t number, const char *protocol)
{
    size_t i;
    json_t *port;
    json_array_foreach (ports, i, port)
        if (jx_int(port, "containerPort", 0) == number &&
            strcmp(jx_str(port, "protocol", ""), protocol) == 0)
            return true;
    return false;
}

static bool is_builtin_number(json_int_t number, const char *protocol)
{
    for (size_t i = 0; i < ARRAY_LEN(builtin_ports); i++)
        if (builtin_ports[i].number == number && strcmp(protocol, "TCP") == 0)
            return true;
    return false;
}

static bool is_free_name(const json_t *ports, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(builtin_ports); i++)
        if (strcmp(builtin_ports[i].name, name) == 0)
            return false;
    return rules_ports_is_name(name) && !has_port_name(ports, name);
}

static json_t *container_port(const char *name, json_int_t number, const char *protocol)
{
    return OBJ(
        FOPT("name", STR(name)), F("containerPort", INT(number)), F("protocol", STR(protocol)));
}

/*
 * A port for each target of the Service, one a number and protocol. A target that is a name means
 * the container port of that name; when nothing in the pod has it, the Service's number gets it.
 */
static void add_target(const struct meshgateway *gw, json_t *ports, const json_t *port)
{
    const char *target = jx_str(port, "targetPort", NULL);
    if (target && is_known_target(gw, ports, target))
        return;
    json_int_t number = jx_int(port, target ? "port" : "targetPort", 0);
    const char *protocol = jx_str(port, "protocol", "");
    if (is_builtin_number(number, protocol) || has_port_number(ports, number, protocol))
        return;
    const char *name = target ? target : jx_str(port, "name", "");
    json_array_append_new(
        ports, container_port(is_free_name(ports, name) ? name : NULL, number, protocol));
}

static json_t *container_ports(const struct meshgateway *gw)
{
    json_t *ports = json_array();
    size_t i;
    json_t *port;
    json_array_foreach (gw->ports, i, port)
        add_target(gw, ports, port);
    for (i = 0; i < ARRAY_LEN(builtin_ports); i++)
        json_array_append_new(
            ports, container_port(builtin_ports[i].name, builtin_ports[i].number, "TCP"));
    return ports;
}

static json_t *args(const struct meshgateway *gw)
{
    return ARR(STR("proxy"),
               STR("router"),
               STR("--domain"),
               jx_stringf("$(POD_NAMESPACE).svc.%s", gw->cluster_domain),
               STR("--proxyLogLevel"),
               STR(gw->log_level),
               STR("--proxyComponentLogLevel"),
               STR(gw->component_log_level),
               STR("--log_output_level"),
               STR("default:info"));
}

static json_t *readiness_endpoint(void)
{
    return OBJ(F("path", STR("/healthz/ready")), F("port", INT(15021)), F("scheme", STR("HTTP")));
}

/* Ready within a second of a start, although readiness is then looked at only now and again. */
static json_t *startup_probe(const struct meshgateway *gw)
{
    json_t *own = jx_object(gw->deployment, "startupProbe");
    if (own)
        return REF(own);
    return OBJ(F("httpGet", readiness_endpoint()),
               F("initialDelaySeconds", INT(1)),
               F("periodSeconds", INT(1)),
               F("timeoutSeconds", INT(1)),
               F("successThreshold", INT(1)),
               F("failureThreshold", INT(30)));
}

static json_t *readiness_probe(const struct meshgateway *gw)
{
    json_t *own = jx_object(gw->deployment, "readinessProbe");
    if (own || gw->injected)
        return REF(own);
    return OBJ(F("httpGet", readiness_endpoint()),
               F("periodSeconds", INT(15)),
               F("timeoutSeconds", INT(1)),
               F("successThreshold", INT(1)),
               F("failureThreshold", INT(4)));
}

static json_t *mount(const char *name, const char *path)
{
    return OBJ(F("name", STR(name)), F("mountPath", STR(path)));
}

static json_t *volume_mounts(const struct meshgateway *gw)
{
    json_auto_t *ours = NULL;
    if (!gw->injected)
        ours = ARR(mount("workload-socket", "/var/run/secrets/workload-spiffe-uds"),
                   mount("credential-socket", "/var/run/secrets/credential-uds"),
                   mount("workload-certs", "/var/run/secrets/workload-spiffe-credentials"),
                   mount("istiod-ca-cert", "/var/run/secrets/istio"),
                   mount("istio-data", "/var/lib/istio/data"),
                   mount("istio-envoy", "/etc/istio/proxy"),
                   mount("istio-token", "/var/run/secrets/tokens"),
                   mount("istio-podinfo", "/etc/istio/pod"));
    return common_union(ours, jx_array(gw->deployment, "volumeMounts"), "mountPath");
}

json_t *container_render(const struct meshgateway *gw)
{
    const json_t *d = gw->deployment;
    return OBJ(F("name", STR("istio-proxy")),
               F("image", STR(gw->injected ? "auto" : gw->image)),
               FOPT("imagePullPolicy", REF(jx_get(d, "imagePullPolicy"))),
               FOPT("args", gw->injected ? NULL : args(gw)),
               FOPT("env", env_render(gw)),
               F("ports", container_ports(gw)),
               F("startupProbe", startup_probe(gw)),
               FOPT("readinessProbe", readiness_probe(gw)),
               FOPT("livenessProbe", REF(jx_get(d, "livenessProbe"))),
               FOPT("lifecycle", REF(jx_get(d, "lifecycle"))),
               FOPT("resources", REF(jx_get(d, "resources"))),
               F("securityContext", security_container(gw)),
               FOPT("volumeMounts", volume_mounts(gw)));
}

static json_t *empty_dir(const char *name, const char *medium)
{
    return OBJ(F("name", STR(name)), F("emptyDir", OBJ(FOPT("medium", STR(medium)))));
}

static json_t *podinfo_item(const char *path, const char *field)
{
    return OBJ(F("path", STR(path)), F("fieldRef", OBJ(F("fieldPath", STR(field)))));
}

/* Written by istiod into every namespace; the proxy trusts the control plane by it. */
static json_t *root_certificate_volume(void)
{
    return OBJ(F("name", STR("istiod-ca-cert")),
               F("configMap", OBJ(F("name", STR("istio-ca-root-cert")))));
}

static json_t *token_volume(void)
{
    json_t *token = OBJ(F("path", STR("istio-token")),
                        F("expirationSeconds", INT(43200)),
                        F("audience", STR("istio-ca")));
    return OBJ(F("name", STR("istio-token")),
               F("projected", OBJ(F("sources", ARR(OBJ(F("serviceAccountToken", token)))))));
}

json_t *container_volumes(const struct meshgateway *gw)
{
    json_auto_t *ours = NULL;
    if (!gw->injected)
        ours = ARR(empty_dir("workload-socket", NULL),
                   empty_dir("credential-socket", NULL),
                   empty_dir("workload-certs", NULL),
                   empty_dir("istio-envoy", "Memory"),
                   empty_dir("istio-data", NULL),
                   OBJ(F("name", STR("istio-podinfo")),
                       F("downwardAPI",
                         OBJ(F("items",
                               ARR(podinfo_item("labels", "metadata.labels"),
                                   podinfo_item("annotations", "metadata.annotations")))))),
                   token_volume(),
                   root_certificate_volume());
    return common_union(ours, jx_array(gw->deployment, "volumes"), "name");
}
