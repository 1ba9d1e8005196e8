/* SPDX-License-Identifier: Apache-2.0 */
/* metadata of an object, as the API server checks it at creation. */
#pragma once

#include "data/problems.h"

#include <jansson.h>

/*
 * Names, labels, annotations, owners and finalizers; the types of the fields are data/schema's.
 * Without a namespace it is that of the context, and fine.
 */
void objectmeta_check(const json_t *object, struct problems *problems);
