/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reconciler: takes keys from the queue, runs a pass for each, a bounded number at a time, and
 * decides when a key is tried again. All policy about retries is here.
 */
#pragma once

#include "control/pass.h"
#include "control/queue.h"

struct reconcile;

/* context is copied, what it points to borrowed. max_passes: under way at a time. */
struct reconcile *reconcile_new(struct loop *loop, const struct pass_context *context,
                                int max_passes);
/* Somebody else works: keys are taken and forgotten, until reconcile_start(). */
void reconcile_stand_by(struct reconcile *r);
/* Nothing is worked on before this: the picture of the cluster is not complete yet. */
void reconcile_start(struct reconcile *r);
/* Takes no more keys; `drained` runs once, when the passes under way have ended. */
void reconcile_stop(struct reconcile *r, loop_cb *drained, void *arg);
/* Cancels what is still under way. */
void reconcile_free(struct reconcile *r);

struct queue *reconcile_queue(struct reconcile *r);
/* A gateway has come to be: in a namespace that is being deleted it could not. */
void reconcile_namespace_lives(struct reconcile *r, const char *key);
