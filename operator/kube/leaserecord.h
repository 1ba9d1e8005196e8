/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Lease (coordination.k8s.io/v1) says, and the Lease that takes it or gives it back, as
 * client-go's tools/leaderelection does it. Pure.
 *
 * Clocks of different machines are never compared. Whoever holds the Lease changes it every few
 * seconds; it is free when it has been seen unchanged, on our own clock, for as long as it says.
 */
#pragma once

#include "data/object.h"

/* Zero: nothing is known of it. */
struct leaserecord {
    json_t *object;      /* as last read or written; NULL: there is none */
    int64_t observed_ms; /* when its spec was first seen as it is */
};

/* Takes a reference; NULL: there is none. Only a change of the spec is a sign of life. */
void leaserecord_see(struct leaserecord *record, json_t *object, int64_t now_ms);
void leaserecord_done(struct leaserecord *record);

/* Whose it says it is, "" for nobody's; borrowed. */
const char *leaserecord_holder(const struct leaserecord *record);
/*
 * From when on somebody else may take it if it does not change: the past when nobody holds it. A
 * Lease that does not say for how long it is held is taken to be held for fallback_ms.
 */
int64_t leaserecord_free_at_ms(const struct leaserecord *record, int fallback_ms);

struct leaserecord_claim {
    const char *ns, *name;
    const char *identity;
    int duration_ms; /* whole seconds */
    int64_t wall_us; /* for people only */
};

/*
 * The Lease with us as its holder, new, to be created when there is none, else put in its place:
 * the resource version lets only one of several succeed. What is not ours in it stays.
 */
json_t *leaserecord_claim(const struct leaserecord *record, const struct leaserecord_claim *claim);
/* The Lease with nobody as its holder, new, from one that we hold. */
json_t *leaserecord_release(const struct leaserecord *record, int64_t wall_us);
