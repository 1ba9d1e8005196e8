/* SPDX-License-Identifier: Apache-2.0 */
/* What people are told of a pass: events, and lines of the log. */
#pragma once

#include "control/plan.h"
#include "kube/events.h"

/* Borrowed. */
struct tell {
    struct events *events;
    const char *key;
    const json_t *object; /* the MeshGateway as stored */
};

/* What has become of the plan's steps. */
void tell_effects(const struct tell *tell, const struct plan *plan);
/* What of the new status, which is not the stored one, is worth an event. */
void tell_news(const struct tell *tell, const json_t *status);
/* A field of the spec that does nothing. */
void tell_warning(const struct tell *tell, const char *reason, const char *note);
/* "Kind name, Kind name": the steps of this effect. */
void tell_list(const struct plan *plan, enum plan_effect effect, struct strbuf *names);
