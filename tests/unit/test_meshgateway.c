/* SPDX-License-Identifier: Apache-2.0 */
#include "support/gateway.h"
#include "support/unit.h"

/* Parses a spec (with ' for ") of a gateway named g; `ret` must be ended. */
static void parse_spec(const char *spec, struct meshgateway *ret)
{
    AUTO_FREE char *text =
        xasprintf("{'metadata': {'name': 'g', 'namespace': 'n'}, 'spec': %s}", spec);
    gateway_from_json(text, ret);
}

START_TEST(shorthands_fold)
{
    static const struct {
        const char *shorthand;
        const char *path;
        const char *value;
    } cases[] = {
        {"serviceType", "service.type", "'NodePort'"},
        {"serviceExternalTrafficPolicy", "service.externalTrafficPolicy", "'Local'"},
        {"serviceLabels", "service.metadata.labels", "{'a.b/c': 'd'}"},
        {"serviceAnnotations", "service.metadata.annotations", "{'a': ''}"},
        {"loadBalancerIP", "service.loadBalancerIP", "'192.0.2.1'"},
        {"replicaCount", "deployment.replicas", "0"},
        {"minReplicas", "autoscaling.minReplicas", "2"},
        {"maxReplicas", "autoscaling.maxReplicas", "3"},
        {"podAnnotations", "deployment.podMetadata.annotations", "{'a': 'b'}"},
        {"resources", "deployment.resources", "{'limits': {'cpu': '1'}}"},
        {"nodeSelector", "deployment.nodeSelector", "{'a': 'b'}"},
        {"affinity", "deployment.affinity", "{'podAffinity': {'x': []}}"},
        {"tolerations", "deployment.tolerations", "[{'operator': 'Exists'}]"},
        {"securityContext", "deployment.securityContext", "{'runAsUser': 5}"},
        {"additionalEnvVars", "deployment.env", "[{'name': 'A', 'value': ''}]"},
        {"requestedNetworkView", "proxy.requestedNetworkView", "'net'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *spec = xasprintf(
            "{'type': 'ingress', 'ports': [], '%s': %s}", cases[i].shorthand, cases[i].value);
        struct meshgateway gw;
        parse_spec(spec, &gw);
        AUTO_FREE char *found = jx_compact(jx_get(gw.spec, cases[i].path));
        AUTO_FREE char *wrapped = xasprintf("[%s]", cases[i].value);
        json_auto_t *expected = gateway_json(wrapped);
        ck_assert_msg(json_equal(jx_get(gw.spec, cases[i].path), json_array_get(expected, 0)),
                      "%s: %s",
                      cases[i].path,
                      found);
        ck_assert_ptr_null(json_object_get(gw.spec, cases[i].shorthand));
        meshgateway_done(&gw);
    }
}
END_TEST

START_TEST(unset_values_are_dropped)
{
    struct meshgateway gw;
    parse_spec("{'type': 'egress', 'ports': [], 'serviceType': '', 'service': {'type': null,"
               " 'loadBalancerIP': ''}, 'loadBalancerIP': '', 'securityContext': {}, 'labels': {},"
               " 'tolerations': [], 'deployment': {'volumes': [{'name': 'v', 'emptyDir': {},"
               " 'secret': null}]}, 'autoscaling': '', 'replicaCount': null}",
               &gw);
    ck_assert_str_eq(gw.service_type, "ClusterIP");
    ck_assert_ptr_null(jx_get(gw.spec, "service.loadBalancerIP"));
    ck_assert_ptr_null(jx_get(gw.spec, "deployment.securityContext"));
    ck_assert_ptr_null(gw.labels);
    ck_assert_int_eq(gw.replicas, 1);
    AUTO_FREE char *volumes = jx_canonical(jx_get(gw.spec, "deployment.volumes"));
    ck_assert_str_eq(volumes, "[{\"emptyDir\":{},\"name\":\"v\"}]");
    meshgateway_done(&gw);
}
END_TEST

START_TEST(scale)
{
    static const struct {
        const char *spec;
        bool autoscaled;
        int replicas, min, max;
    } cases[] = {
        {"", false, 1, 1, 1},
        {"'replicaCount': 0", false, 0, 0, 0},
        {"'replicaCount': 4", false, 4, 4, 4},
        {"'minReplicas': 3", true, -1, 3, 3},
        {"'maxReplicas': 3", true, -1, 1, 3},
        {"'minReplicas': 3, 'maxReplicas': 3", true, -1, 3, 3},
        {"'minReplicas': 1, 'maxReplicas': 5, 'replicaCount': 1", true, -1, 1, 5},
        {"'autoscaling': {'external': true}", false, -1, 1, 1},
        {"'autoscaling': {'external': true, 'minReplicas': 2}, 'replicaCount': 7", false, -1, 2, 2},
        {"'autoscaling': {'external': false}", false, 1, 1, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *spec = xasprintf(
            "{'type': 'ingress', 'ports': []%s %s}", cases[i].spec[0] ? "," : "", cases[i].spec);
        struct meshgateway gw;
        parse_spec(spec, &gw);
        ck_assert_int_eq(gw.autoscaled, cases[i].autoscaled);
        ck_assert_int_eq(gw.replicas, cases[i].replicas);
        ck_assert_int_eq(gw.min_replicas, cases[i].min);
        if (gw.autoscaled)
            ck_assert_int_eq(gw.max_replicas, cases[i].max);
        meshgateway_done(&gw);
    }
}
END_TEST

START_TEST(identity_is_read)
{
    struct meshgateway gw;
    gateway_from_json("{'metadata': {'name': 'g', 'uid': 'u', 'generation': 3,"
                      " 'deletionTimestamp': '2026-01-01T00:00:00Z',"
                      " 'annotations': {'meshgateway.banzaicloud.io/paused': 'true'}},"
                      " 'spec': {'type': 'ingress', 'ports': [], 'sds': {'enabled': true}}}",
                      &gw);
    ck_assert_str_eq(gw.ns, "default");
    ck_assert_str_eq(gw.uid, "u");
    ck_assert_int_eq(gw.generation, 3);
    ck_assert(gw.deleting && gw.paused && gw.sds_ignored);
    meshgateway_done(&gw);
    gateway_from_json(GATEWAY_SEED, &gw);
    ck_assert(!gw.deleting && !gw.paused && !gw.sds_ignored);
    ck_assert_str_eq(gw.uid, "");
    meshgateway_done(&gw);
}
END_TEST

START_TEST(ports_are_completed)
{
    static const struct {
        const char *port, *completed;
    } cases[] = {
        {"{'port': 80}", "{'name': 'port-80', 'port': 80, 'protocol': 'TCP', 'targetPort': 80}"},
        {"{'port': 53, 'protocol': 'UDP', 'name': 'dns'}",
         "{'name': 'dns', 'port': 53, 'protocol': 'UDP', 'targetPort': 53}"},
        {"{'port': 1, 'targetPort': 'web', 'name': 'x', 'nodePort': 0, 'appProtocol': ''}",
         "{'name': 'x', 'port': 1, 'protocol': 'TCP', 'targetPort': 'web'}"},
        {"{'port': 2, 'targetPort': '', 'nodePort': 30001, 'appProtocol': 'http'}",
         "{'name': 'port-2', 'port': 2, 'protocol': 'TCP', 'targetPort': 2, 'nodePort': 30001,"
         " 'appProtocol': 'http'}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *spec = xasprintf("{'type': 'ingress', 'ports': [%s]}", cases[i].port);
        struct meshgateway gw;
        parse_spec(spec, &gw);
        json_auto_t *expected = gateway_json(cases[i].completed);
        AUTO_FREE char *found = jx_compact(gw.ports);
        ck_assert_msg(json_equal(json_array_get(gw.ports, 0), expected), "%s", found);
        meshgateway_done(&gw);
    }
}
END_TEST

/* proxy, over istioControlPlane, over the configuration; and what follows from each of them. */
START_TEST(control_plane_precedence)
{
    static const struct {
        const char *spec;
        const char *revision, *ca, *discovery; /* "-": a proxy's own default */
    } cases[] = {
        {"", "r0", "istiod-cfg.x:15012", "istiod-cfg.x:15012"},
        {"'proxy': {'revision': 'r1'}",
         "r1",
         "istiod-r1.mesh.svc:15012",
         "istiod-r1.mesh.svc:15012"},
        {"'istioControlPlane': {'name': 'r2', 'namespace': 'i2'}",
         "r2",
         "istiod-r2.i2.svc:15012",
         "istiod-r2.i2.svc:15012"},
        {"'istioControlPlane': {'name': 'r2'}, 'proxy': {'revision': 'r1'}",
         "r1",
         "istiod-r1.mesh.svc:15012",
         "istiod-r1.mesh.svc:15012"},
        {"'proxy': {'caAddress': 'ca:1'}", "r0", "ca:1", "istiod-cfg.x:15012"},
        {"'proxy': {'discoveryAddress': 'd:1'}", "r0", "d:1", "d:1"},
        {"'proxy': {'discoveryAddress': 'istiod.istio-system.svc:15012'}",
         "r0",
         "istiod.istio-system.svc:15012",
         "-"},
        {"'proxy': {'mode': 'Injected'}", "r0", "", "-"},
        {"'proxy': {'mode': 'Injected', 'istioNamespace': 'i3'}",
         "r0",
         "istiod-r0.i3.svc:15012",
         "istiod-r0.i3.svc:15012"},
    };
    struct config config;
    config_init(&config);
    free(config.revision);
    config.revision = xstrdup("r0");
    free(config.istio_namespace);
    config.istio_namespace = xstrdup("mesh");
    free(config.discovery_address);
    config.discovery_address = xstrdup("istiod-cfg.x:15012");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *text =
            xasprintf("{'metadata': {'name': 'g'}, 'spec': {'type': 'ingress', 'ports': []%s %s}}",
                      cases[i].spec[0] ? "," : "",
                      cases[i].spec);
        json_auto_t *object = gateway_json(text);
        AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
        struct meshgateway gw;
        ck_assert_int_eq(meshgateway_parse(object, &config, &gw, &problems), 0);
        ck_assert_str_eq(gw.revision, cases[i].revision);
        ck_assert_str_eq(gw.ca_address, cases[i].ca);
        ck_assert_str_eq(jx_str(gw.proxy_config, "discoveryAddress", "-"), cases[i].discovery);
        meshgateway_done(&gw);
    }
    config_done(&config);
}
END_TEST

/* What is wrong with an object, and the path of the problem that says so. */
static const struct {
    const char *object;
    const char *path;
} wrong[] = {
    {"[]", "metadata.name"},
    {"'text'", "spec"},
    {"{'metadata': {'name': 5}}", "metadata.name"},
    {"{'metadata': {'name': 'g'}, 'spec': 3}", "spec"},
    {"{'metadata': {'name': 'g'}, 'spec': {'ports': []}}", "spec.type"},
    {"{'spec': {'type': 'west'}}", "spec.type"},
    {"{'spec': {'type': ['ingress']}}", "spec.type"},
    {"{'spec': {'serviceType': 'None'}}", "spec.service.type"},
    {"{'spec': {'service': 'x'}}", "spec.service"},
    {"{'spec': {'service': {'metadata': [1]}}}", "spec.service.metadata"},
    {"{'spec': {'serviceType': 'NodePort', 'service': {'type': 'NodePort'}}}", "spec.serviceType"},
    {"{'spec': {'labels': {'a': 1}}}", "spec.labels[\"a\"]"},
    {"{'spec': {'minReplicas': '1'}}", "spec.minReplicas"},
    {"{'spec': {'minReplicas': -1}}", "spec.minReplicas"},
    {"{'spec': {'minReplicas': 1.5}}", "spec.minReplicas"},
    {"{'spec': {'replicaCount': 9999999999}}", "spec.replicaCount"},
    {"{'spec': {'drainSeconds': 3601}}", "spec.drainSeconds"},
    {"{'spec': {'additionalEnvVars': [{'name': 'A'}, {'value': 'b'}]}}",
     "spec.additionalEnvVars[1].name"},
    {"{'spec': {'deployment': {'env': [3]}}}", "spec.deployment.env[0]"},
    {"{'spec': {'deployment': {'env': {}, 'volumes': {'a': 1}}}}", "spec.deployment.volumes"},
    {"{'spec': {'runAsRoot': 'yes'}}", "spec.runAsRoot"},
    {"{'spec': {'proxy': {'mode': 'Auto'}}}", "spec.proxy.mode"},
    {"{'spec': {'podDisruptionBudget': {'minAvailable': true}}}",
     "spec.podDisruptionBudget.minAvailable"},
    {"{'spec': {'service': {'externalIPs': [1]}}}", "spec.service.externalIPs[0]"},
    {"{'spec': {'servers': [{'hosts': ['a.example.com']}]}}", "spec.servers"},
    {"{'spec': {'servers': 'a'}}", "spec.servers"},
    {"{'spec': {'servers': [1]}}", "spec.servers[0]"},
    {"{'spec': {'servers': [{'hosts': []}]}}", "spec.servers[0].hosts"},
    {"{'spec': {'servers': [{'hosts': ['a', 1]}]}}", "spec.servers[0].hosts[1]"},
    {"{'spec': {'servers': [{'hosts': ['a'], 'httpPort': true}]}}", "spec.servers[0].httpPort"},
    {"{'spec': {'servers': [{'hosts': ['a'], 'tls': {'certificate': 1}}]}}",
     "spec.servers[0].tls.certificate"},
    {"{'spec': {'servers': [{'hosts': ['a'], 'tls': {'certificate': {'dnsNames': [1]}}}]}}",
     "spec.servers[0].tls.certificate.dnsNames[0]"},
    {"{'spec': {'acme': {'server': 1}}}", "spec.acme.server"},
    {"{'spec': {'minReplicas': 3, 'maxReplicas': 2}}", "spec"},
    {"{'metadata': {'name': 'g.h'}, 'spec': {'type': 'ingress', 'ports': []}}", "metadata.name"},
    {"{'spec': {'ports': 80}}", "spec.ports"},
    {"{'spec': {'ports': [80]}}", "spec.ports[0]"},
    {"{'spec': {'ports': [{'port': 80}, {}]}}", "spec.ports[1].port"},
    {"{'spec': {'ports': [{'port': 65536}]}}", "spec.ports[0].port"},
    {"{'spec': {'ports': [{'port': 1, 'targetPort': 0}]}}", "spec.ports[0].targetPort"},
    {"{'spec': {'ports': [{'port': 1, 'targetPort': true}]}}", "spec.ports[0].targetPort"},
    {"{'spec': {'ports': [{'port': 1, 'name': 5}]}}", "spec.ports[0].name"},
    {"{'spec': {'ports': [{'port': 1, 'nodePort': 'x'}]}}", "spec.ports[0].nodePort"},
};

START_TEST(wrong_types_are_problems)
{
    struct config config;
    config_init(&config);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        AUTO_FREE char *wrapped = xasprintf("[%s]", wrong[i].object);
        json_auto_t *object = gateway_json(wrapped);
        AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
        struct meshgateway gw = {.name = "untouched"};
        ck_assert_int_eq(meshgateway_parse(json_array_get(object, 0), &config, &gw, &problems), -1);
        ck_assert_str_eq(gw.name, "untouched");
        bool found = false;
        for (size_t p = 0; p < problems.count; p++)
            found = found || strcmp(problems.items[p].path, wrong[i].path) == 0;
        ck_assert_msg(found, "%s: no problem at %s", wrong[i].object, wrong[i].path);
        /* A caller that has found the same problem before still gets the verdict. */
        ck_assert_int_eq(meshgateway_parse(json_array_get(object, 0), &config, &gw, &problems), -1);
    }
    config_done(&config);
}
END_TEST

UNIT_MAIN("meshgateway", shorthands_fold, unset_values_are_dropped, scale, identity_is_read,
          ports_are_completed, control_plane_precedence, wrong_types_are_problems)
