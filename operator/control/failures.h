/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong in a pass, and the one place that says how to react to each kind of error. */
#pragma once

#include "control/pass.h"
#include "control/plan.h"
#include "control/status.h"

struct failures {
    struct status_failure *items;
    size_t count;
};

/* reason: static. The message is copied. */
void failures_add(struct failures *list, const struct plan_step *step, const char *reason,
                  const char *message);
/* By kind and name: the order in which answers come in must not show in the status. */
void failures_sort(struct failures *list);
void failures_done(struct failures *list);

/* The condition's reason for an error from the API server: CamelCase, static. */
const char *failures_reason(const struct err *err);
enum pass_reaction failures_reaction(const struct err *err);
