/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to the API server, kept fresh: token files are read again, exec plugins run again,
 * certificate files watched for rotation. Made from a kubeconfig or the in-cluster files.
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
    uint64_t
        tls_generation; /* changes with client_cert, client_key or ca: then open new connections */
};

/* On failure `credential` is NULL. */
typedef void credentials_cb(void *arg, const struct credential *credential, const struct err *err);

/* config: borrowed, must outlive it. */
struct credentials *credentials_new(struct loop *loop, const struct kubeconfig *config);
void credentials_free(struct credentials *credentials);
const struct kubeconfig *credentials_config(const struct credentials *credentials);

/* The credential if it is at hand and fresh, else NULL: then credentials_wait(). Cheap: every
 * request asks. */
const struct credential *credentials_get(struct credentials *credentials);
/* Gets it (reads files, runs the plugin once for all who wait); cb runs later, exactly once. */
void credentials_wait(struct credentials *credentials, credentials_cb *cb, void *arg);
/* Takes back a credentials_wait. */
void credentials_cancel(struct credentials *credentials, credentials_cb *cb, void *arg);
/* The server said 401: what we have is stale. */
void credentials_rejected(struct credentials *credentials);
