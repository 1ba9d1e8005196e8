/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An informer without a cache: keeps its owner's picture of one kind in step with the server, by
 * WatchList where it is served, else by a chunked list and a watch. Runs for ever: it resumes,
 * lists again and backs off by itself (operator/README.md tells the rules).
 *
 * The owner keeps what it wants of each object. Mark and sweep: begin() says that a full set
 * follows; synced() that it is complete, so whatever was known before begin() and did not come
 * since then is gone. Between the two, deleted() does not occur.
 */
#pragma once

#include "kube/kube.h"

struct watch;

struct watch_sink {
    void (*begin)(void *arg);
    /*
     * Added or changed; also again what was known. The object is the callee's to read only. Its
     * metadata.managedFields are there between begin() and synced(), and after
     * kube_keep_managers(); else empty.
     */
    void (*object)(void *arg, json_t *object);
    /* Deleted, or no longer matching the selector; the last known state. */
    void (*deleted)(void *arg, json_t *object);
    void (*synced)(void *arg);
    /* NULL: connected again. Else why there is no watch; once for each change of the reason. */
    void (*state)(void *arg, const struct err *err);
};

/* The scope is copied; `sink` must outlive the watch. */
struct watch *watch_new(struct kube *kube, const struct object_kind *kind,
                        const struct kube_scope *scope, const struct watch_sink *sink, void *arg);
/* No callback after this. */
void watch_free(struct watch *watch);
