/* SPDX-License-Identifier: Apache-2.0 */
#include "data/pattern.h"

#include "base/mem.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* A schema has a handful of different patterns: a list is as quick as anything. */
struct compiled {
    char *pattern;
    regex_t regex;
    bool usable;
};

struct pattern_cache {
    struct compiled *items;
    size_t count;
};

struct pattern_cache *pattern_cache_new(void)
{
    return xcalloc(1, sizeof(struct pattern_cache));
}

void pattern_cache_free(struct pattern_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->count; i++) {
        if (cache->items[i].usable)
            regfree(&cache->items[i].regex);
        free(cache->items[i].pattern);
    }
    free(cache->items);
    free(cache);
}

static const struct compiled *compile(struct pattern_cache *cache, const char *pattern)
{
    cache->items = xrealloc(cache->items, (cache->count + 1) * sizeof(*cache->items));
    struct compiled *made = &cache->items[cache->count++];
    *made = (struct compiled){.pattern = xstrdup(pattern)};
    made->usable = regcomp(&made->regex, pattern, REG_EXTENDED | REG_NOSUB) == 0;
    return made;
}

bool pattern_matches(struct pattern_cache *cache, const char *pattern, const char *text)
{
    const struct compiled *found = NULL;
    for (size_t i = 0; i < cache->count && !found; i++)
        if (strcmp(cache->items[i].pattern, pattern) == 0)
            found = &cache->items[i];
    if (!found)
        found = compile(cache, pattern);
    return found->usable && regexec(&found->regex, text, 0, NULL, 0) == 0;
}
