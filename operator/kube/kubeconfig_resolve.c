/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kubeconfig_resolve.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/limits.h"
#include "data/jx.h"
#include "kube/pem.h"

#include <stdlib.h>
#include <string.h>

/* client-go waits for ever; a plugin that hangs must not take us with it. */
#define EXEC_TIMEOUT_MS 60000

/* The entry that is being read, for errors. */
struct place {
    const struct kubeconfig_file *file;
    const char *kind, *name;
    struct err *err;
};

static int refuse(const struct place *place, const char *field, const char *what)
{
    return err_set(place->err,
                   ERR_INVALID,
                   "%s: %s \"%s\": %s %s",
                   place->file->path,
                   place->kind,
                   place->name,
                   field,
                   what);
}

static bool given(const char *text)
{
    return text && text[0];
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static char *copy(const char *text)
{
    return given(text) ? xstrdup(text) : NULL;
}

/* A header's value cannot hold control characters; a token with one would end the header early. */
static int copy_header(const struct place *place, const char *field, const char *text, char **ret)
{
    for (const unsigned char *c = (const unsigned char *)or_empty(text); *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            return refuse(place, field, "holds a line break or another control character");
    *ret = copy(text);
    return 0;
}

static int copy_bool(const struct place *place, const char *field, const char *text, bool *ret)
{
    if (given(text) && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return refuse(place, field, "is neither true nor false");
    *ret = given(text) && strcmp(text, "true") == 0;
    return 0;
}

static char *copy_path(const struct kubeconfig_file *file, const char *path)
{
    return given(path) ? kubeconfig_file_resolve(file, path) : NULL;
}

/* Decodes PEM and checks it; inline data wins over a path, which is then forgotten. */
static int copy_pem(const struct place *place, const char *field, const char *data,
                    bool (*check)(const char *), char **ret_data, char **ret_path)
{
    if (!given(data))
        return 0;
    size_t len;
    AUTO_FREE char *pem = base64_decode(data, strlen(data), &len);
    if (!pem)
        return refuse(place, field, "is not base64");
    if (strlen(pem) != len || !check(pem))
        return refuse(place, field, "does not hold PEM of the right kind");
    free(*ret_path);
    *ret_path = NULL;
    *ret_data = TAKE(pem);
    return 0;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* http(s)://host[:port][/path], nothing else: the rest of a request's URL is put behind it. */
static int copy_server(const struct place *place, const char *server, char **ret)
{
    if (!given(server))
        return refuse(place, "server", "is missing");
    const char *host = strstr(server, "://");
    if (!host || (!starts_with(server, "https://") && !starts_with(server, "http://")))
        return refuse(place, "server", "is not a URL with http or https");
    host += strlen("://");
    if (!*host || strchr("/:?#", *host))
        return refuse(place, "server", "has no host");
    for (const unsigned char *c = (const unsigned char *)host; *c; c++)
        if (*c <= 0x20 || *c == 0x7f || strchr("?#@\\", *c))
            return refuse(place, "server", "may have host, port and path only");
    size_t len = strlen(server);
    while (server[len - 1] == '/')
        len--;
    *ret = xstrndup(server, len);
    return 0;
}

static int copy_proxy(const struct place *place, const char *url, char **ret)
{
    static const char *const schemes[] = {"http://", "https://", "socks5://"};
    bool known = !given(url);
    for (size_t i = 0; i < ARRAY_LEN(schemes) && !known; i++)
        known = starts_with(url, schemes[i]) && url[strlen(schemes[i])];
    if (!known)
        return refuse(place, "proxy-url", "is not a URL with http, https or socks5");
    *ret = copy(url);
    return 0;
}

int kubeconfig_resolve_cluster(const struct kubeconfig_file_found *found, struct kubeconfig *ret,
                               struct err *err)
{
    static const struct kubeconfig_file_cluster empty;
    const struct kubeconfig_file_cluster *cluster =
        found->entry->cluster ? found->entry->cluster : &empty;
    const struct place place = {found->file, "cluster", or_empty(found->entry->name), err};
    if (copy_server(&place, cluster->server, &ret->server) < 0 ||
        copy_proxy(&place, cluster->proxy_url, &ret->proxy_url) < 0 ||
        copy_bool(&place,
                  "insecure-skip-tls-verify",
                  cluster->insecure_skip_tls_verify,
                  &ret->insecure_skip_tls_verify) < 0 ||
        copy_bool(&place,
                  "disable-compression",
                  cluster->disable_compression,
                  &ret->disable_compression) < 0)
        return -1;
    ret->tls_server_name = copy(cluster->tls_server_name);
    ret->ca_file = copy_path(found->file, cluster->ca);
    if (copy_pem(&place,
                 "certificate-authority-data",
                 cluster->ca_data,
                 pem_has_certificate,
                 &ret->ca_data,
                 &ret->ca_file) < 0)
        return -1;
    if (ret->insecure_skip_tls_verify && (ret->ca_file || ret->ca_data))
        return refuse(&place,
                      "insecure-skip-tls-verify",
                      "is true, so a certificate authority has no effect: remove one of the two");
    return 0;
}

static int resolve_certificate(const struct place *place, const struct kubeconfig_file_user *user,
                               struct kubeconfig *ret)
{
    ret->client_cert_file = copy_path(place->file, user->client_cert);
    ret->client_key_file = copy_path(place->file, user->client_key);
    if (copy_pem(place,
                 "client-certificate-data",
                 user->client_cert_data,
                 pem_has_certificate,
                 &ret->client_cert_data,
                 &ret->client_cert_file) < 0 ||
        copy_pem(place,
                 "client-key-data",
                 user->client_key_data,
                 pem_has_private_key,
                 &ret->client_key_data,
                 &ret->client_key_file) < 0)
        return -1;
    bool cert = ret->client_cert_file || ret->client_cert_data;
    bool key = ret->client_key_file || ret->client_key_data;
    if (cert && !key)
        return refuse(place, "client-certificate", "needs client-key or client-key-data");
    if (key && !cert)
        return refuse(place, "client-key", "needs client-certificate or client-certificate-data");
    return 0;
}

static int resolve_authorization(const struct place *place, const struct kubeconfig_file_user *user,
                                 struct kubeconfig *ret)
{
    if (copy_header(place, "token", user->token, &ret->token) < 0)
        return -1;
    ret->token_file = copy_path(place->file, user->token_file);
    ret->username = copy(user->username);
    ret->password = copy(user->password);
    bool basic = ret->username || ret->password;
    if (basic && (ret->token || ret->token_file))
        return refuse(place, "username", "and a token are both given: only one is allowed");
    if (ret->username && strchr(ret->username, ':'))
        return refuse(place, "username", "holds a colon");
    return 0;
}

static char **list_new(unsigned count)
{
    return xcalloc((size_t)count + 1, sizeof(char *));
}

static int resolve_groups(const struct place *place, const struct kubeconfig_file_user *user,
                          struct kubeconfig *ret)
{
    if (user->n_as_groups == 0)
        return 0;
    ret->impersonate_groups = list_new(user->n_as_groups);
    for (unsigned i = 0; i < user->n_as_groups; i++) {
        const char *group = user->as_groups[i];
        if (!given(group))
            return refuse(place, "as-groups", "has an empty entry");
        if (copy_header(place, "as-groups", group, &ret->impersonate_groups[i]) < 0)
            return -1;
    }
    return 0;
}

/* A map of lists: one "key=value" for each value. */
static int resolve_extra(const struct place *place, json_t *extra, struct kubeconfig *ret)
{
    const char *key;
    json_t *values, *value;
    size_t i, total = 0;
    json_object_foreach (extra, key, values)
        total += json_array_size(values);
    if (total == 0)
        return 0;
    ret->impersonate_extra = xcalloc(total + 1, sizeof(char *));
    char **next = ret->impersonate_extra;
    json_object_foreach (extra, key, values) {
        if (!*key || strchr(key, '='))
            return refuse(place, "as-user-extra", "has a key that is empty or holds \"=\"");
        json_array_foreach (values, i, value) {
            if (!json_is_string(value))
                return refuse(place, "as-user-extra", "has a value that is not a string");
            AUTO_FREE char *pair = xasprintf("%s=%s", key, json_string_value(value));
            if (copy_header(place, "as-user-extra", pair, next++) < 0)
                return -1;
        }
    }
    return 0;
}

static int resolve_impersonation(const struct place *place,
                                 const struct kubeconfig_file_found *found, struct kubeconfig *ret)
{
    const struct kubeconfig_file_user *user = found->entry->user;
    if (!user)
        return 0;
    if (copy_header(place, "as", user->as, &ret->impersonate_user) < 0 ||
        copy_header(place, "as-uid", user->as_uid, &ret->impersonate_uid) < 0 ||
        resolve_groups(place, user, ret) < 0 ||
        resolve_extra(place, jx_object(kubeconfig_file_value(found), "as-user-extra"), ret) < 0)
        return -1;
    if (!ret->impersonate_user &&
        (ret->impersonate_uid || ret->impersonate_groups || ret->impersonate_extra))
        return refuse(place, "as-uid, as-groups or as-user-extra", "is given without as");
    return 0;
}

static int resolve_interactive(const struct place *place, const struct kubeconfig_file_exec *exec,
                               struct kubeconfig_exec *ret)
{
    bool beta = strcmp(ret->api_version, "client.authentication.k8s.io/v1beta1") == 0;
    if (!beta && strcmp(ret->api_version, "client.authentication.k8s.io/v1") != 0)
        return refuse(
            place, "exec.apiVersion", "is neither client.authentication.k8s.io/v1 nor its v1beta1");
    const char *mode = given(exec->interactive_mode) ? exec->interactive_mode : NULL;
    if (!mode && beta)
        mode = "IfAvailable";
    if (!mode)
        return refuse(place, "exec.interactiveMode", "is missing");
    ret->needs_terminal = strcmp(mode, "Always") == 0;
    ret->interactive = ret->needs_terminal || strcmp(mode, "IfAvailable") == 0;
    if (!ret->interactive && strcmp(mode, "Never") != 0)
        return refuse(place, "exec.interactiveMode", "is none of Never, IfAvailable, Always");
    return 0;
}

static int resolve_exec(const struct place *place, const struct kubeconfig_file_exec *exec,
                        struct kubeconfig_exec *ret)
{
    if (!given(exec->command))
        return refuse(place, "exec.command", "is missing");
    if (!given(exec->api_version))
        return refuse(place, "exec.apiVersion", "is missing");
    /* A bare name is looked up in $PATH when it runs. */
    ret->command = strchr(exec->command, '/') ? kubeconfig_file_resolve(place->file, exec->command)
                                              : xstrdup(exec->command);
    ret->api_version = xstrdup(exec->api_version);
    ret->install_hint = copy(exec->install_hint);
    ret->args = list_new(exec->n_args);
    for (unsigned i = 0; i < exec->n_args; i++)
        ret->args[i] = xstrdup(exec->args[i]);
    ret->env = list_new(exec->n_env);
    for (unsigned i = 0; i < exec->n_env; i++) {
        const struct kubeconfig_file_env *env = &exec->env[i];
        if (!given(env->name) || strchr(env->name, '='))
            return refuse(place, "exec.env", "has an entry without a usable name");
        ret->env[i] = xasprintf("%s=%s", env->name, or_empty(env->value));
    }
    return resolve_interactive(place, exec, ret);
}

static int resolve_plugin(const struct place *place, const struct kubeconfig_file_user *user,
                          struct kubeconfig *ret)
{
    if (user->auth_provider)
        return refuse(
            place, "auth-provider", "is not supported: Kubernetes has replaced it by exec plugins");
    /* client-go asks the plugin only when nothing else authenticates the request. */
    if (!user->exec || ret->token || ret->token_file || ret->username || ret->password)
        return 0;
    ret->exec = xcalloc(1, sizeof(*ret->exec));
    ret->exec->timeout_ms = EXEC_TIMEOUT_MS;
    return resolve_exec(place, user->exec, ret->exec);
}

/* The plugin's own configuration in the cluster: the extension of this name. */
static json_t *exec_config(const struct kubeconfig_file_found *cluster)
{
    size_t i;
    json_t *entry;
    json_array_foreach (jx_array(kubeconfig_file_value(cluster), "extensions"), i, entry)
        if (strcmp(jx_str(entry, "name", ""), "client.authentication.k8s.io/exec") == 0)
            return REF(jx_get(entry, "extension"));
    return NULL;
}

static json_t *base64_json(const char *text)
{
    if (!text)
        return NULL;
    AUTO_FREE char *encoded = base64_encode(text, strlen(text));
    return STR(encoded);
}

static json_t *true_or_absent(bool value)
{
    return value ? json_true() : NULL;
}

/* spec.cluster of an ExecCredential, for plugins that ask for it. */
static int resolve_cluster_info(const struct place *place, const struct kubeconfig_file_exec *exec,
                                const struct kubeconfig_file_found *cluster, struct kubeconfig *ret)
{
    bool wanted;
    if (copy_bool(place, "exec.provideClusterInfo", exec->provide_cluster_info, &wanted) < 0)
        return -1;
    if (!wanted)
        return 0;
    AUTO_STRBUF struct strbuf ca = STRBUF_INIT(LIMIT_CREDENTIAL);
    if (ret->ca_file && file_read(ret->ca_file, &ca, place->err) < 0)
        return err_wrap(place->err,
                        "%s: cluster \"%s\": certificate-authority",
                        cluster->file->path,
                        or_empty(cluster->entry->name));
    json_auto_t *info =
        OBJ(F("server", STR(ret->server)),
            FOPT("tls-server-name", STR(ret->tls_server_name)),
            FOPT("insecure-skip-tls-verify", true_or_absent(ret->insecure_skip_tls_verify)),
            FOPT("certificate-authority-data", base64_json(ret->ca_file ? ca.text : ret->ca_data)),
            FOPT("proxy-url", STR(ret->proxy_url)),
            FOPT("disable-compression", true_or_absent(ret->disable_compression)),
            FOPT("config", exec_config(cluster)));
    ret->exec->cluster_info = jx_compact(info);
    return 0;
}

int kubeconfig_resolve_user(const struct kubeconfig_file_found *found,
                            const struct kubeconfig_file_found *cluster, struct kubeconfig *ret,
                            struct err *err)
{
    static const struct kubeconfig_file_user empty;
    const struct kubeconfig_file_user *user = found->entry->user ? found->entry->user : &empty;
    const struct place place = {found->file, "user", or_empty(found->entry->name), err};
    if (resolve_impersonation(&place, found, ret) < 0)
        return -1;
    /* client-go: credentials are only sent over TLS; `kubectl proxy` needs none. */
    if (!starts_with(ret->server, "https://"))
        return 0;
    if (resolve_certificate(&place, user, ret) < 0 ||
        resolve_authorization(&place, user, ret) < 0 || resolve_plugin(&place, user, ret) < 0)
        return -1;
    return ret->exec ? resolve_cluster_info(&place, user->exec, cluster, ret) : 0;
}
