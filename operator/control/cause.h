/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a certificate is not there: the deepest of cert-manager's objects that says something says it
 * best, so that nobody has to walk from Certificate to Challenge. Pure.
 */
#pragma once

#include "control/router.h"

/* A Certificate that cert-manager has not looked at for so long is a sign that it does not run. */
#define CAUSE_SILENCE_MS 60000

struct cause_input {
    const struct router_gateway *gateway;
    const struct issuance *issuance;
    const struct router_result *router; /* NULL: nothing was routed */
    const struct issuance_wish *wish;
    const struct issuance_object *certificate; /* NULL: not made yet */
    int64_t now;                               /* wall clock, microseconds */
};

struct cause {
    const char *reason; /* static, one word */
    char *message;      /* owned, for people */
    bool hopeless;      /* it stays so until somebody changes something */
};

struct cause cause_of(const struct cause_input *in);
/* Milliseconds after which the cause may be another one though nothing has happened; 0: never. */
int64_t cause_recheck_ms(const struct cause_input *in);

/*
 * The challenges of the certificate's present attempt: an array of {"dnsName", "state", "reason",
 * "routed"}, sorted, new. live: some of them are not over.
 */
json_t *cause_challenges(const struct cause_input *in, bool *ret_live);
