/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.certificates[] of a MeshGateway and its condition CertificatesReady. Pure. Texts hold
 * nothing that changes by itself, and never the key of a challenge.
 */
#pragma once

#include "control/conditions.h"
#include "control/router.h"

struct certstatus_input {
    const struct router_gateway *gateway; /* with its wishes */
    const struct issuance *issuance;
    const struct router_result *router; /* NULL: nothing was routed */
    const json_t *old;                  /* status.certificates as stored; may be NULL */
    bool cert_manager;                  /* its kinds are served */
    bool istio;                         /* … and Istio's */
    int64_t now;                        /* wall clock, microseconds */
};

struct certstatus {
    json_t *certificates; /* owned, one entry a wish; NULL when no certificate is wished for */
    /* CertificatesReady; reason is NULL when no certificate is wished for. */
    enum conditions_status status;
    const char *reason; /* static */
    char *message;      /* owned */
    int64_t recheck_ms; /* the answer may be another one then though nothing happens; 0: never */
};

void certstatus_make(const struct certstatus_input *in, struct certstatus *ret);
void certstatus_done(struct certstatus *status);

/*
 * Whether the HTTPS part of a server may be rendered: its certificate was issued once. Never taken
 * back: notAfter is in the stored entry only after that, and stays there while the Secret is the
 * same one, whatever becomes of the Certificate. certificate may be NULL.
 */
bool certstatus_was_issued(const struct issuance_object *certificate,
                           const struct issuance_wish *wish, const json_t *old);
