/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a challenge: whether it is routed to its solver, and if not, why. */
#pragma once

#include "control/issuance.h"

/* Among those that are not routed, a later one got further along. */
enum verdict {
    VERDICT_ROUTED,
    VERDICT_OVER,              /* it has ended */
    VERDICT_NOT_OURS,          /* DNS-01, Gateway API, another ingress class */
    VERDICT_NO_GATEWAY,        /* no gateway serves the name */
    VERDICT_OTHER_NAMESPACE,   /* only one of another namespace does */
    VERDICT_NOT_ADMITTED,      /* the gateway's host is reserved for another namespace's routes */
    VERDICT_PORT80_MISSING,    /* served, but not on port 80 */
    VERDICT_REDIRECT_BLOCKS,   /* redirected to HTTPS, which cannot answer */
    VERDICT_WAITING,           /* cert-manager works on another challenge for the same name */
    VERDICT_NO_SOLVER,         /* cert-manager has made no Service yet */
    VERDICT_SHADOWED,          /* routed, but another route comes first */
    VERDICT_TEMPORARY_MISSING, /* routed; HTTPS, where the redirect leads, has no certificate yet */
};

/* "Routed", "NoGateway", … */
const char *verdict_name(enum verdict reason);
bool verdict_is_routed(enum verdict reason);
/*
 * For people, new; "" when all is well. detail: "namespace/name" of the gateway, of the other
 * challenge (VERDICT_WAITING), of the VirtualService (VERDICT_SHADOWED).
 */
char *verdict_text(enum verdict reason, const struct issuance_object *challenge, const char *detail)
    __attribute__((returns_nonnull));
