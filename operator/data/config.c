/* SPDX-License-Identifier: Apache-2.0 */
#include "data/config.h"

#include "base/file.h"
#include "base/limits.h"
#include "data/jx.h"
#include "data/yamlio.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(key, member)                                                                          \
    CYAML_FIELD_STRING_PTR(key,                                                                    \
                           CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER_NULL_STR,                      \
                           struct config,                                                          \
                           member,                                                                 \
                           0,                                                                      \
                           CYAML_UNLIMITED)

static const cyaml_schema_field_t fields[] = {
    TEXT("istioNamespace", istio_namespace),
    TEXT("revision", revision),
    TEXT("proxyImage", proxy_image),
    TEXT("clusterID", cluster_id),
    TEXT("meshID", mesh_id),
    TEXT("trustDomain", trust_domain),
    TEXT("clusterDomain", cluster_domain),
    TEXT("network", network),
    TEXT("caAddress", ca_address),
    TEXT("discoveryAddress", discovery_address),
    TEXT("logLevel", log_level),
    TEXT("componentLogLevel", component_log_level),
    TEXT("imagePullPolicy", image_pull_policy),
    /* Of no fixed shape, which libcyaml cannot express: taken from the JSON of the same text. */
    CYAML_FIELD_IGNORE("proxyConfig", CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_IGNORE("resources", CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_IGNORE("imagePullSecrets", CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_END,
};

const struct config_key config_keys[] = {
    {"istioNamespace", "where istiod runs; default: istio-system"},
    {"revision", "Istio revision or tag: label istio.io/rev, and istiod's name; default: none"},
    {"proxyImage", "image of the proxy in mode Explicit; default: docker.io/istio/proxyv2:1.31.1"},
    {"clusterID", "ISTIO_META_CLUSTER_ID of the proxy; default: Kubernetes"},
    {"meshID", "ISTIO_META_MESH_ID of the proxy; default: the trust domain"},
    {"trustDomain", "TRUST_DOMAIN of the proxy; default: cluster.local"},
    {"clusterDomain", "DNS suffix of Services; default: cluster.local"},
    {"network", "label topology.istio.io/network; default: none"},
    {"caAddress", "where the proxy gets certificates; default: istiod's Service"},
    {"discoveryAddress", "where the proxy gets its configuration; default: istiod's Service"},
    {"logLevel", "of the proxy; default: warning"},
    {"componentLogLevel", "of the proxy; default: misc:error"},
    {"imagePullPolicy", "of the pods in mode Explicit; default: none"},
    {"imagePullSecrets", "of the pods in mode Explicit, a list of {name}; default: none"},
    {"proxyConfig",
     "Istio's ProxyConfig, as in meshConfig.defaultConfig; spec.proxy.config of a MeshGateway is "
     "merged over it; default: {}"},
    {"resources",
     "of the proxy, where the spec says nothing; default: requests of 100m and 128Mi, limits of "
     "2 and 1Gi"},
    {NULL, NULL},
};
_Static_assert(ARRAY_LEN(config_keys) == ARRAY_LEN(fields), "every key is explained");

static const cyaml_schema_value_t file_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, fields),
};

/* The member that a row of the table stands for; NULL when it is no text. */
static char **text_of(struct config *config, const cyaml_schema_field_t *field)
{
    if (field->value.type != CYAML_STRING)
        return NULL;
    void *member = (char *)config + field->data_offset;
    return member;
}

void config_init(struct config *config)
{
    *config = (struct config){
        .istio_namespace = xstrdup("istio-system"),
        .revision = xstrdup(""),
        .tagged_revision = xstrdup(""),
        .proxy_image = xstrdup("docker.io/istio/proxyv2:1.31.1"),
        .cluster_id = xstrdup("Kubernetes"),
        .mesh_id = xstrdup(""),
        .trust_domain = xstrdup("cluster.local"),
        .cluster_domain = xstrdup("cluster.local"),
        .network = xstrdup(""),
        .ca_address = xstrdup(""),
        .discovery_address = xstrdup(""),
        .log_level = xstrdup("warning"),
        .component_log_level = xstrdup("misc:error"),
        .image_pull_policy = xstrdup(""),
        .image_pull_secrets = json_array(),
        .proxy_config = json_object(),
        /* Quantities as the API server would write them: 2000m is 2, 1024Mi is 1Gi. */
        .resources = OBJ(F("requests", OBJ(F("cpu", STR("100m")), F("memory", STR("128Mi")))),
                         F("limits", OBJ(F("cpu", STR("2")), F("memory", STR("1Gi"))))),
    };
}

/* What libcyaml says about a failure, and the key of the file that it speaks of. */
struct complaint {
    char *reason;
    char *key;
};

static void collect_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
    PRINTF_LIKE(3, 0);

static void collect_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
    static const char unknown[] = "Load: Unexpected key: ";
    static const char reason[] = "Load: ";
    static const char field[] = "  in mapping field '";
    struct complaint *complaint = ctx;
    AUTO_FREE char *line = NULL;
    if (level < CYAML_LOG_ERROR || vasprintf(&line, fmt, args) < 0)
        return;
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, unknown, strlen(unknown)) == 0 && !complaint->reason) {
        complaint->key = xstrdup(line + strlen(unknown));
        complaint->reason = xasprintf("unknown field %s", complaint->key);
    } else if (strncmp(line, reason, strlen(reason)) == 0 && !complaint->reason) {
        complaint->reason = xstrdup(line + strlen(reason));
    } else if (strncmp(line, field, strlen(field)) == 0 && !complaint->key) {
        const char *key = line + strlen(field);
        complaint->key = xstrndup(key, strcspn(key, "'"));
    }
}

static void *allocate(void *ctx UNUSED, void *pointer, size_t size)
{
    if (size > 0)
        return xrealloc(pointer, size);
    free(pointer);
    return NULL;
}

/* libcyaml knows only about where it is wrong; the line of the key is exact. */
static int describe(const struct complaint *complaint, const struct yamlio_document *document,
                    const char *path, struct err *err)
{
    const char *key = complaint->key ? complaint->key : "";
    bool named = key[0] && !strstr(complaint->reason, key);
    return err_set(err,
                   ERR_INVALID,
                   "%s:%d: %s%s%s",
                   path,
                   yamlio_line(document, key),
                   named ? key : "",
                   named ? ": " : "",
                   complaint->reason);
}

/* Moves what the file says over what there is. "" is as silent as a missing key. */
static void take_texts(struct config *config, struct config *read)
{
    for (const cyaml_schema_field_t *field = fields; field->key; field++) {
        char **value = text_of(config, field);
        char **said = text_of(read, field);
        if (!said || !*said || !**said)
            continue;
        free(*value);
        *value = TAKE(*said);
    }
}

static int read_texts(const char *text, size_t len, const struct yamlio_document *document,
                      const char *path, struct config *config, struct err *err)
{
    struct complaint complaint = {.reason = NULL};
    const cyaml_config_t reader = {
        .log_fn = collect_log,
        .log_ctx = &complaint,
        .mem_fn = allocate,
        .log_level = CYAML_LOG_ERROR,
    };
    cyaml_data_t *data = NULL;
    cyaml_err_t result =
        cyaml_load_data((const uint8_t *)text, len, &reader, &file_value, &data, NULL);
    int rc = 0;
    if (result != CYAML_OK) {
        if (!complaint.reason)
            complaint.reason = xstrdup(cyaml_strerror(result));
        rc = describe(&complaint, document, path, err);
    } else if (data) {
        take_texts(config, data);
        cyaml_free(&reader, &file_value, data, 0);
    }
    free(complaint.reason);
    free(complaint.key);
    return rc;
}

/* Takes a value of no fixed shape; of the type that *value has. */
static int read_json(const struct yamlio_document *document, const char *key, const char *path,
                     json_t **value, struct err *err)
{
    json_t *read = jx_get(document->root, key);
    if (!read)
        return 0;
    if (json_typeof(read) != json_typeof(*value))
        return err_set(err,
                       ERR_INVALID,
                       "%s:%d: %s: must be a %s",
                       path,
                       yamlio_line(document, key),
                       key,
                       json_is_array(*value) ? "list" : "mapping");
    json_decref(*value);
    *value = json_incref(read);
    jx_drop_nulls(*value);
    return 0;
}

int config_load(const char *path, struct config *ret, struct err *err)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_CONFIG);
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    if (file_read(path, &text, err) < 0 || yamlio_read(text.text, text.len, path, &stream, err) < 0)
        return -1;
    if (stream.count > 1)
        return err_set(err, ERR_INVALID, "%s: more than one document", path);
    AUTO(config_done) struct config config;
    config_init(&config);
    const struct yamlio_document *document = stream.documents;
    if (stream.count == 1 &&
        (read_texts(text.text, text.len, document, path, &config, err) < 0 ||
         read_json(document, "proxyConfig", path, &config.proxy_config, err) < 0 ||
         read_json(document, "imagePullSecrets", path, &config.image_pull_secrets, err) < 0 ||
         read_json(document, "resources", path, &config.resources, err) < 0))
        return -1;
    *ret = config;
    config = (struct config){.istio_namespace = NULL};
    return 0;
}

int config_assign(struct config *config, const char *assignment, struct err *err)
{
    size_t len = strcspn(assignment, "=");
    if (assignment[len] == '\0')
        return err_set(err, ERR_INVALID, "must be KEY=VALUE");
    for (const cyaml_schema_field_t *field = fields; field->key; field++) {
        if (strlen(field->key) != len || strncmp(field->key, assignment, len) != 0)
            continue;
        char **value = text_of(config, field);
        if (!value)
            return err_set(err, ERR_INVALID, "only the file can give this one");
        config_set(value, assignment + len + 1);
        return 0;
    }
    return err_set(err, ERR_INVALID, "unknown field %.*s", (int)len, assignment);
}

void config_copy(const struct config *config, struct config *ret)
{
    *ret = *config;
    for (const cyaml_schema_field_t *field = fields; field->key; field++) {
        char **value = text_of(ret, field);
        if (value)
            *value = xstrdup(*value);
    }
    ret->tagged_revision = xstrdup(config->tagged_revision);
    json_incref(ret->proxy_config);
    json_incref(ret->image_pull_secrets);
    json_incref(ret->resources);
}

bool config_equal(const struct config *a, const struct config *b)
{
    for (const cyaml_schema_field_t *field = fields; field->key; field++) {
        char **x = text_of((struct config *)(uintptr_t)a, field);
        char **y = text_of((struct config *)(uintptr_t)b, field);
        if (x && strcmp(*x, *y) != 0)
            return false;
    }
    return strcmp(a->tagged_revision, b->tagged_revision) == 0 &&
           json_equal(a->proxy_config, b->proxy_config) &&
           json_equal(a->image_pull_secrets, b->image_pull_secrets) &&
           json_equal(a->resources, b->resources);
}

void config_set(char **text, const char *value)
{
    if (!value || value[0] == '\0')
        return;
    free(*text);
    *text = xstrdup(value);
}

void config_done(struct config *config)
{
    for (const cyaml_schema_field_t *field = fields; field->key; field++) {
        char **value = text_of(config, field);
        if (value)
            free(*value);
    }
    free(config->tagged_revision);
    json_decref(config->proxy_config);
    json_decref(config->image_pull_secrets);
    json_decref(config->resources);
    *config = (struct config){.istio_namespace = NULL};
}
