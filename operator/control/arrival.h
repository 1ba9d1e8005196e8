/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway that was another operator's until its labels became ours (run --selector). Its children
 * were nobody's when the watches showed them, and nothing is kept of those. So they are asked for
 * before anything is planned: what is in place is taken up without a write, and what the spec does
 * not want any more is found.
 */
#pragma once

#include "control/around.h"
#include "control/store.h"
#include "kube/kube.h"

struct arrival;

struct arrival_options {
    struct kube *kube;
    struct store *store;
    const struct around *around;
    const char *ns, *name; /* of the gateway; must stay until `done` */
    bool background;       /* see struct kube_request */
};

/* err: of kind ERR_NONE when the store's record has all children. */
typedef void arrival_done(void *arg, const struct err *err);

/* done runs exactly once, later; the arrival is gone after it. */
struct arrival *arrival_start(const struct arrival_options *options, arrival_done *done, void *arg);
/* done will not run. */
void arrival_cancel(struct arrival *arrival);
