/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of an exec credential plugin: the ExecCredential protocol of client.authentication.k8s.io
 * v1 and v1beta1 (KEP-541). When to run it, and how long to keep what it says, is the caller's
 * part.
 */
#pragma once

#include "kube/kubeconfig.h"
#include "net/loop.h"

#include <stdint.h>

struct execplugin;

struct execplugin_credential {
    const char *token;       /* or NULL */
    const char *client_cert; /* PEM, or NULL; comes together with … */
    const char *client_key;  /* … this */
    int64_t expires_us;      /* wall time in microseconds since 1970, 0 = not said */
};

/* On failure `credential` is NULL and the message names the plugin; it never holds its output. */
typedef void execplugin_done(void *arg, const struct execplugin_credential *credential,
                             const struct err *err);

/* exec: borrowed. The run is borrowed until `done` returned or execplugin_cancel; NULL: no
 * terminal. */
struct execplugin *execplugin_start(struct loop *loop, const struct kubeconfig_exec *exec,
                                    execplugin_done *done, void *arg, struct err *err) MUST_CHECK;
/* Kills the plugin; `done` does not run. */
void execplugin_cancel(struct execplugin *run);
