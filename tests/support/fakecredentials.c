/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fakecredentials.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void answer_all(void *arg)
{
    struct credentials *credentials = arg;
    while (credentials->waiting) {
        struct fakecredentials_wait wait = credentials->waits[0];
        credentials->waiting--;
        memmove(credentials->waits,
                credentials->waits + 1,
                credentials->waiting * sizeof(credentials->waits[0]));
        if (credentials->err.kind)
            wait.cb(wait.arg, NULL, &credentials->err);
        else
            wait.cb(wait.arg, &credentials->credential, NULL);
    }
}

struct credentials *credentials_new(struct loop *loop, const struct kubeconfig *config)
{
    struct credentials *credentials = xcalloc(1, sizeof(*credentials));
    credentials->config = config;
    credentials->credential.ca = config->ca_data;
    credentials->credential.client_cert = config->client_cert_data;
    credentials->credential.client_key = config->client_key_data;
    credentials->timer = loop_timer_new(loop, answer_all, credentials);
    return credentials;
}

void credentials_free(struct credentials *credentials)
{
    assert(credentials->waiting == 0);
    loop_timer_free(credentials->timer);
    free(credentials);
}

const struct kubeconfig *credentials_config(const struct credentials *credentials)
{
    return credentials->config;
}

const struct credential *credentials_get(struct credentials *credentials)
{
    return credentials->absent ? NULL : &credentials->credential;
}

void credentials_wait(struct credentials *credentials, credentials_cb *cb, void *arg)
{
    assert(credentials->waiting < ARRAY_LEN(credentials->waits));
    credentials->waits[credentials->waiting++] = (struct fakecredentials_wait){cb, arg};
}

void credentials_cancel(struct credentials *credentials, credentials_cb *cb, void *arg)
{
    for (size_t i = 0; i < credentials->waiting; i++) {
        if (credentials->waits[i].cb != cb || credentials->waits[i].arg != arg)
            continue;
        credentials->waiting--;
        memmove(credentials->waits + i,
                credentials->waits + i + 1,
                (credentials->waiting - i) * sizeof(credentials->waits[0]));
        return;
    }
    assert(false && "nobody waits so");
}

void credentials_rejected(struct credentials *credentials)
{
    credentials->rejected++;
}

void credentials_doubted(struct credentials *credentials)
{
    credentials->doubted++;
}

void fakecredentials_answer(struct credentials *credentials)
{
    loop_timer_start(credentials->timer, 0);
}
