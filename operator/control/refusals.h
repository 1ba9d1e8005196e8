/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps that the API server refused a moment ago. Passes come with every event of a child, and
 * would each have the same step refused again; what only somebody else can mend waits for the
 * back-off.
 */
#pragma once

#include "control/plan.h"

struct refusal {
    struct refusal *next;
    const struct object_kind *kind;
    enum plan_verb verb;
    uint64_t desired; /* digest of what was to be */
    int64_t until;    /* ms, monotonic */
    const char *reason;
    char *message;
    char name[];
};

/* The step was refused; reason: static. */
void refusals_add(struct refusal **list, const struct plan_step *step, const char *reason,
                  const char *message, int64_t now);
/* Why the very same step was refused a moment ago; NULL: it may be taken. */
const struct refusal *refusals_find(struct refusal **list, const struct plan_step *step,
                                    int64_t now);
void refusals_free(struct refusal **list);
