/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may replace its pods now. When the mesh's configuration changes, or the operator's, or a new
 * operator renders something else, every gateway would roll at once: instead a few do at a time,
 * and the next begins when one of them is Available. A change that does harm stops there.
 *
 * What a user changes in a MeshGateway, and the repair of what somebody changed in its objects, do
 * not wait.
 */
#pragma once

#include "control/store.h"

struct rolls;

/* At most `count` gateways, or that many percent of all, rounded up; always at least one. */
struct rolls_limit {
    int count;
    bool percent;
};

/* "10%" or "3". -1 when it is neither. */
int rolls_parse_limit(const char *text, struct rolls_limit *ret) MUST_CHECK;

/* wake: this gateway has been given its turn. `store` is borrowed. */
struct rolls *rolls_new(const struct store *store, const struct rolls_limit *limit,
                        void (*wake)(void *arg, const char *key), void *arg);
void rolls_free(struct rolls *rolls);

/* The picture of the cluster is complete: what rolls already counts. */
void rolls_start(struct rolls *rolls);
/* True when the gateway may roll now, and has the turn. Else it waits, and is woken for its turn.
 */
bool rolls_enter(struct rolls *rolls, const struct store_gateway *gw);
/* A pass of the gateway ended: its turn is over if the pass had nothing to roll. */
void rolls_passed(struct rolls *rolls, const char *key);
/* What is known of its Deployment changed, or it is gone itself: its turn may be over. */
void rolls_look(struct rolls *rolls, const char *key);
