/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrying out one step of a plan against the API server: one to five calls, one result. What the
 * answers tell of the child goes into the store's record at once, so that the next plan does not
 * wait for the watch.
 */
#pragma once

#include "control/around.h"
#include "control/plan.h"
#include "kube/kube.h"

struct step;

enum step_outcome {
    STEP_DONE,    /* as planned */
    STEP_NOTHING, /* there was nothing to clear away */
    STEP_AGAIN,   /* the object is not what the plan believed; the record is corrected: plan again.
                     err is what showed it, if an error did */
    STEP_FOREIGN, /* an object of this name exists and is somebody else's; it was not touched */
    STEP_FAILED,  /* see err */
};

struct step_result {
    enum step_outcome outcome;
    bool created;    /* the object did not exist before */
    bool taken_over; /* it was the original operator's; with STEP_AGAIN */
    struct err err;
};

struct step_context {
    struct kube *kube;
    struct store *store;
    const struct around *around;
    const struct meshgateway *gw;
    const char *key; /* the gateway's */
    bool background; /* see struct kube_request */
};

typedef void step_done(void *arg, const struct plan_step *step, const struct step_result *result);

/* Context and plan step must stay until `done`; done runs exactly once, later. */
struct step *step_start(const struct step_context *context, const struct plan_step *plan,
                        step_done *done, void *arg);
/* done will not run. */
void step_cancel(struct step *step);
