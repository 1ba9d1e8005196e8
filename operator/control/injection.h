/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Will istiod's webhook fill in these pods? What Istio's analyzer calls IST0146, asked beforehand:
 * a pod that comes up without injection keeps the image "auto", which no node can pull. Pure.
 */
#pragma once

#include "data/jx.h"

struct injection_input {
    const json_t *injectors; /* array: what injection_of_webhooks keeps of each, sorted by name */
    const char *ns;
    const json_t *ns_labels;
    const json_t *pod_labels;
    const char *revision; /* that the gateway asks for; "" is the default */
};

enum injection_answer {
    INJECTION_READY,
    INJECTION_NOT_READY, /* pods made now would not be filled in */
    INJECTION_STUCK,     /* they would be, but a pod was made before that and cannot start */
    INJECTION_UNKNOWN,   /* the operator may not look */
};

struct injection_verdict {
    enum injection_answer answer;
    const char *reason; /* static */
    char *message;      /* owned */
};

#define AUTO_VERDICT AUTO(injection_verdict_done)

/*
 * What is kept of a MutatingWebhookConfiguration: {name, revision, tag, webhooks: [{name,
 * namespaceSelector, objectSelector}]}, new; NULL when none of its webhooks is Istio's.
 */
json_t *injection_of_webhooks(const json_t *configuration);
/* What is kept of a Namespace: its labels. */
json_t *injection_of_namespace(const json_t *ns);
/* What is kept of a Pod: {gateway} of one whose proxy still has the image "auto", else NULL. */
json_t *injection_of_pod(const json_t *pod);

void injection_check(const struct injection_input *input, struct injection_verdict *ret);
void injection_verdict_done(struct injection_verdict *verdict);

/* The revision behind a tag, borrowed; NULL when there is no such tag. */
const char *injection_tagged(const json_t *injectors, const char *tag);
