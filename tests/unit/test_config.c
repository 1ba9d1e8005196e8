/* SPDX-License-Identifier: Apache-2.0 */
#include "data/config.h"
#include "data/jx.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Loads a text as a file. */
static int load(const char *text, struct config *ret, struct err *err)
{
    char path[] = "/tmp/meshgateway-config-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int rc = config_load(path, ret, err);
    unlink(path);
    return rc;
}

START_TEST(silence_means_built_in)
{
    static const char *const texts[] = {
        "",
        "# nothing\n",
        "{}\n",
        "istioNamespace:\ntrustDomain: ''\nproxyImage: null\nresources: ~\nproxyConfig:\n",
    };
    struct config built_in;
    config_init(&built_in);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct config config;
        struct err err = {.kind = ERR_NONE};
        ck_assert_msg(load(texts[i], &config, &err) == 0, "%s", err.msg);
        ck_assert_str_eq(config.istio_namespace, built_in.istio_namespace);
        ck_assert_str_eq(config.trust_domain, "cluster.local");
        ck_assert_str_eq(config.proxy_image, built_in.proxy_image);
        ck_assert(json_equal(config.resources, built_in.resources));
        ck_assert(json_equal(config.proxy_config, built_in.proxy_config));
        config_done(&config);
    }
    config_done(&built_in);
}
END_TEST

START_TEST(every_key_is_known)
{
    for (const struct config_key *key = config_keys; key->name; key++) {
        struct config config;
        struct err err = {.kind = ERR_NONE};
        AUTO_FREE char *text = xasprintf("%s:\n", key->name);
        ck_assert_msg(load(text, &config, &err) == 0, "%s", err.msg);
        config_done(&config);
    }
}
END_TEST

START_TEST(every_field_is_read)
{
    struct config c;
    struct err err = {.kind = ERR_NONE};
    int rc = load("istioNamespace: a\nrevision: 1-31\nproxyImage: c\nclusterID: d\nmeshID: 017\n"
                  "trustDomain: f\nclusterDomain: g\nnetwork: h\ncaAddress: i:1\n"
                  "discoveryAddress: j:2\nlogLevel: k\ncomponentLogLevel: l:m\n"
                  "imagePullPolicy: Always\nimagePullSecrets: [{name: s}]\n"
                  "proxyConfig:\n  concurrency: 2\n  tracing: null\n  nested: {list: [1, two]}\n"
                  "resources: {}\n",
                  &c,
                  &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    const char *const found[] = {c.istio_namespace,
                                 c.revision,
                                 c.proxy_image,
                                 c.cluster_id,
                                 c.mesh_id,
                                 c.trust_domain,
                                 c.cluster_domain,
                                 c.network,
                                 c.ca_address,
                                 c.discovery_address,
                                 c.log_level,
                                 c.component_log_level,
                                 c.image_pull_policy};
    const char *const wanted[] = {
        "a", "1-31", "c", "d", "017", "f", "g", "h", "i:1", "j:2", "k", "l:m", "Always"};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        ck_assert_str_eq(found[i], wanted[i]);
    AUTO_FREE char *proxy_config = jx_canonical(c.proxy_config);
    ck_assert_str_eq(proxy_config, "{\"concurrency\":2,\"nested\":{\"list\":[1,\"two\"]}}");
    ck_assert_uint_eq(json_object_size(c.resources), 0);
    config_done(&c);
}
END_TEST

START_TEST(mistakes_are_named)
{
    static const struct {
        const char *text;
        const char *message; /* after the path */
    } cases[] = {
        {"revision: x\n\nproxyimage: y\n", ":3: unknown field proxyimage"},
        {"meshID: a\nrevision: {a: b}\n", ":2: revision: "},
        {"revision: [a]\n", ":1: revision: "},
        {"- a\n", ":1: "},
        {"revision: a\nproxyConfig: text\n", ":2: proxyConfig: must be a mapping"},
        {"resources:\n- a\n", ":1: resources: must be a mapping"},
        {"imagePullSecrets: a\n", ":1: imagePullSecrets: must be a list"},
        {"revision: a\nrevision: b\n", ":2:"},
        {"revision: [\n", ":"},
        {"{}\n---\n{}\n", ": more than one document"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config config = {.revision = NULL};
        struct err err = {.kind = ERR_NONE};
        ck_assert_int_eq(load(cases[i].text, &config, &err), -1);
        ck_assert_ptr_null(config.revision);
        ck_assert_int_eq(err.kind, ERR_INVALID);
        const char *after = strchr(err.msg, ':');
        ck_assert_msg(after && strncmp(after, cases[i].message, strlen(cases[i].message)) == 0,
                      "%s: %s",
                      cases[i].text,
                      err.msg);
    }
    struct config config;
    struct err err = {.kind = ERR_NONE};
    ck_assert_int_eq(config_load("/nonexistent/config.yaml", &config, &err), -1);
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
}
END_TEST

UNIT_MAIN("config", silence_means_built_in, every_key_is_known, every_field_is_read,
          mistakes_are_named)
