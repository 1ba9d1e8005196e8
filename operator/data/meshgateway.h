/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A MeshGateway as the templates see it: shorthands folded into the canonical fields, unset values
 * dropped, defaults applied, the operator's configuration merged in, validated.
 *
 * The struct holds references to the JSON it was made from; its strings and json_t fields borrow
 * from it. Nobody changes them. Same object and configuration in, same struct out.
 */
#pragma once

#include "data/config.h"
#include "data/problems.h"

#include <jansson.h>
#include <stdbool.h>

struct meshgateway; /* defined below */

/*
 * Reads a MeshGateway object, as the API server stores it or a file holds it. 0, or -1 with at
 * least one problem added; then *ret is untouched. Tolerates anything: a wrong type anywhere is a
 * problem with its path, never a crash.
 */
int meshgateway_parse(json_t *object, const struct config *config, struct meshgateway *ret,
                      struct problems *problems) MUST_CHECK;
void meshgateway_done(struct meshgateway *gw);
