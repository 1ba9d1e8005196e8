/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists all objects of a kind in pages, item by item as they come in. For files of kube/ only.
 *
 * begin() comes with the first answer, and once more when the server forgot where we were (its
 * continue token expired) and all is read again, in one piece. done() comes exactly once, never
 * before pages_new() returned; then and after pages_free() nothing comes any more.
 */
#pragma once

#include "kube/kube.h"
#include "kube/session.h"

struct pages;

struct pages_events {
    void (*begin)(void *arg);
    /* With apiVersion and kind, without managedFields; the callee's to read only. */
    void (*item)(void *arg, json_t *object);
    /* version: what a watch goes on from; NULL on failure. pages_free() is still due. */
    void (*done)(void *arg, const char *version, const struct err *err);
};

/* NULL when the scope cannot be sent; its texts are borrowed. `events` must outlive it, too. */
struct pages *pages_new(struct session *session, const struct object_kind *kind,
                        const struct kube_scope *scope, const struct pages_events *events,
                        void *arg, struct err *err) MUST_CHECK;
/* May be called from any callback. */
void pages_free(struct pages *pages);
