/* SPDX-License-Identifier: Apache-2.0 */
/* Which gateways belong to a control plane. There are few of those: gateways are gone through. */
#pragma once

#include "control/queue.h"
#include "control/store.h"

struct config;

struct members {
    const struct store *store;
    const struct config *config;
};

/* Whether any gateway belongs to that control plane. */
bool members_any(const struct members *members, const char *ns, const char *revision);
/* Queues those that belong to it, in the background. */
void members_queue(const struct members *members, const char *ns, const char *revision,
                   struct queue *queue);
/* Queues those whose pods are filled in by their control plane, whichever that is. */
void members_queue_injected(const struct members *members, struct queue *queue);
