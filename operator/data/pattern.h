/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patterns of a schema, compiled once. They are RE2 expressions to the API server and POSIX
 * extended ones here: write them so that both mean the same (no classes like \d, no lazy
 * repetition, no "(?").
 */
#pragma once

#include <stdbool.h>

struct pattern_cache;

struct pattern_cache *pattern_cache_new(void);
void pattern_cache_free(struct pattern_cache *cache);
/* Does the text match? A pattern that does not compile matches nothing. */
bool pattern_matches(struct pattern_cache *cache, const char *pattern, const char *text);
