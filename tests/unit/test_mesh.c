/* SPDX-License-Identifier: Apache-2.0 */
#include "data/mesh.h"
#include "data/proxy.h"
#include "support/gateway.h"
#include "support/unit.h"

/* A ConfigMap with one key; NULL text: none. */
static json_t *config_map(const char *key, const char *text)
{
    if (!text)
        return NULL;
    return OBJ(F("metadata", OBJ(F("name", STR("istio")), F("namespace", STR("istio-system")))),
               F("data", OBJ(F(key, STR(text)))));
}

static int configure(const char *mesh, const char *values, struct config *ret, struct err *err)
{
    json_auto_t *config = config_map("mesh", mesh);
    json_auto_t *injector = config_map("values", values);
    struct mesh_source source = {.ns = "istio-system",
                                 .revision = "",
                                 .tagged_revision = "",
                                 .config_map = config,
                                 .injector_map = injector};
    struct config base;
    config_init(&base);
    int rc = mesh_configure(&base, &source, ret, err);
    config_done(&base);
    return rc;
}

static void configured(const char *mesh, const char *values, struct config *ret)
{
    struct err err = {.kind = ERR_NONE};
    int rc = configure(mesh, values, ret, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
}

START_TEST(every_value_is_taken)
{
    struct config c;
    configured("trustDomain: example.com\n"
               "defaultConfig:\n  concurrency: 3\n  tracing: null\n",
               "global:\n"
               "  hub: registry.example.com/istio\n  tag: 1.32.0\n  variant: distroless\n"
               "  caAddress: ca:1\n  meshID: mesh1\n  network: net1\n  imagePullPolicy: Always\n"
               "  imagePullSecrets: [one, two]\n"
               "  multiCluster: {clusterName: cluster1}\n"
               "  proxy:\n    clusterDomain: cluster.example\n    logLevel: info\n"
               "    componentLogLevel: misc:info\n"
               "    resources: {requests: {cpu: 10m, memory: null}}\n",
               &c);
    ck_assert_str_eq(c.proxy_image, "registry.example.com/istio/proxyv2:1.32.0-distroless");
    ck_assert_str_eq(c.trust_domain, "example.com");
    ck_assert_str_eq(c.ca_address, "ca:1");
    ck_assert_str_eq(c.mesh_id, "mesh1");
    ck_assert_str_eq(c.network, "net1");
    ck_assert_str_eq(c.image_pull_policy, "Always");
    ck_assert_str_eq(c.cluster_id, "cluster1");
    ck_assert_str_eq(c.cluster_domain, "cluster.example");
    ck_assert_str_eq(c.log_level, "info");
    ck_assert_str_eq(c.component_log_level, "misc:info");
    AUTO_FREE char *secrets = jx_compact(c.image_pull_secrets);
    ck_assert_str_eq(secrets, "[{\"name\":\"one\"},{\"name\":\"two\"}]");
    AUTO_FREE char *resources = jx_compact(c.resources);
    ck_assert_str_eq(resources, "{\"requests\":{\"cpu\":\"10m\"}}");
    AUTO_FREE char *proxy = jx_compact(c.proxy_config);
    ck_assert_str_eq(proxy, "{\"concurrency\":3}");
    config_done(&c);
}
END_TEST

START_TEST(image_of_the_mesh)
{
    static const struct {
        const char *mesh, *values, *image;
    } cases[] = {
        {NULL, "global: {hub: h, tag: 1.31.1}", "h/proxyv2:1.31.1"},
        {NULL, "global: {hub: h, tag: 1.31}", "h/proxyv2:1.31"},
        {NULL, "global: {hub: h, tag: 1.31.1-distroless}", "h/proxyv2:1.31.1-distroless"},
        {NULL, "global: {hub: h, tag: t-debug, variant: distroless}", "h/proxyv2:t-distroless"},
        {NULL, "global: {hub: h, tag: t-debug, variant: default}", "h/proxyv2:t"},
        {"defaultConfig: {image: {imageType: debug}}",
         "global: {hub: h, tag: t, variant: distroless}",
         "h/proxyv2:t-debug"},
        {NULL, "global: {hub: h, tag: t, proxy: {image: mine}}", "h/mine:t"},
        {NULL, "global: {hub: h, tag: t, proxy: {image: r/mine:1}}", "r/mine:1"},
        /* Half of an image is none. */
        {NULL, "global: {hub: h}", "docker.io/istio/proxyv2:1.31.1"},
        {NULL, "global: {tag: t}", "docker.io/istio/proxyv2:1.31.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config c;
        configured(cases[i].mesh, cases[i].values, &c);
        ck_assert_str_eq(c.proxy_image, cases[i].image);
        config_done(&c);
    }
}
END_TEST

START_TEST(what_makes_no_sense_says_nothing)
{
    static const struct {
        const char *mesh, *values;
    } cases[] = {
        {NULL, NULL},
        {"", ""},
        {"text", "[1]"},
        {"defaultConfig: 1\ntrustDomain: [a]", "global: x"},
        {"unknown: {a: b}", "global: {proxy: 3, tag: {a: b}, hub: 1, imagePullSecrets: [{}, 1]}"},
        {"trustDomain: null", "global: {meshID: '', network: null, proxy: {resources: {}}}"},
    };
    struct config base;
    config_init(&base);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config c;
        configured(cases[i].mesh, cases[i].values, &c);
        ck_assert_str_eq(c.proxy_image, base.proxy_image);
        ck_assert_str_eq(c.trust_domain, base.trust_domain);
        ck_assert_str_eq(c.mesh_id, base.mesh_id);
        ck_assert(json_equal(c.resources, base.resources));
        ck_assert(json_equal(c.image_pull_secrets, base.image_pull_secrets));
        ck_assert(json_equal(c.proxy_config, base.proxy_config));
        config_done(&c);
    }
    config_done(&base);
}
END_TEST

START_TEST(a_text_that_is_no_yaml_is_an_error)
{
    struct config c = {.revision = NULL};
    struct err err = {.kind = ERR_NONE};
    ck_assert_int_eq(configure("a: [", NULL, &c, &err), -1);
    ck_assert_ptr_null(c.revision);
    ck_assert_msg(
        strstr(err.msg, "ConfigMap istio of namespace istio-system, key mesh"), "%s", err.msg);
    ck_assert_int_eq(configure(NULL, "{", &c, &err), -1);
}
END_TEST

START_TEST(names_of_config_maps)
{
    static const struct {
        const char *revision, *name;
    } cases[] = {{"", "istio"}, {"default", "istio"}, {"1-31", "istio-1-31"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *name = mesh_map_name(MESH_CONFIG_MAP, cases[i].revision);
        ck_assert_str_eq(name, cases[i].name);
    }
}
END_TEST

/* The gateway's address of istiod, with a mesh of this namespace and revision. */
static char *address(const struct config *base, const char *ns, const char *revision,
                     const char *tagged, const char *spec)
{
    struct mesh_source source = {.ns = ns, .revision = revision, .tagged_revision = tagged};
    struct config config;
    ck_assert_int_eq(mesh_configure(base, &source, &config, NULL), 0);
    AUTO_FREE char *text = xasprintf(
        "{'metadata': {'name': 'g'}, 'spec': {'type': 'ingress', 'ports': [], %s}}", spec);
    json_auto_t *object = gateway_json(text);
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct meshgateway gw;
    ck_assert_int_eq(meshgateway_parse(object, &config, &gw, &problems), 0);
    char *found = xstrdup(gw.ca_address);
    meshgateway_done(&gw);
    config_done(&config);
    return found;
}

START_TEST(address_of_the_control_plane)
{
    static const struct {
        const char *ns, *revision, *tagged, *spec, *address;
    } cases[] = {
        /* The operator's own control plane: what its configuration says. */
        {"istio-system", "", "", "'proxy': {}", "own:1"},
        {"istio-system",
         "1-31",
         "",
         "'proxy': {'revision': '1-31'}",
         "istiod-1-31.istio-system.svc:15012"},
        {"istio-system",
         "prod",
         "1-30",
         "'proxy': {'revision': 'prod'}",
         "istiod-1-30.istio-system.svc:15012"},
        {"istio-system",
         "prod",
         "default",
         "'proxy': {'revision': 'prod'}",
         "istiod.istio-system.svc:15012"},
        {"mesh", "", "", "'istioControlPlane': {'namespace': 'mesh'}", "istiod.mesh.svc:15012"},
        {"mesh",
         "a",
         "",
         "'istioControlPlane': {'name': 'a', 'namespace': 'mesh'}",
         "istiod-a.mesh.svc:15012"},
    };
    struct config base;
    config_init(&base);
    config_set(&base.ca_address, "own:1");
    config_set(&base.discovery_address, "own:2");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *found =
            address(&base, cases[i].ns, cases[i].revision, cases[i].tagged, cases[i].spec);
        ck_assert_str_eq(found, cases[i].address);
    }
    config_done(&base);
}
END_TEST

START_TEST(which_control_plane)
{
    static const struct {
        const char *gateway, *ns, *revision;
        bool injected;
    } cases[] = {
        {"{}", "istio-system", "base", false},
        {"{'spec': {'proxy': {'revision': '', 'istioNamespace': ''}}}",
         "istio-system",
         "base",
         false},
        {"{'spec': {'istioControlPlane': {'name': 'a', 'namespace': 'b'}}}", "b", "a", false},
        {"{'spec': {'proxy': {'revision': 'c', 'mode': 'Injected'}, 'istioControlPlane': {'name': "
         "'a'}}}",
         "istio-system",
         "c",
         true},
        {"{'spec': {'proxy': 1, 'istioControlPlane': [1]}}", "istio-system", "base", false},
    };
    struct config base;
    config_init(&base);
    config_set(&base.revision, "base");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *gateway = gateway_json(cases[i].gateway);
        struct proxy_control_plane found;
        proxy_control_plane(gateway, &base, &found);
        ck_assert_str_eq(found.ns, cases[i].ns);
        ck_assert_str_eq(found.revision, cases[i].revision);
        ck_assert_int_eq(found.injected, cases[i].injected);
    }
    config_done(&base);
}
END_TEST

/* A mesh that spells out what proxies assume anyway renders the same pods as one that does not. */
START_TEST(defaults_are_left_out)
{
    struct config c;
    configured("defaultConfig:\n"
               "  binaryPath: /usr/local/bin/envoy\n  configPath: ./etc/istio/proxy\n"
               "  controlPlaneAuthPolicy: MUTUAL_TLS\n  drainDuration: 45s\n"
               "  discoveryAddress: istiod.istio-system.svc:15012\n  proxyAdminPort: 15000\n"
               "  serviceCluster: istio-proxy\n  statNameLength: 189\n  statusPort: 15020\n"
               "  terminationDrainDuration: 5s\n  concurrency: 2\n",
               NULL,
               &c);
    json_auto_t *object = gateway_json(GATEWAY_SEED);
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct meshgateway gw;
    ck_assert_int_eq(meshgateway_parse(object, &c, &gw, &problems), 0);
    AUTO_FREE char *proxy = jx_canonical(gw.proxy_config);
    ck_assert_str_eq(proxy, "{\"concurrency\":2,\"terminationDrainDuration\":\"30s\"}");
    meshgateway_done(&gw);
    config_done(&c);
}
END_TEST

UNIT_MAIN("mesh", every_value_is_taken, image_of_the_mesh, what_makes_no_sense_says_nothing,
          a_text_that_is_no_yaml_is_an_error, names_of_config_maps, address_of_the_control_plane,
          which_control_plane, defaults_are_left_out)
