/* SPDX-License-Identifier: Apache-2.0 */
/* Text in columns, as kubectl prints it. */
#pragma once

#include "base/strbuf.h"

#include <jansson.h>
#include <stdint.h>

/*
 * Appends rows, an array of arrays of strings: each column as wide as its widest cell. Cells may
 * hold anything: what a terminal would take for a command becomes a blank. "" is shown as "-".
 */
void table_write(const json_t *rows, struct strbuf *out);
/* How long ago that was, as kubectl says it: "95s", "12m", "3h", "9d"; "" when it is no time. */
char *table_age(const char *time, int64_t now_us) __attribute__((returns_nonnull));
