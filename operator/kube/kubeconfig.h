/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the API server is and who we are, from kubeconfig files or the files of a pod, resolved to
 * one flat value with the rules of client-go's clientcmd:
 *   - The first that is given is used: --kubeconfig, $KUBECONFIG, the pod, ~/.kube/config. A
 *     context that is asked for can only be one of a file: then the pod does not count.
 *   - Of several files the first that has an entry of a name wins that whole entry, and the first
 *     current-context wins. Missing and empty files of a list are skipped.
 *   - Relative paths belong to the file that holds them; inline data wins over a path.
 *   - Credentials are only sent over TLS: for an http server they are left out.
 * Stricter than client-go: booleans, URLs and PEM are checked here.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct kubeconfig_exec {
    char *command; /* path already resolved against the file that named it */
    char **args;   /* NULL-terminated, without the command */
    char **env;    /* "NAME=value", NULL-terminated */
    char *api_version;
    char *install_hint;
    char *cluster_info;  /* JSON of spec.cluster for KUBERNETES_EXEC_INFO, or NULL */
    bool interactive;    /* the plugin may use the terminal, if there is one; */
    bool needs_terminal; /* … it cannot do without */
    int timeout_ms;      /* then it is killed */
};

/* Strings are owned; NULL means not given. */
struct kubeconfig {
    char *server;  /* URL without a trailing slash; may carry a path */
    char *ns;      /* namespace of the context or of the pod, or NULL */
    char *context; /* name, or NULL in a cluster */
    char *ca_file; /* read again for rotation; or … */
    char *ca_data; /* PEM, already decoded */
    char *tls_server_name;
    char *proxy_url;
    bool insecure_skip_tls_verify;
    bool disable_compression;
    char *client_cert_file, *client_cert_data;
    char *client_key_file, *client_key_data;
    char *token, *token_file;
    char *username, *password;
    char *impersonate_user, *impersonate_uid;
    char **impersonate_groups; /* NULL-terminated, or NULL */
    char **impersonate_extra;  /* "key=value", NULL-terminated, or NULL */
    struct kubeconfig_exec *exec;
};

struct kubeconfig_source {
    const char *path; /* --kubeconfig: must exist; NULL: environment, then in-cluster, then home */
    const char *context;                     /* --context, or NULL */
    const char *env;                         /* value of $KUBECONFIG, or NULL */
    const char *home;                        /* value of $HOME, or NULL */
    const char *service_host, *service_port; /* $KUBERNETES_SERVICE_HOST and _PORT, or NULL */
    const char *in_cluster_dir; /* NULL: /var/run/secrets/kubernetes.io/serviceaccount */
};

/* What cannot be used is one clear line that names file, entry and field. */
int kubeconfig_load(const struct kubeconfig_source *source, struct kubeconfig *ret,
                    struct err *err) MUST_CHECK;
void kubeconfig_done(struct kubeconfig *config);
