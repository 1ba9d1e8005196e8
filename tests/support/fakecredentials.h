/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for kube/credentials.c in tests: a credential that the test sets by hand. */
#pragma once

#include "kube/credentials.h"

struct credentials {
    const struct kubeconfig *config;
    struct credential credential;
    bool absent;    /* credentials_get() has none: callers wait */
    struct err err; /* what who waits gets; ERR_NONE: the credential */
    int rejected;   /* how often the server said 401 */
    int doubted;    /* how often no answer came */
    struct loop_timer *timer;
    struct fakecredentials_wait {
        credentials_cb *cb;
        void *arg;
    } waits[64];
    size_t waiting;
};

/* Answers all who wait, on the next turn of the loop. */
void fakecredentials_answer(struct credentials *credentials);
