/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many gateways are in each condition, by the statuses they have stored. Counted as gateways
 * come, change and go, so that a scrape costs the same with one as with ten thousand.
 */
#pragma once

#include "base/strbuf.h"
#include "data/jx.h"

#define CENSUS_TYPES 11

struct census {
    uint32_t counts[CENSUS_TYPES][3]; /* by type and status */
};

/* What one gateway counts as; zero: as nothing. */
struct census_entry {
    uint32_t statuses;       /* two bits a type, 0: it has no such condition */
    int64_t not_ready_since; /* wall clock, microseconds; 0: it is Ready, or has no status yet */
};

/* The gateway as stored. Pure. */
struct census_entry census_entry(const json_t *gateway);
/* The gateway counted as `before` is counted as `now`; zero stands for one that comes or goes. */
void census_change(struct census *census, const struct census_entry *before,
                   const struct census_entry *now);
/* Appends the family, with a series for each type and status, those that nobody is in included. */
void census_write(const struct census *census, struct strbuf *out);
