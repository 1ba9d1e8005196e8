/* SPDX-License-Identifier: Apache-2.0 */
/* What a pass does about fights over its children; what a fight is: control/contest.h. */
#pragma once

#include "control/failures.h"

/* Whether the step must not be taken now. processed: the spec has been acted on before. */
bool fights_hold(struct store_gateway *gw, const struct plan_step *step, bool processed);
/* A step has succeeded. */
void fights_remember(struct store_gateway *gw, const struct plan_step *step);
/*
 * At the end of a pass: adds a failure for each fight, also while the last repair holds, since
 * whether that lasts is not known yet. Returns after how many ms there is more to do; 0: never.
 */
int64_t fights_tell(struct store_gateway *gw, struct failures *failures);
/* How many there are. */
size_t fights_count(const struct store *store);
