/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The road to the API server that every command with a cluster takes: kubeconfig, credentials,
 * client; and for commands that end by themselves a way to ask and wait.
 */
#pragma once

#include "kube/kube.h"
#include "kube/kubeconfig.h"

struct cluster_source {
    const char *kubeconfig; /* --kubeconfig, or NULL */
    const char *context;    /* --context, or NULL */
};

/* The rows of a table of options for a `struct cluster_source` that is a member of `type_`. */
#define CLUSTER_OPTIONS(type_, member_)                                                            \
    {.name = "kubeconfig",                                                                         \
     .type = OPTIONS_TEXT,                                                                         \
     .value = "FILE",                                                                              \
     .offset = offsetof(type_, member_.kubeconfig),                                                \
     .help = "how to reach the API server; default: $KUBECONFIG, then the\n"                       \
             "service account of the pod, then ~/.kube/config"},                                   \
    {                                                                                              \
        .name = "context", .type = OPTIONS_TEXT, .value = "NAME",                                  \
        .offset = offsetof(type_, member_.context),                                                \
        .help = "context of the kubeconfig; default: its current one"                              \
    }

/* A zero value is a closed one. */
struct cluster {
    struct kubeconfig kubeconfig;
    struct loop *loop;
    struct credentials *credentials;
    struct kube *kube;
};

struct cluster_answer {
    json_t *object; /* owned; NULL on failure */
    struct err err;
};

/* Takes the environment into account, as kubeconfig_load does not. */
int cluster_load(const struct cluster_source *source, struct kubeconfig *ret,
                 struct err *err) MUST_CHECK;
/* cluster_close is due in any case. */
int cluster_open(const struct cluster_source *source, struct cluster *ret,
                 struct err *err) MUST_CHECK;
void cluster_close(struct cluster *cluster);
/* Sends all of them at once and runs the loop until all are answered. */
void cluster_ask(struct cluster *cluster, const struct kube_request *requests, size_t count,
                 struct cluster_answer *answers);
/* Runs the loop for a while: connections are kept, credentials stay fresh. */
void cluster_wait(struct cluster *cluster, int ms);
