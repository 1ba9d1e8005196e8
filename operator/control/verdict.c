/* SPDX-License-Identifier: Apache-2.0 */
#include "control/verdict.h"

const char *verdict_name(enum verdict reason)
{
    static const char *const names[] = {
        [VERDICT_ROUTED] = "Routed",
        [VERDICT_OVER] = "Over",
        [VERDICT_NOT_OURS] = "NotOurs",
        [VERDICT_NO_GATEWAY] = "NoGateway",
        [VERDICT_OTHER_NAMESPACE] = "OtherNamespace",
        [VERDICT_NOT_ADMITTED] = "NotAdmitted",
        [VERDICT_PORT80_MISSING] = "Port80Missing",
        [VERDICT_REDIRECT_BLOCKS] = "RedirectBlocksHTTP01",
        [VERDICT_WAITING] = "WaitingForChallenge",
        [VERDICT_NO_SOLVER] = "SolverPending",
        [VERDICT_SHADOWED] = "ChallengePathShadowed",
        [VERDICT_TEMPORARY_MISSING] = "TemporaryCertificateMissing",
    };
    return names[reason];
}

bool verdict_is_routed(enum verdict reason)
{
    return reason == VERDICT_ROUTED || reason == VERDICT_SHADOWED ||
           reason == VERDICT_TEMPORARY_MISSING;
}

/* Names of another namespace are nobody's business in this one. */
static char *waiting_text(const struct issuance_object *challenge, const char *other)
{
    size_t len = strlen(challenge->ns);
    bool near = strncmp(other, challenge->ns, len) == 0 && other[len] == '/';
    return near ? xasprintf("Waiting for challenge %s, which is for the same name.", other)
                : xstrdup("Waiting for a challenge of another namespace, which is for the same "
                          "name.");
}

char *verdict_text(enum verdict reason, const struct issuance_object *challenge, const char *detail)
{
    const char *name = challenge->challenge.dns_name;
    switch (reason) {
    case VERDICT_ROUTED:
    case VERDICT_OVER:
        break;
    case VERDICT_NOT_OURS:
        if (!challenge->challenge.http01)
            break; /* it needs no route */
        return xstrdup("Its solver is none that this operator routes to, which is one for HTTP-01 "
                       "with ingress class " ISSUANCE_CLASS ".");
    case VERDICT_NO_GATEWAY:
        return xasprintf("No gateway in namespace %s serves %s: list it in the servers of a "
                         "MeshGateway.",
                         challenge->ns,
                         name);
    case VERDICT_OTHER_NAMESPACE:
        return xasprintf("%s is served in another namespace only: a gateway answers the challenges "
                         "of its own namespace.",
                         name);
    case VERDICT_NOT_ADMITTED:
        return xasprintf("Gateway %s reserves the host of %s for VirtualServices of another "
                         "namespace.",
                         detail,
                         name);
    case VERDICT_PORT80_MISSING:
        return xasprintf("Gateway %s does not serve %s on port 80, where HTTP-01 challenges come.",
                         detail,
                         name);
    case VERDICT_REDIRECT_BLOCKS:
        return xasprintf("Gateway %s redirects %s to HTTPS, where no server on port 443 answers "
                         "clients without a certificate.",
                         detail,
                         name);
    case VERDICT_WAITING:
        return waiting_text(challenge, detail);
    case VERDICT_NO_SOLVER:
        return xstrdup("cert-manager has not made the Service of the solver yet.");
    case VERDICT_SHADOWED:
        return xasprintf(
            "VirtualService %s, which is older and exported to its own namespace only, "
            "has a route that may come before the one for the challenge: export it to "
            "\"*\", or let it not match /.well-known/acme-challenge/.",
            detail);
    case VERDICT_TEMPORARY_MISSING:
        return xasprintf("%s is redirected to HTTPS, which has no certificate yet: set annotation "
                         "cert-manager.io/issue-temporary-certificate: \"true\" on its "
                         "Certificate.",
                         name);
    }
    return xstrdup("");
}
