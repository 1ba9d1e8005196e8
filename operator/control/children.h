/* SPDX-License-Identifier: Apache-2.0 */
/* From what watches see of children to the passes that it calls for. */
#pragma once

#include "control/around.h"
#include "control/queue.h"
#include "control/store.h"

/* All borrowed. */
struct children {
    struct store *store;
    const struct around *around;
    struct queue *queue;
};

/* As in struct watch_sink. scope: a namespace, or NULL for all. */
void children_begin(const struct children *children, const struct object_kind *kind,
                    const char *scope);
void children_changed(const struct children *children, const struct object_kind *kind,
                      const json_t *object, enum queue_priority priority);
void children_deleted(const struct children *children, const struct object_kind *kind,
                      const json_t *object);
void children_synced(const struct children *children, const struct object_kind *kind,
                     const char *scope);
