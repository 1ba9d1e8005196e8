/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kubeconfig_file.h"

#include "base/file.h"
#include "base/limits.h"
#include "data/jx.h"
#include "data/yamlio.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONAL (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)
#define TEXT(key, type, member)                                                                    \
    CYAML_FIELD_STRING_PTR(key, OPTIONAL, struct type, member, 0, CYAML_UNLIMITED)
#define LIST(key, type, member, entry)                                                             \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL, struct type, member, n_##member, entry, 0, LIST_MAX)
#define PART(key, type, member, fields)                                                            \
    CYAML_FIELD_MAPPING_PTR(key, OPTIONAL, struct type, member, fields)
#define LIST_MAX 10000

static const cyaml_schema_value_t text_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t cluster_fields[] = {
    TEXT("server", kubeconfig_file_cluster, server),
    TEXT("tls-server-name", kubeconfig_file_cluster, tls_server_name),
    TEXT("proxy-url", kubeconfig_file_cluster, proxy_url),
    TEXT("certificate-authority", kubeconfig_file_cluster, ca),
    TEXT("certificate-authority-data", kubeconfig_file_cluster, ca_data),
    TEXT("insecure-skip-tls-verify", kubeconfig_file_cluster, insecure_skip_tls_verify),
    TEXT("disable-compression", kubeconfig_file_cluster, disable_compression),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t context_fields[] = {
    TEXT("cluster", kubeconfig_file_context, cluster),
    TEXT("user", kubeconfig_file_context, user),
    TEXT("namespace", kubeconfig_file_context, ns),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t env_fields[] = {
    TEXT("name", kubeconfig_file_env, name),
    TEXT("value", kubeconfig_file_env, value),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t env_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct kubeconfig_file_env, env_fields),
};

static const cyaml_schema_field_t exec_fields[] = {
    TEXT("apiVersion", kubeconfig_file_exec, api_version),
    TEXT("command", kubeconfig_file_exec, command),
    TEXT("installHint", kubeconfig_file_exec, install_hint),
    TEXT("interactiveMode", kubeconfig_file_exec, interactive_mode),
    TEXT("provideClusterInfo", kubeconfig_file_exec, provide_cluster_info),
    LIST("args", kubeconfig_file_exec, args, &text_value),
    LIST("env", kubeconfig_file_exec, env, &env_value),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t auth_provider_fields[] = {
    TEXT("name", kubeconfig_file_auth_provider, name),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t user_fields[] = {
    TEXT("client-certificate", kubeconfig_file_user, client_cert),
    TEXT("client-certificate-data", kubeconfig_file_user, client_cert_data),
    TEXT("client-key", kubeconfig_file_user, client_key),
    TEXT("client-key-data", kubeconfig_file_user, client_key_data),
    TEXT("token", kubeconfig_file_user, token),
    TEXT("tokenFile", kubeconfig_file_user, token_file),
    TEXT("username", kubeconfig_file_user, username),
    TEXT("password", kubeconfig_file_user, password),
    TEXT("as", kubeconfig_file_user, as),
    TEXT("as-uid", kubeconfig_file_user, as_uid),
    LIST("as-groups", kubeconfig_file_user, as_groups, &text_value),
    PART("exec", kubeconfig_file_user, exec, exec_fields),
    PART("auth-provider", kubeconfig_file_user, auth_provider, auth_provider_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t entry_fields[] = {
    TEXT("name", kubeconfig_file_entry, name),
    PART("cluster", kubeconfig_file_entry, cluster, cluster_fields),
    PART("context", kubeconfig_file_entry, context, context_fields),
    PART("user", kubeconfig_file_entry, user, user_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t entry_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct kubeconfig_file_entry, entry_fields),
};

static const cyaml_schema_field_t config_fields[] = {
    TEXT("apiVersion", kubeconfig_file_config, api_version),
    TEXT("kind", kubeconfig_file_config, kind),
    TEXT("current-context", kubeconfig_file_config, current_context),
    LIST("clusters", kubeconfig_file_config, clusters, &entry_value),
    LIST("contexts", kubeconfig_file_config, contexts, &entry_value),
    LIST("users", kubeconfig_file_config, users, &entry_value),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t config_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct kubeconfig_file_config, config_fields),
};

/* What libcyaml says about a failure, and where: "users[0].user.token". */
struct complaint {
    char reason[160];
    struct strbuf path;
};

/* A line of a backtrace, innermost first: "  in mapping field 'name' (…" or "  in sequence entry
 * '1' (…". */
static void add_step(struct complaint *complaint, const char *line)
{
    static const char entry[] = "  in sequence entry '";
    const char *name = strchr(line, '\'');
    const char *end = name ? strchr(name + 1, '\'') : NULL;
    if (!end)
        return;
    AUTO_FREE char *rest = strbuf_take(&complaint->path);
    if (strncmp(line, entry, strlen(entry)) == 0)
        strbuf_addf(&complaint->path, "[%ld]", strtol(name + 1, NULL, 10) - 1);
    else
        strbuf_add(&complaint->path, name + 1, (size_t)(end - name - 1));
    if (rest[0] && rest[0] != '[')
        strbuf_addc(&complaint->path, '.');
    strbuf_adds(&complaint->path, rest);
}

static void PRINTF_LIKE(3, 0)
    collect_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
    struct complaint *complaint = ctx;
    AUTO_FREE char *line = NULL;
    if (level < CYAML_LOG_ERROR || vasprintf(&line, fmt, args) < 0)
        return;
    line[strcspn(line, "\n")] = '\0';
    static const char prefix[] = "Load: ";
    if (strncmp(line, "  in ", 5) == 0)
        add_step(complaint, line);
    else if (!complaint->reason[0] && strncmp(line, prefix, strlen(prefix)) == 0)
        snprintf(complaint->reason, sizeof(complaint->reason), "%s", line + strlen(prefix));
}

static void *allocate(void *ctx UNUSED, void *pointer, size_t size)
{
    if (size > 0)
        return xrealloc(pointer, size);
    free(pointer);
    return NULL;
}

static void complaint_done(struct complaint *complaint)
{
    strbuf_done(&complaint->path);
}

static cyaml_config_t reader(struct complaint *complaint)
{
    return (cyaml_config_t){
        .log_fn = complaint ? collect_log : NULL,
        .log_ctx = complaint,
        .mem_fn = allocate,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_IGNORE_UNKNOWN_KEYS | CYAML_CFG_NO_ALIAS,
    };
}

/* Absent and null mean the same; libcyaml would read the word. */
static void strip_nulls(json_t *value)
{
    const char *key;
    void *next;
    json_t *member;
    size_t i;
    json_object_foreach_safe(value, next, key, member)
    {
        if (json_is_null(member))
            json_object_del(value, key);
        else
            strip_nulls(member);
    }
    json_array_foreach (value, i, member) {
        if (json_is_null(member))
            json_array_set_new(value, i, json_string(""));
        else
            strip_nulls(member);
    }
}

static int fill(struct kubeconfig_file *file, const struct yamlio_document *document,
                struct err *err)
{
    AUTO(complaint_done) struct complaint complaint = {.path = STRBUF_INIT(LIMIT_KIB(1))};
    const cyaml_config_t config = reader(&complaint);
    json_auto_t *stripped = json_deep_copy(file->root);
    strip_nulls(stripped);
    AUTO_FREE char *text = jx_compact(stripped);
    cyaml_data_t *data = NULL;
    cyaml_err_t result =
        cyaml_load_data((const uint8_t *)text, strlen(text), &config, &config_value, &data, NULL);
    explicit_bzero(text, strlen(text));
    file->config = data;
    if (result == CYAML_OK)
        return 0;
    const char *path = complaint.path.text;
    return err_set(err,
                   ERR_INVALID,
                   "%s:%d: %s%s%s",
                   file->path,
                   yamlio_line(document, path),
                   path,
                   *path ? ": " : "",
                   complaint.reason[0] ? complaint.reason : cyaml_strerror(result));
}

static int parse(struct kubeconfig_file *file, const struct strbuf *text, struct err *err)
{
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    if (yamlio_read(text->text, text->len, file->path, &stream, err) < 0)
        return -1;
    if (stream.count == 0)
        return 0;
    /* Like kubectl, which reads the first document only. */
    file->root = json_incref(stream.documents[0].root);
    if (fill(file, &stream.documents[0], err) < 0)
        return -1;
    const struct kubeconfig_file_config *read = file->config;
    if (read->kind && strcmp(read->kind, "Config") != 0)
        return err_set(err, ERR_INVALID, "%s: kind is \"%s\", not Config", file->path, read->kind);
    if (read->api_version && strcmp(read->api_version, "v1") != 0)
        return err_set(
            err, ERR_INVALID, "%s: apiVersion is \"%s\", not v1", file->path, read->api_version);
    return 0;
}

static void auto_file(struct kubeconfig_file **file)
{
    kubeconfig_file_free(*file);
}

struct kubeconfig_file *kubeconfig_file_load(const char *path, struct err *err)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_CREDENTIAL);
    if (file_read(path, &text, err) < 0)
        return NULL;
    AUTO(auto_file) struct kubeconfig_file *file = xcalloc(1, sizeof(*file));
    file->path = xstrdup(path);
    int result = parse(file, &text, err);
    explicit_bzero(text.text, text.len);
    if (result < 0)
        return NULL;
    return TAKE(file);
}

void kubeconfig_file_free(struct kubeconfig_file *file)
{
    if (!file)
        return;
    const cyaml_config_t config = reader(NULL);
    cyaml_free(&config, &config_value, file->config, 0);
    free(file->path);
    json_decref(file->root);
    free(file);
}

/* The entry is one of a list's array, whose elements are in the order of the JSON. */
static json_t *member_of(const struct kubeconfig_file_found *found, const char *list,
                         const struct kubeconfig_file_entry *entries, unsigned count,
                         const char *member)
{
    for (unsigned i = 0; i < count; i++)
        if (&entries[i] == found->entry)
            return jx_object(json_array_get(json_object_get(found->file->root, list), i), member);
    return NULL;
}

json_t *kubeconfig_file_value(const struct kubeconfig_file_found *found)
{
    const struct kubeconfig_file_config *config = found->file->config;
    json_t *value = member_of(found, "clusters", config->clusters, config->n_clusters, "cluster");
    if (!value)
        value = member_of(found, "contexts", config->contexts, config->n_contexts, "context");
    return value ? value : member_of(found, "users", config->users, config->n_users, "user");
}

char *kubeconfig_file_resolve(const struct kubeconfig_file *file, const char *path)
{
    const char *slash = strrchr(file->path, '/');
    if (path[0] == '/' || !slash)
        return xstrdup(path);
    return xasprintf("%.*s/%s", (int)(slash - file->path), file->path, path);
}
