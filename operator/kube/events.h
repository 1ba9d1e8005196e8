/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events for people (events.k8s.io/v1): what happened to an object, in a sentence.
 *
 * Fire and forget: nothing waits for an event and a lost one is no error. What is written, counted
 * or left: kube/eventcache.h. A request that gets no answer is tried again for two minutes.
 */
#pragma once

#include "kube/kube.h"

struct events;

struct events_about {
    const struct object_kind *kind;
    const json_t *object; /* metadata is read; borrowed for the call */
    /* Another object of the same namespace that took part; NULL = none. */
    const struct object_kind *related_kind;
    const char *related_name;
};

/* controller: "example.com/name"; instance: of this process. Both are copied. */
struct events *events_new(struct loop *loop, struct kube *kube, const char *controller,
                          const char *instance);
/*
 * Nothing more is emitted: calls `done` once, later, when nothing is on its way any more. What
 * waits for another try is dropped.
 */
void events_flush(struct events *events, loop_cb *done, void *arg);
/* What was not sent yet is dropped. */
void events_free(struct events *events);

/* type: "Normal" or "Warning"; reason, action: CamelCase, at most 128 bytes; a note beyond the 1024
 * bytes allowed is cut. */
void events_emit(struct events *events, const struct events_about *about, const char *type,
                 const char *reason, const char *action, const char *note);

/* Tests: the pause before another try, instead of ten seconds. */
void events_retry_after(struct events *events, int ms);
