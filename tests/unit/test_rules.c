/* SPDX-License-Identifier: Apache-2.0 */
#include "data/jx.h"
#include "data/objectmeta.h"
#include "data/rules.h"
#include "data/rules_ports.h"
#include "support/unit.h"

#include <string.h>

static char *text_of(const struct problems *problems)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(8192);
    for (size_t i = 0; i < problems->count; i++)
        strbuf_addf(
            &text, "%s%s: %s", i ? "\n" : "", problems->items[i].path, problems->items[i].message);
    return strbuf_take(&text);
}

/* One problem each, on an ingress gateway. Single quotes stand for double ones. */
static const struct {
    const char *spec;
    const char *problem; /* "": fine */
} cases[] = {
    {"{}", ""},
    {"{'serviceType':'NodePort','service':{'type':'ClusterIP'}}",
     "spec.serviceType: set serviceType or service.type, not both"},
    {"{'serviceType':'','service':{'type':'ClusterIP'}}", ""},
    {"{'serviceLabels':{},'service':{'metadata':{'labels':{'a':'b'}}}}", ""},
    {"{'resources':{'limits':{'cpu':1}},'deployment':{'resources':{'limits':{'cpu':1}}}}",
     "spec.resources: set resources or deployment.resources, not both"},
    {"{'replicaCount':0,'deployment':{'replicas':0}}",
     "spec.replicaCount: set replicaCount or deployment.replicas, not both"},
    {"{'type':'egress','serviceExternalTrafficPolicy':'Local'}",
     "spec.serviceExternalTrafficPolicy: serviceExternalTrafficPolicy applies only to service "
     "types LoadBalancer and NodePort"},
    {"{'type':'egress','service':{'externalTrafficPolicy':''}}", ""},
    {"{'serviceType':'NodePort','loadBalancerIP':'192.0.2.1'}",
     "spec.loadBalancerIP: loadBalancerIP applies only to service type LoadBalancer"},
    {"{'serviceType':'NodePort','service':{'allocateLoadBalancerNodePorts':false}}",
     "spec.service.allocateLoadBalancerNodePorts: service.allocateLoadBalancerNodePorts applies "
     "only to service type LoadBalancer"},
    {"{'serviceType':'NodePort','service':{'healthCheckNodePort':0}}", ""},
    {"{'service':{'healthCheckNodePort':31000}}",
     "spec.service.healthCheckNodePort: service.healthCheckNodePort needs externalTrafficPolicy "
     "Local"},
    {"{'serviceExternalTrafficPolicy':'Local','service':{'healthCheckNodePort':31000}}", ""},
    {"{'service':{'clusterIP':'None'}}",
     "spec.service.clusterIP: service.clusterIP None applies only to service type ClusterIP"},
    {"{'service':{'clusterIP':'10.0.0'}}", "spec.service.clusterIP: must be an IP address or None"},
    {"{'service':{'loadBalancerSourceRanges':['10.0.0.0/8','10.0.0.0/33']}}",
     "spec.service.loadBalancerSourceRanges[1]: must be an address range, such as 192.0.2.0/24 or "
     "2001:db8::/32"},
    {"{'service':{'externalIPs':['::ffff:10.0.0.1']}}",
     "spec.service.externalIPs[0]: must be an IP address"},
    {"{'service':{'ipFamilies':['IPv4','IPv4']}}",
     "spec.service.ipFamilies: ipFamilies must not name a family twice"},
    {"{'service':{'ipFamilies':['IPv4','IPv6'],'ipFamilyPolicy':'SingleStack'}}",
     "spec.service.ipFamilies: two ipFamilies need ipFamilyPolicy PreferDualStack or "
     "RequireDualStack"},
    {"{'service':{'sessionAffinityConfig':{'clientIP':{'timeoutSeconds':5}}}}",
     "spec.service.sessionAffinityConfig: sessionAffinityConfig needs sessionAffinity ClientIP"},
    {"{'minReplicas':3,'autoscaling':{'maxReplicas':2}}",
     "spec: minReplicas must not be greater than maxReplicas"},
    {"{'maxReplicas':2}", ""},
    {"{'autoscaling':{'targetCPUUtilizationPercentage':50}}",
     "spec.autoscaling.targetCPUUtilizationPercentage: autoscaling.targetCPUUtilizationPercentage "
     "needs minReplicas or maxReplicas, and autoscaling.external not to be set"},
    {"{'minReplicas':2,'autoscaling':{'external':true}}", ""},
    {"{'maxReplicas':2,'autoscaling':{'external':true}}",
     "spec.autoscaling.external: maxReplicas has no effect with autoscaling.external"},
    {"{'podDisruptionBudget':{'minAvailable':'','maxUnavailable':1}}", ""},
    {"{'podDisruptionBudget':{'minAvailable':0,'maxUnavailable':'10%'}}",
     "spec.podDisruptionBudget: set minAvailable or maxUnavailable, not both"},
    {"{'deployment':{'containers':[{'name':'istio-proxy'}]}}",
     "spec.deployment.containers: istio-proxy is the gateway's own container"},
    {"{'additionalEnvVars':[{'name':'A','value':'b','valueFrom':{}}]}",
     "spec.additionalEnvVars[0]: set value or valueFrom, not both"},
    {"{'deployment':{'strategy':{'type':'Recreate','rollingUpdate':{}}}}",
     "spec.deployment.strategy.rollingUpdate: rollingUpdate may not be set for type Recreate"},
    {"{'labels':{'a/b':'','c':''},'serviceAnnotations':{'A/b':''}}", ""},
    {"{'deployment':{'nodeSelector':{'A/b':''}}}",
     "spec.deployment.nodeSelector: every key must be a label name, such as team or "
     "example.com/team"},
    {"{'podAnnotations':{'a b':''}}",
     "spec.podAnnotations: every key must be an annotation name, such as team or "
     "example.com/team"},
    {"{'ports':[{'port':1,'name':'a'},{'port':2,'name':'a'}]}",
     "spec.ports: port names must be unique"},
    {"{'ports':[{'port':1}]}", ""},
    {"{'ports':[{'port':1,'name':'a'},{'port':2}]}",
     "spec.ports: every port needs a name when there are several ports"},
    {"{'type':'egress','ports':[{'port':1,'nodePort':31000}]}",
     "spec.ports: nodePort applies only to service types LoadBalancer and NodePort"},
    {"{'ports':[{'port':1,'name':'a','nodePort':31000},{'port':2,'name':'b','nodePort':31000}]}",
     "spec.ports: node ports must be unique for each protocol"},
    {"{'ports':[{'port':1,'targetPort':'http'}]}", ""},
    {"{'ports':[{'port':1,'targetPort':0}]}",
     "spec.ports[0].targetPort: must be a port number (1-65535) or a port name (at most 15 "
     "lower-case letters, digits and single dashes, at least one letter)"},
    {"{'ports':[{'port':1,'targetPort':'8080'}]}",
     "spec.ports[0].targetPort: must be a port number (1-65535) or a port name (at most 15 "
     "lower-case letters, digits and single dashes, at least one letter)"},
    {"{'ports':[{'port':80}],'servers':[{'hosts':['a.b']}]}", ""},
    {"{'ports':[{'port':81,'name':'web'}],'servers':[{'hosts':['a.b'],'httpPort':'web'}]}", ""},
    {"{'ports':[{'port':81,'name':'web'}],'servers':[{'hosts':['a.b'],'httpPort':82}]}",
     "spec.servers: httpPort must be the name or number of one of ports, with protocol TCP\n"
     "spec.servers: a server without tls needs an HTTP port: a port named http or http2 or with "
     "number 80, or httpPort set to one of ports"},
    {"{'ports':[{'port':80}],'servers':[{'hosts':['a.b'],'tls':{'credentialName':'s'}}]}",
     "spec.servers: a server with tls needs an HTTPS port: a port named https or with number 443, "
     "or httpsPort set to one of ports"},
    {"{'ports':[{'port':443}],'servers':[{'hosts':['a.b'],'tls':{'certificate':{}}}]}",
     "spec.servers: tls.certificate needs an issuer: set acme, or tls.certificate.issuerRef"},
    {"{'ports':[{'port':443}],'acme':{'server':'letsencrypt'},"
     "'servers':[{'hosts':['a.b','*.a.b'],'tls':{'certificate':{}}}]}",
     "spec.servers: a wildcard host cannot be proven by HTTP-01: set tls.certificate.issuerRef or "
     "acme.issuerRef to an issuer that uses DNS-01, or credentialName"},
    {"{'ports':[{'port':443}],'acme':{'server':'letsencrypt'},"
     "'servers':[{'hosts':['*.a.b'],'tls':{'certificate':{'dnsNames':['c.a.b']}}}]}",
     ""},
    {"{'ports':[{'port':443}],'acme':{'issuerRef':{'name':'x'}},"
     "'servers':[{'hosts':['*.a.b'],'tls':{'certificate':{}}}]}",
     ""},
    {"{'ports':[{'port':443}],'servers':[{'hosts':['a'],'tls':{'mode':'PASSTHROUGH'}}]}", ""},
    {"{'ports':[{'port':443}],'servers':[{'hosts':['a'],'tls':{'mode':'MUTUAL'}}]}",
     "spec.servers[0].tls: set credentialName or certificate: this mode needs one"},
    {"{'ports':[{'port':443}],'servers':[{'hosts':['a'],"
     "'tls':{'mode':'PASSTHROUGH','credentialName':'s'}}]}",
     "spec.servers[0].tls: credentialName and certificate have no effect with modes PASSTHROUGH, "
     "AUTO_PASSTHROUGH and ISTIO_MUTUAL"},
    {"{'ports':[{'port':80}],'servers':[{'hosts':['a'],'httpsRedirect':true}]}",
     "spec.servers[0].httpsRedirect: httpsRedirect needs tls"},
    {"{'ports':[{'port':80}],'servers':[{'hosts':['a'],'name':'x'},{'hosts':['b'],'name':'x'}]}",
     "spec.servers: server names must be unique"},
    {"{'ports':[{'port':80}],'servers':[{'hosts':['a'],'name':'server-1'},{'hosts':['b']}]}",
     "spec.servers: server-<number> is what servers without a name are called: name all of them, "
     "or choose another name"},
    {"{'ports':[{'port':80}],'servers':[{'hosts':['a'],'name':'server-1'}]}", ""},
    {"{'ports':[{'port':80,'protocol':'UDP'}],'servers':[{'hosts':['a']}]}",
     "spec.servers: a server without tls needs an HTTP port: a port named http or http2 or with "
     "number 80, or httpPort set to one of ports"},
    {"{'ports':[{'port':443}],'servers':[{'hosts':['a'],'httpsRedirect':true,"
     "'tls':{'credentialName':'s'}}]}",
     "spec.servers: httpsRedirect needs an HTTP port: a port named http or http2 or with number "
     "80, or httpPort set to one of ports"},
    {"{'ports':[{'port':443}],'servers':[{'hosts':['ns/*'],"
     "'tls':{'certificate':{'issuerRef':{'name':'x'}}}}]}",
     "spec.servers[0].hosts: no certificate is for host *: list its names in "
     "tls.certificate.dnsNames"},
    {"{'ports':[{'port':443}],'servers':[{'hosts':['a'],"
     "'tls':{'certificate':{'issuerRef':{'name':'x'},'dnsNames':['2001:db8::g']}}}]}",
     "spec.servers[0].tls.certificate.dnsNames: a name with a colon must be an IPv6 address"},
    {"{'ports':[{'port':443}],'servers':[{'hosts':['a'],"
     "'tls':{'mode':'PASSTHROUGH','cipherSuites':['x'],'subjectAltNames':['y']}}]}",
     "spec.servers[0].tls: minProtocolVersion, maxProtocolVersion and cipherSuites have no effect "
     "with modes PASSTHROUGH and AUTO_PASSTHROUGH\n"
     "spec.servers[0].tls.subjectAltNames: subjectAltNames needs a mode with certificates of "
     "clients: MUTUAL, OPTIONAL_MUTUAL or ISTIO_MUTUAL"},
    {"{'ports':[{'port':443}],'servers':[{'hosts':['a'],'tls':{'credentialName':'s',"
     "'minProtocolVersion':'TLSV1_3','maxProtocolVersion':'TLSV1_2'}}]}",
     "spec.servers[0].tls.minProtocolVersion: minProtocolVersion must not be above "
     "maxProtocolVersion"},
    {"{'acme':{}}", ""},
    {"{'acme':{'email':'a@b.c'}}", "spec.acme: set server or issuerRef"},
    {"{'acme':{'server':'letsencrypt','issuerRef':{'name':'x'}}}",
     "spec.acme.issuerRef: issuerRef stands alone: the other fields describe an Issuer of the "
     "gateway's own"},
};

static json_t *parse(const char *single_quoted)
{
    AUTO_FREE char *text = xstrdup(single_quoted);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    struct err err = {0};
    json_t *parsed = jx_parse(text, strlen(text), &err);
    ck_assert_msg(parsed != NULL, "%s: %s", text, err.msg);
    return parsed;
}

START_TEST(rules)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *object =
            OBJ(F("metadata", OBJ(F("name", STR("gateway")))), F("spec", parse(cases[i].spec)));
        AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
        rules_check(object, &problems);
        AUTO_FREE char *found = text_of(&problems);
        ck_assert_msg(strcmp(found, cases[i].problem) == 0, "%s: %s", cases[i].spec, found);
    }
}
END_TEST

/* Every value of every case in the place of every other: any type anywhere is survived. */
START_TEST(wrong_types_are_survived)
{
    static const char *const values[] = {
        "null", "true", "7", "1.5", "'x'", "[]", "[[]]", "[7]", "{}", "{'a':{'b':7}}"};
    json_auto_t *nothing = json_null();
    AUTO_PROBLEMS struct problems ignored = PROBLEMS_INIT;
    rules_check(nothing, &ignored);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *original = parse(cases[i].spec);
        const char *key;
        json_t *member;
        json_object_foreach (original, key, member) {
            for (size_t k = 0; k < ARRAY_LEN(values); k++) {
                AUTO_FREE char *wrapped = xasprintf("[%s]", values[k]);
                json_auto_t *list = parse(wrapped);
                json_auto_t *spec = json_deep_copy(original);
                json_object_set(spec, key, json_array_get(list, 0));
                json_auto_t *object =
                    OBJ(F("metadata", REF(json_array_get(list, 0))), F("spec", REF(spec)));
                AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
                rules_check(object, &problems);
                objectmeta_check(object, &problems);
            }
        }
    }
}
END_TEST

START_TEST(addresses)
{
    static const struct {
        const char *text;
        bool ip, cidr;
    } list[] = {
        {"192.0.2.1", true, false},
        {"192.0.2.01", false, false},
        {"192.0.2", false, false},
        {"2001:db8::1", true, false},
        {"::", true, false},
        {"fe80::1%eth0", false, false},
        {"::ffff:192.0.2.1", false, false},
        {"192.0.2.0/24", false, true},
        {"192.0.2.0/33", false, false},
        {"192.0.2.0/024", false, false},
        {"192.0.2.0/", false, false},
        {"192.0.2.0/-1", false, false},
        {"2001:db8::/129", false, false},
        {"2001:db8::/32", false, true},
        {"", false, false},
        {" 192.0.2.1", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        ck_assert_msg(rules_ports_is_ip(list[i].text) == list[i].ip, "ip %s", list[i].text);
        ck_assert_msg(rules_ports_is_cidr(list[i].text) == list[i].cidr, "cidr %s", list[i].text);
    }
}
END_TEST

#define A63 "a23456789012345678901234567890123456789012345678901234567890123"

START_TEST(metadata)
{
    static const struct {
        const char *metadata;
        const char *problem;
    } list[] = {
        {"{'name':'a'}", ""},
        {"{'name':'" A63 "'}", ""},
        {"{'name':'" A63 "a'}", "metadata.name"},
        {"{'name':'1a'}", "metadata.name"},
        {"{'name':'a-'}", "metadata.name"},
        {"{'name':'a.b'}", "metadata.name"},
        {"{'name':''}", "metadata.name"},
        {"{}", "metadata.name"},
        {"{'generateName':'a-'}", ""},
        {"{'generateName':'a/b'}", "metadata.generateName"},
        {"{'name':'a','namespace':'b'}", ""},
        {"{'name':'a','namespace':'b.c'}", "metadata.namespace"},
        {"{'name':'a','labels':{'a/b':'C_d'}}", ""},
        {"{'name':'a','labels':{'A/b':'c'}}", "metadata.labels[\"A/b\"]"},
        {"{'name':'a','labels':{'a':'-'}}", "metadata.labels.a"},
        {"{'name':'a','labels':{'a':'" A63 "a'}}", "metadata.labels.a"},
        {"{'name':'a','labels':{'':'b'}}", "metadata.labels[\"\"]"},
        {"{'name':'a','annotations':{'A/b':'any thing'}}", ""},
        {"{'name':'a','annotations':{'a/b/c':''}}", "metadata.annotations[\"a/b/c\"]"},
        {"{'name':'a','finalizers':['x y']}", "metadata.finalizers[0]"},
        {"{'name':'a','ownerReferences':[{'apiVersion':'v1','kind':'A','name':'b','uid':''}]}",
         "metadata.ownerReferences[0].uid"},
    };
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        json_auto_t *object = OBJ(F("metadata", parse(list[i].metadata)), F("spec", json_object()));
        AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
        objectmeta_check(object, &problems);
        rules_check(object, &problems);
        const char *path = problems.count ? problems.items[0].path : "";
        ck_assert_msg(
            strcmp(path, list[i].problem) == 0, "%s: problem of %s", list[i].metadata, path);
    }
}
END_TEST

UNIT_MAIN("rules", rules, wrong_types_are_survived, addresses, metadata)
