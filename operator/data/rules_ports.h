/* SPDX-License-Identifier: Apache-2.0 */
/* The part of data/rules that is about spec.ports and addresses. */
#pragma once

#include "data/fieldpath.h"

#include <jansson.h>
#include <stdbool.h>

void rules_ports_check(const json_t *ports, const struct fieldpath *path,
                       struct problems *problems);
/* The name of a container port (IANA_SVC_NAME, RFC 6335). */
bool rules_ports_is_name(const char *text);
/* An IPv4 or IPv6 address, not an IPv4-mapped one, without a zone. */
bool rules_ports_is_ip(const char *text);
/* Such an address with the length of a prefix. */
bool rules_ports_is_cidr(const char *text);
