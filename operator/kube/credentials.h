/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to the API server, kept fresh. Made from a kubeconfig or the files of a pod.
 *   - A token file is read again when what we have is older than 50 s, and at once after a 401: the
 *     kubelet swaps projected tokens, so it is opened by its path each time.
 *   - CA, client certificate and key files are read again every 5 minutes, after a 401 and after a
 *     request without an answer. Inline data is fixed.
 *   - An exec plugin runs again shortly before its credential expires and after a 401; once for
 *     all who wait, and with back-off when it fails or what it gives is rejected.
 * What is empty, missing or not of its kind never replaces what worked before.
 *
 * Nothing of this is ever logged.
 */
#pragma once

#include "kube/kubeconfig.h"
#include "net/loop.h"

struct credentials;

/* Everything a connection and a request need. Borrowed; valid until the loop turns. */
struct credential {
    const char *authorization; /* value of the Authorization header, or NULL */
    const char *client_cert;   /* PEM, or NULL */
    const char *client_key;    /* PEM, or NULL */
    const char *ca;            /* PEM, or NULL: the system's roots */
    uint64_t tls_generation;   /* changes with the PEM texts: then open new connections */
};

/* On failure `credential` is NULL. May not free the credentials. */
typedef void credentials_cb(void *arg, const struct credential *credential, const struct err *err);

/* config: borrowed, must outlive it. */
struct credentials *credentials_new(struct loop *loop, const struct kubeconfig *config);
/* Nobody may wait any more. */
void credentials_free(struct credentials *credentials);
const struct kubeconfig *credentials_config(const struct credentials *credentials);

/*
 * The credential if it is at hand and fresh, else NULL: then credentials_wait(). Cheap: every
 * request asks. What an earlier call gave may be gone after it.
 */
const struct credential *credentials_get(struct credentials *credentials);
/* Gets it (runs the plugin once for all who wait); cb runs later, exactly once. */
void credentials_wait(struct credentials *credentials, credentials_cb *cb, void *arg);
/* Takes back a credentials_wait. */
void credentials_cancel(struct credentials *credentials, credentials_cb *cb, void *arg);
/* The server said 401: what we have may be stale. */
void credentials_rejected(struct credentials *credentials);
/* No answer came: perhaps one of us does not know the other's new certificate. */
void credentials_doubted(struct credentials *credentials);
