/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a plan must wait, though it is wanted: for whatever is around, or because somebody said
 * so. Such steps are taken out of the plan, and the status tells.
 */
#pragma once

#include "control/around.h"
#include "control/failures.h"
#include "control/injection.h"

struct holds {
    bool paused;                        /* changes are not written */
    bool waits_to_roll;                 /* the pods are to be replaced when it is its turn */
    struct injection_verdict injection; /* of an injected gateway, else without a message */
};

struct holds_input {
    const struct around *around;
    const struct meshgateway *gw;
    const struct store_gateway *known;
    bool processed; /* the spec has been acted on before */
};

/*
 * Takes steps out of the plan. False: what must be known is not known yet, and a pass will be
 * called for when it is. holds_done is due in any case.
 */
bool holds_apply(const struct holds_input *input, struct plan *plan, struct failures *failures,
                 struct holds *ret);
void holds_done(struct holds *holds);
