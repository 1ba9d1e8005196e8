/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kubeconfig.h"

#include "base/file.h"
#include "base/limits.h"
#include "kube/kubeconfig_resolve.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IN_CLUSTER_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

/* The files of a list like $KUBECONFIG, in their order. */
struct files {
    struct kubeconfig_file **file;
    size_t count;
};

static void files_done(struct files *files)
{
    for (size_t i = 0; i < files->count; i++)
        kubeconfig_file_free(files->file[i]);
    free(files->file);
}

static bool files_has(const struct files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->file[i]->path, path) == 0)
            return true;
    return false;
}

/* A file of a list may be missing. */
static int files_add(struct files *files, const char *path, bool optional, struct err *err)
{
    struct err cause = {.kind = ERR_NONE};
    struct kubeconfig_file *file = kubeconfig_file_load(path, &cause);
    if (!file && optional && cause.kind == ERR_NOT_FOUND)
        return 0;
    if (!file) {
        if (err)
            *err = cause;
        return -1;
    }
    files->file = xrealloc(files->file, (files->count + 1) * sizeof(struct kubeconfig_file *));
    files->file[files->count++] = file;
    return 0;
}

static int files_add_list(struct files *files, const char *list, struct err *err)
{
    for (const char *at = list; *at;) {
        size_t len = strcspn(at, ":");
        AUTO_FREE char *path = xstrndup(at, len);
        if (len > 0 && !files_has(files, path) && files_add(files, path, true, err) < 0)
            return -1;
        at += len + (at[len] == ':');
    }
    if (files->count == 0)
        return err_set(err, ERR_NOT_FOUND, "$KUBECONFIG: no such file: %s", list);
    return 0;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static const char *current_context(const struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct kubeconfig_file_config *config = files->file[i]->config;
        if (config && !same(config->current_context, NULL))
            return config->current_context;
    }
    return NULL;
}

/* The list of a file whose entries are of the kind. */
static const struct kubeconfig_file_entry *entries_of(const struct kubeconfig_file *file,
                                                      const char *kind, unsigned *ret_count)
{
    static const struct kubeconfig_file_config empty;
    const struct kubeconfig_file_config *config = file->config ? file->config : &empty;
    if (strcmp(kind, "cluster") == 0) {
        *ret_count = config->n_clusters;
        return config->clusters;
    }
    if (strcmp(kind, "context") == 0) {
        *ret_count = config->n_contexts;
        return config->contexts;
    }
    *ret_count = config->n_users;
    return config->users;
}

/*
 * The first file that has an entry of the name wins the whole entry; one file may not have two.
 * `whence` says in the error who asks.
 */
static int find(const struct files *files, const char *kind, const char *name, const char *whence,
                struct kubeconfig_file_found *ret, struct err *err)
{
    for (size_t i = 0; i < files->count && !ret->entry; i++) {
        unsigned count;
        const struct kubeconfig_file_entry *entries = entries_of(files->file[i], kind, &count);
        for (unsigned k = 0; k < count; k++) {
            if (!same(entries[k].name, name))
                continue;
            if (ret->entry)
                return err_set(err,
                               ERR_INVALID,
                               "%s: %s \"%s\" is there twice",
                               files->file[i]->path,
                               kind,
                               name);
            *ret = (struct kubeconfig_file_found){files->file[i], &entries[k]};
        }
    }
    if (!ret->entry)
        return err_set(err, ERR_INVALID, "%s: there is no %s \"%s\"", whence, kind, name);
    return 0;
}

static int resolve_context(const struct files *files, const struct kubeconfig_file_found *found,
                           struct kubeconfig *ret, struct err *err)
{
    static const struct kubeconfig_file_context empty;
    const struct kubeconfig_file_context *context =
        found->entry->context ? found->entry->context : &empty;
    AUTO_FREE char *whence = xasprintf("%s: context \"%s\"", found->file->path, found->entry->name);
    ret->context = xstrdup(found->entry->name);
    ret->ns = same(context->ns, NULL) ? NULL : xstrdup(context->ns);

    if (same(context->cluster, NULL))
        return err_set(err, ERR_INVALID, "%s: cluster is missing", whence);
    struct kubeconfig_file_found cluster = {.entry = NULL};
    if (find(files, "cluster", context->cluster, whence, &cluster, err) < 0 ||
        kubeconfig_resolve_cluster(&cluster, ret, err) < 0)
        return -1;
    if (same(context->user, NULL))
        return 0;
    struct kubeconfig_file_found user = {.entry = NULL};
    if (find(files, "user", context->user, whence, &user, err) < 0)
        return -1;
    return kubeconfig_resolve_user(&user, &cluster, ret, err);
}

static int resolve(const struct files *files, const char *context, struct kubeconfig *ret,
                   struct err *err)
{
    const char *where = files->file[0]->path;
    const char *name = context ? context : current_context(files);
    if (!name)
        return err_set(err, ERR_INVALID, "%s: current-context is not set", where);
    struct kubeconfig_file_found found = {.entry = NULL};
    if (find(files, "context", name, where, &found, err) < 0)
        return -1;
    return resolve_context(files, &found, ret, err);
}

/* The namespace of the pod; without it there is none. */
static char *read_namespace(const char *dir)
{
    AUTO_FREE char *path = xasprintf("%s/namespace", dir);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_KIB(1));
    if (file_read(path, &text, NULL) < 0)
        return NULL;
    size_t len = strcspn(text.text, " \t\r\n");
    return len > 0 ? xstrndup(text.text, len) : NULL;
}

static void load_in_cluster(const struct kubeconfig_source *source, const char *dir,
                            struct kubeconfig *ret)
{
    bool ipv6 = strchr(source->service_host, ':');
    ret->server = xasprintf(
        ipv6 ? "https://[%s]:%s" : "https://%s:%s", source->service_host, source->service_port);
    ret->token_file = xasprintf("%s/token", dir);
    ret->ca_file = xasprintf("%s/ca.crt", dir);
    ret->ns = read_namespace(dir);
    /* As in client-go: without the file the system's roots have to do. */
    if (access(ret->ca_file, F_OK) < 0) {
        free(ret->ca_file);
        ret->ca_file = NULL;
    }
}

/* In a pod, unless a context is asked for: that can only be one of a kubeconfig. */
static bool in_cluster(const struct kubeconfig_source *source, const char *dir)
{
    if (source->context || same(source->service_host, NULL) || same(source->service_port, NULL))
        return false;
    AUTO_FREE char *token = xasprintf("%s/token", dir);
    return access(token, F_OK) == 0;
}

static int load_files(const struct kubeconfig_source *source, const char *dir, struct files *files,
                      struct err *err)
{
    if (source->path)
        return files_add(files, source->path, false, err);
    if (!same(source->env, NULL))
        return files_add_list(files, source->env, err);
    if (!same(source->home, NULL)) {
        AUTO_FREE char *path = xasprintf("%s/.kube/config", source->home);
        if (files_add(files, path, true, err) < 0)
            return -1;
    }
    if (files->count > 0)
        return 0;
    bool pod = !same(source->service_host, NULL) && !same(source->service_port, NULL);
    return err_set(err,
                   ERR_NOT_FOUND,
                   "there is no kubeconfig: neither --kubeconfig nor $KUBECONFIG is given, "
                   "%s%s, and there is no ~/.kube/config",
                   pod ? "there is no token in " : "this is not a pod",
                   pod ? dir : "");
}

int kubeconfig_load(const struct kubeconfig_source *source, struct kubeconfig *ret, struct err *err)
{
    const char *dir = source->in_cluster_dir ? source->in_cluster_dir : IN_CLUSTER_DIR;
    AUTO(kubeconfig_done) struct kubeconfig config = {.server = NULL};
    if (!source->path && same(source->env, NULL) && in_cluster(source, dir)) {
        load_in_cluster(source, dir, &config);
    } else {
        AUTO(files_done) struct files files = {.count = 0};
        if (load_files(source, dir, &files, err) < 0 ||
            resolve(&files, source->context, &config, err) < 0)
            return -1;
    }
    *ret = config;
    config = (struct kubeconfig){.server = NULL};
    return 0;
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

static void free_exec(struct kubeconfig_exec *exec)
{
    if (!exec)
        return;
    free(exec->command);
    free_list(exec->args);
    free_list(exec->env);
    free(exec->api_version);
    free(exec->install_hint);
    free(exec->cluster_info);
    free(exec);
}

void kubeconfig_done(struct kubeconfig *config)
{
    free(config->server);
    free(config->ns);
    free(config->context);
    free(config->ca_file);
    free(config->ca_data);
    free(config->tls_server_name);
    free(config->proxy_url);
    free(config->client_cert_file);
    free(config->client_cert_data);
    free(config->client_key_file);
    mem_free_secret(config->client_key_data);
    mem_free_secret(config->token);
    free(config->token_file);
    free(config->username);
    mem_free_secret(config->password);
    free(config->impersonate_user);
    free(config->impersonate_uid);
    free_list(config->impersonate_groups);
    free_list(config->impersonate_extra);
    free_exec(config->exec);
    *config = (struct kubeconfig){.server = NULL};
}
