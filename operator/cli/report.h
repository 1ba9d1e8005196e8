/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a gateway stands, out of what the cluster says of it. Pure.
 *
 * A report is JSON, and what "status -o json" prints:
 *   namespace, name, type, serviceType, created, paused, problem (why the spec cannot be used)
 *   conditions, addresses, ports, certificates   as in the status
 *   image                          of the proxy, as the Deployment has it
 *   pods {wanted, replicas, updated, ready, available}, rollout: a sentence
 *   objects [{kind, name, state, created, detail}]
 *   events [{time, type, reason, object, count, message}], the newest last
 */
#pragma once

#include "cli/world.h"
#include "data/object.h"
#include "data/problems.h"

#include <stdint.h>

/* An object that belongs, or may belong, to a gateway, and what the cluster said of it. */
struct report_object {
    const struct object_kind *kind;
    char *name;     /* owned */
    bool wanted;    /* the gateway's spec asks for it */
    json_t *object; /* owned; NULL: there is none, or */
    struct err err; /* … it cannot be read */
};

struct report_objects {
    struct report_object *items;
    size_t count;
    struct problems problems; /* of the spec; then it is not known what is wanted */
    bool world_known;         /* else that is not known of the kinds of Istio and cert-manager */
};

/* What a gateway wants and what it may have left behind, to be asked for. */
void report_objects_of(json_t *gateway, const struct world *world, struct report_objects *ret);
void report_objects_done(struct report_objects *objects);
/* New. events: the items of the namespace, may be NULL. Nothing is changed. */
json_t *report_make(const json_t *gateway, const struct report_objects *objects,
                    const json_t *events);
/* The columns of a gateway in a list of them, from its own status alone; wide: four more. New. */
json_t *report_row(const json_t *gateway, bool wide, int64_t now_us);
/* The heads of these columns. New. */
json_t *report_heads(bool wide);
