/* SPDX-License-Identifier: Apache-2.0 */
#include "data/mesh.h"

#include "data/jx.h"
#include "data/object.h"
#include "data/proxy.h"
#include "data/yamlio.h"

#include <stdlib.h>
#include <string.h>

char *mesh_map_name(const char *base, const char *revision)
{
    return proxy_is_default(revision) ? xstrdup(base) : xasprintf("%s-%s", base, revision);
}

/* The YAML under a key of a ConfigMap: an object, new. NULL: nothing, or -1 with an error. */
static int read_key(const json_t *map, const char *key, json_t **ret, struct err *err)
{
    *ret = NULL;
    const char *text = json_string_value(json_object_get(jx_object(map, "data"), key));
    if (!text)
        return 0;
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    AUTO_FREE char *name = xasprintf(
        "ConfigMap %s of namespace %s, key %s", object_name(map), object_namespace(map), key);
    if (yamlio_read(text, strlen(text), name, &stream, err) < 0)
        return -1;
    if (stream.count > 0 && json_is_object(stream.documents[0].root))
        *ret = json_incref(stream.documents[0].root);
    return 0;
}

/* Istio's tags are sometimes written as numbers: "1.30" without quotes. */
static char *scalar_text(const json_t *value)
{
    if (json_is_string(value))
        return xstrdup(json_string_value(value));
    char *text =
        json_is_number(value) ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)) : NULL;
    return text ? text : xstrdup("");
}

/* As istiod does it: a variant that the tag has already is replaced, "default" means none. */
static char *with_variant(const char *tag, const char *variant)
{
    static const char *const known[] = {"-distroless", "-debug"};
    if (variant[0] == '\0')
        return xstrdup(tag);
    size_t len = strlen(tag);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        size_t suffix = strlen(known[i]);
        if (len >= suffix && strcmp(tag + len - suffix, known[i]) == 0) {
            len -= suffix;
            break;
        }
    }
    bool plain = strcmp(variant, "default") == 0;
    return xasprintf("%.*s%s%s", (int)len, tag, plain ? "" : "-", plain ? "" : variant);
}

static void take_image(struct config *config, const json_t *global, const json_t *mesh)
{
    const char *image = jx_str(global, "proxy.image", "proxyv2");
    if (strchr(image, '/')) {
        config_set(&config->proxy_image, image);
        return;
    }
    const char *hub = jx_str(global, "hub", "");
    AUTO_FREE char *tag = scalar_text(jx_get(global, "tag"));
    if (hub[0] == '\0' || tag[0] == '\0')
        return;
    const char *variant =
        jx_str(mesh, "defaultConfig.image.imageType", jx_str(global, "variant", ""));
    AUTO_FREE char *full_tag = with_variant(tag, variant);
    AUTO_FREE char *whole = xasprintf("%s/%s:%s", hub, image[0] ? image : "proxyv2", full_tag);
    config_set(&config->proxy_image, whole);
}

/* The chart has names of Secrets, a pod wants objects. */
static void take_pull_secrets(struct config *config, const json_t *names)
{
    json_auto_t *secrets = json_array();
    size_t i;
    json_t *name;
    json_array_foreach (names, i, name)
        if (json_is_string(name))
            json_array_append_new(secrets, OBJ(F("name", REF(name))));
    if (json_array_size(secrets) == 0)
        return;
    json_decref(config->image_pull_secrets);
    config->image_pull_secrets = TAKE(secrets);
}

/* The chart's user takes an entry away by null. */
static void take_resources(struct config *config, const json_t *resources)
{
    if (jx_empty(resources))
        return;
    json_decref(config->resources);
    config->resources = json_deep_copy(resources);
    jx_drop_nulls(config->resources);
}

static void take_values(struct config *config, const json_t *values, const json_t *mesh)
{
    const json_t *global = jx_object(values, "global");
    take_image(config, global, mesh);
    take_resources(config, jx_object(global, "proxy.resources"));
    take_pull_secrets(config, jx_array(global, "imagePullSecrets"));
    config_set(&config->image_pull_policy, jx_str(global, "imagePullPolicy", NULL));
    config_set(&config->cluster_id, jx_str(global, "multiCluster.clusterName", NULL));
    config_set(&config->mesh_id, jx_str(global, "meshID", NULL));
    config_set(&config->network, jx_str(global, "network", NULL));
    config_set(&config->ca_address, jx_str(global, "caAddress", NULL));
    config_set(&config->cluster_domain, jx_str(global, "proxy.clusterDomain", NULL));
    config_set(&config->log_level, jx_str(global, "proxy.logLevel", NULL));
    config_set(&config->component_log_level, jx_str(global, "proxy.componentLogLevel", NULL));
    config_set(&config->trust_domain, jx_str(global, "trustDomain", NULL));
}

static void take_mesh(struct config *config, const json_t *mesh)
{
    config_set(&config->trust_domain, jx_str(mesh, "trustDomain", NULL));
    json_t *defaults = jx_object(mesh, "defaultConfig");
    if (!defaults)
        return;
    json_auto_t *said = json_deep_copy(defaults);
    jx_drop_nulls(said);
    json_t *merged = jx_merge(config->proxy_config, said);
    json_decref(config->proxy_config);
    config->proxy_config = merged;
}

static void take_control_plane(struct config *config, const struct mesh_source *source)
{
    if (strcmp(config->istio_namespace, source->ns) != 0 ||
        strcmp(config->revision, source->revision) != 0) {
        json_t *without_address = json_copy(config->proxy_config);
        json_object_del(without_address, "discoveryAddress");
        json_decref(config->proxy_config);
        config->proxy_config = without_address;
        config->discovery_address[0] = '\0';
        config->ca_address[0] = '\0';
    }
    config_set(&config->istio_namespace, source->ns);
    free(config->revision);
    config->revision = xstrdup(source->revision);
    free(config->tagged_revision);
    config->tagged_revision = xstrdup(source->tagged_revision);
}

int mesh_configure(const struct config *base, const struct mesh_source *source, struct config *ret,
                   struct err *err)
{
    json_auto_t *mesh = NULL;
    json_auto_t *values = NULL;
    if (read_key(source->config_map, "mesh", &mesh, err) < 0 ||
        read_key(source->injector_map, "values", &values, err) < 0)
        return -1;
    config_copy(base, ret);
    take_control_plane(ret, source);
    take_values(ret, values, mesh);
    take_mesh(ret, mesh);
    return 0;
}
