/* SPDX-License-Identifier: Apache-2.0 */
/* From what watches see of children to the passes that it calls for. */
#pragma once

#include "control/around.h"
#include "control/queue.h"
#include "control/store.h"

/* Text, since there may be tens of thousands, each several times as large when parsed. */
struct children_early {
    const struct object_kind *kind;
    char uid[STORE_UID_LEN];
    char *ns;
    char *text; /* compact JSON */
};

/*
 * What a Gateway or a VirtualService must hold depends on objects of other kinds, and their watches
 * end in any order. So what is seen of optional kinds waits until all has been seen: else every one
 * of them would be applied anew at each start.
 */
struct children {
    struct store *store; /* these three are borrowed */
    const struct around *around;
    struct queue *queue;
    bool started;
    struct children_early *early;
    size_t early_count;
    size_t early_cap;
};

/* As in struct watch_sink. scope: a namespace, or NULL for all. */
void children_begin(struct children *children, const struct object_kind *kind, const char *scope);
void children_changed(struct children *children, const struct object_kind *kind, json_t *object,
                      enum queue_priority priority);
void children_deleted(struct children *children, const struct object_kind *kind,
                      const json_t *object);
void children_synced(const struct children *children, const struct object_kind *kind,
                     const char *scope);
/* All kinds have been seen whole. */
void children_start(struct children *children);
void children_done(struct children *children);
