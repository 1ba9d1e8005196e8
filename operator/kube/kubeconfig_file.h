/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One kubeconfig file, as it is written: the typed form of API version v1 of kind Config
 * (client-go tools/clientcmd/api/v1). What it means is kube/kubeconfig.c's part.
 *
 * data/yamlio decides what the text says; libcyaml fills the structs from that by schema tables.
 * Fields are NULL when absent or null. Booleans stay text, because libcyaml reads any word but
 * "false" and "no" as true. Two parts have keys that no schema knows, the values of `extensions`
 * and `as-user-extra`: kubeconfig_file_value() has them.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>

struct kubeconfig_file_cluster {
    char *server, *tls_server_name, *proxy_url;
    char *ca, *ca_data; /* path, base64 */
    char *insecure_skip_tls_verify, *disable_compression;
};

struct kubeconfig_file_context {
    char *cluster, *user, *ns;
};

struct kubeconfig_file_env {
    char *name, *value;
};

struct kubeconfig_file_exec {
    char *api_version, *command, *install_hint, *interactive_mode, *provide_cluster_info;
    char **args;
    unsigned n_args;
    struct kubeconfig_file_env *env;
    unsigned n_env;
};

struct kubeconfig_file_auth_provider {
    char *name;
};

struct kubeconfig_file_user {
    char *client_cert, *client_cert_data, *client_key, *client_key_data; /* path or base64 */
    char *token, *token_file;
    char *username, *password;
    char *as, *as_uid;
    char **as_groups;
    unsigned n_as_groups;
    struct kubeconfig_file_exec *exec;
    struct kubeconfig_file_auth_provider *auth_provider;
};

/* An element of clusters, contexts or users: a name and the one member that belongs there. */
struct kubeconfig_file_entry {
    char *name;
    struct kubeconfig_file_cluster *cluster;
    struct kubeconfig_file_context *context;
    struct kubeconfig_file_user *user;
};

struct kubeconfig_file_config {
    char *api_version, *kind, *current_context;
    struct kubeconfig_file_entry *clusters;
    unsigned n_clusters;
    struct kubeconfig_file_entry *contexts;
    unsigned n_contexts;
    struct kubeconfig_file_entry *users;
    unsigned n_users;
};

struct kubeconfig_file {
    char *path;
    json_t *root;                          /* NULL when the file is empty */
    struct kubeconfig_file_config *config; /* NULL when the file is empty */
};

/* An entry and the file that it comes from. */
struct kubeconfig_file_found {
    const struct kubeconfig_file *file;
    const struct kubeconfig_file_entry *entry;
};

/* The error names the file and the line. ERR_NOT_FOUND: there is none. The caller frees. */
struct kubeconfig_file *kubeconfig_file_load(const char *path, struct err *err) MUST_CHECK;
void kubeconfig_file_free(struct kubeconfig_file *file);
/* The whole object below cluster, context or user of an entry, or NULL. Borrowed. */
json_t *kubeconfig_file_value(const struct kubeconfig_file_found *found);
/* A path as it is meant in this file: relative to the file's directory. The caller frees. */
char *kubeconfig_file_resolve(const struct kubeconfig_file *file, const char *path);
