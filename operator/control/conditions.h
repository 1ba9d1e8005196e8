/* SPDX-License-Identifier: Apache-2.0 */
/* A list of metav1.Conditions under construction: keeps transition times of what did not change. */
#pragma once

#include "data/jx.h"

struct conditions {
    const json_t *old;     /* conditions of the stored status, may be NULL */
    json_int_t generation; /* observedGeneration of each */
    char now[32];          /* RFC 3339 */
    json_t *list;          /* the new ones; owned */
};

enum conditions_status { CONDITION_TRUE, CONDITION_FALSE, CONDITION_UNKNOWN };

void conditions_init(struct conditions *c, const json_t *old, json_int_t generation,
                     int64_t now_us);
void conditions_add(struct conditions *c, const char *type, enum conditions_status status,
                    const char *reason, const char *message);
/* The first that is not True, borrowed, NULL when all are. */
const json_t *conditions_first_not_true(const struct conditions *c);
/* The condition of this type in a list, borrowed, or NULL. */
const json_t *conditions_find(const json_t *list, const char *type);
