/* SPDX-License-Identifier: Apache-2.0 */
/* Of several operators one works: the options of that, its lease, and what the log says of it. */
#pragma once

#include "kube/kube.h"
#include "kube/kubeconfig.h"

struct credentials;
struct leader;

struct leader_options {
    bool elect;
    const char *lease; /* name of the Lease, */
    const char *ns;    /* … and its namespace; NULL: the pod's */
    int duration_ms;
    int renew_deadline_ms;
    int retry_period_ms;
};

#define LEADER_DEFAULTS                                                                            \
    {                                                                                              \
        .lease = "meshgateway-operator", .duration_ms = 15000, .renew_deadline_ms = 10000,         \
        .retry_period_ms = 2000                                                                    \
    }

/* The rows of a table of options for a `struct leader_options` that is a member of `type_`. */
#define LEADER_OPTIONS(type_, member_)                                                             \
    {.name = "leader-elect",                                                                       \
     .type = OPTIONS_FLAG,                                                                         \
     .offset = offsetof(type_, member_.elect),                                                     \
     .help = "work only while holding a Lease, so that several operators may\n"                    \
             "run and one works"},                                                                 \
        {.name = "leader-elect-lease",                                                             \
         .type = OPTIONS_TEXT,                                                                     \
         .value = "NAME",                                                                          \
         .offset = offsetof(type_, member_.lease),                                                 \
         .help = "name of the Lease; default: meshgateway-operator"},                              \
        {.name = "leader-elect-namespace",                                                         \
         .type = OPTIONS_TEXT,                                                                     \
         .value = "NAME",                                                                          \
         .offset = offsetof(type_, member_.ns),                                                    \
         .help = "namespace of the Lease; default: the pod's"},                                    \
        {.name = "leader-elect-lease-duration",                                                    \
         .type = OPTIONS_DURATION,                                                                 \
         .value = "DURATION",                                                                      \
         .offset = offsetof(type_, member_.duration_ms),                                           \
         .min = 1000,                                                                              \
         .max = 3600000,                                                                           \
         .help = "a Lease that was not renewed for so long is free; default: 15s"},                \
        {.name = "leader-elect-renew-deadline",                                                    \
         .type = OPTIONS_DURATION,                                                                 \
         .value = "DURATION",                                                                      \
         .offset = offsetof(type_, member_.renew_deadline_ms),                                     \
         .min = 100,                                                                               \
         .max = 3600000,                                                                           \
         .help = "who could not renew it for so long stops at once; default: 10s"},                \
    {                                                                                              \
        .name = "leader-elect-retry-period", .type = OPTIONS_DURATION, .value = "DURATION",        \
        .offset = offsetof(type_, member_.retry_period_ms), .min = 100, .max = 3600000,            \
        .help = "between two attempts to get or renew it; default: 2s"                             \
    }

/* Fills in the namespace, borrowed. -1: what is wrong with the options, in one line that names
 * them. */
int leader_check(struct leader_options *options, const struct kubeconfig *kubeconfig,
                 struct err *err) MUST_CHECK;

/* "HOSTNAME_UUID", another one each time. The caller frees. */
char *leader_identity(const char *hostname);

struct leader_sink {
    void (*won)(void *arg);
    void (*lost)(void *arg); /* nothing may be written from here on */
};

/* Everything is borrowed but `options`. */
struct leader *leader_new(const struct leader_options *options, struct loop *loop,
                          struct credentials *credentials, const struct kube_options *kube,
                          const char *identity, const struct leader_sink *sink, void *arg,
                          struct err *err) MUST_CHECK;
void leader_free(struct leader *leader);
/* Nothing of this client's that writes leaves while we do not lead; the leader must outlive it. */
void leader_fence(struct leader *leader, struct kube *kube);
/* See lease_release(). */
void leader_release(struct leader *leader, loop_cb *released, void *arg);
/* For /healthz and /readyz; when it is not so, one line why. */
bool leader_is_alive(const struct leader *leader, struct strbuf *reason);
bool leader_is_ready(const struct leader *leader, struct strbuf *reason);
