/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what is known and what a pass achieved to the status of a MeshGateway. Pure.
 *
 * Conditions follow metav1.Condition and kstatus; Ready sums the others up. Texts hold nothing
 * that changes by itself (times, counters, resource versions), so that a status which says the
 * same is the same.
 */
#pragma once

#include "control/certs.h"
#include "control/injection.h"
#include "control/store.h"
#include "data/meshgateway.h"

/* The reason of Programmed, true, when something of the original operator may be left. */
#define STATUS_LEFT_OVER "LeftOver"

/* What stands in the way of one child; the reason becomes the condition's. */
struct status_failure {
    const struct object_kind *kind;
    char *name;
    const char *reason; /* static: "Conflict", "ApplyFailed", … */
    char *message;
};

struct status_input {
    const json_t *object;            /* the MeshGateway as stored */
    const struct meshgateway *gw;    /* NULL when it is invalid */
    const struct problems *problems; /* why it is invalid */
    const struct store_gateway *known;
    const struct status_failure *failures; /* of the pass */
    size_t failure_count;
    const char *left_over; /* of the original operator, not ours to look at or delete; or NULL */
    bool held_back;        /* changes are not written because the gateway is paused */
    bool waits_to_roll;    /* its pods are to be replaced when it is its turn */
    const struct injection_verdict *injection; /* NULL: pods are not injected */
    const struct certs_told *certs;            /* zero where the gateway has no servers */
    int64_t now; /* wall clock, microseconds: lastTransitionTime of what changes */
};

/* The whole status, new. What others put into conditions stays theirs and is not in it. */
json_t *status_make(const struct status_input *input);
/* Whether the stored object's status says the same already. */
bool status_same(const json_t *object, const json_t *status);
/*
 * Members of the stored object's status that the status does not have, each as null: what another
 * field manager wrote. NULL when there is none. New.
 */
json_t *status_surplus(const json_t *object, const json_t *status);
