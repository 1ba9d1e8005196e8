/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drift: has somebody changed what we set? Pure.
 *
 * The projection of a live object onto a desired one holds, of the live object, only what the
 * desired one states. A value that means the same in another spelling (a quantity, an empty value
 * that the server leaves out) is spelled as desired. So a projection that equals the desired
 * object means "in step", and what the server or others add is not seen at all.
 *
 * Lists: those that the API merges by key keep foreign elements; all others are ours whole.
 */
#pragma once

#include "data/jx.h"

/* Digest of the projection of `live` (NULL: nothing is there) onto `desired`; see jx_digest. */
uint64_t drift_digest(const json_t *desired, const json_t *live);
/* Path of the first field of `desired` that is not so in the projection; NULL when all are. New. */
char *drift_field(const json_t *desired, const json_t *live);
