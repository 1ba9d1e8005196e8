/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a YAML scalar means. The rules are kubectl's (sigs.k8s.io/yaml over go-yaml v2), that is
 * YAML 1.1 without base 60: yes, on and y are true, 017 and 0o17 are 15, 1_000 is 1000, 1e3 is
 * the integer 1000, a date stays a string. A manifest must mean here what it means there.
 *
 * `tag` is the resolved tag of the scalar or NULL; `plain` tells that it was written without
 * quotes and not as a block.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* New reference; NULL with ERR_INVALID (a message without the place). */
json_t *yamlscalar_value(const char *text, size_t len, const char *tag, bool plain,
                         struct err *err) MUST_CHECK;
/* The same as the key of a mapping: numbers and booleans become text. The caller frees. */
char *yamlscalar_key(const char *text, size_t len, const char *tag, bool plain,
                     struct err *err) MUST_CHECK;
/* True for the key that merges other mappings into this one. */
bool yamlscalar_is_merge(const char *text, const char *tag, bool plain);
/* True when a string may be written without quotes: every YAML reader takes it for a string. */
bool yamlscalar_is_plain(const char *text, size_t len);
/* The shortest text that reads back as the same float. The caller frees. */
char *yamlscalar_float(double value);
