/* SPDX-License-Identifier: Apache-2.0 */
/* The merge keys of Kubernetes' types: which lists a strategic merge patch merges, and by what. */
#pragma once

#include "data/object.h"

/* A member of a type about which there is something to know. A type ends with a NULL name. */
struct mergekeys_member {
    const char *name;
    /*
     * The list is merged by this member of its elements; "": it is a list of plain values, merged
     * as a set; NULL: no list, or one that is replaced.
     */
    const char *key;
    const struct mergekeys_member *type; /* of the object, or of the list's elements; may be NULL */
};

/* The members of a kind; those of metadata are known of all kinds. */
const struct mergekeys_member *mergekeys_of(const struct object_kind *kind);
/* NULL when there is nothing to know; type may be NULL. */
const struct mergekeys_member *mergekeys_find(const struct mergekeys_member *type,
                                              const char *name);
