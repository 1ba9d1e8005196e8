/* SPDX-License-Identifier: Apache-2.0 */
/* The part of data/rules that is about spec.servers and spec.acme. */
#pragma once

#include "data/fieldpath.h"

#include <jansson.h>

/* `path` is that of spec. */
void rules_servers_check(const json_t *spec, const struct fieldpath *path,
                         struct problems *problems);
