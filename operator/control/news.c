/* SPDX-License-Identifier: Apache-2.0 */
#include "control/news.h"

#include "control/conditions.h"
#include "control/status.h"

#include <string.h>

static bool has(const json_t *condition, const char *key, const char *value)
{
    return strcmp(jx_str(condition, key, ""), value) == 0;
}

static void add(struct news *list, size_t *count, const char *type, const char *reason,
                const json_t *condition)
{
    list[(*count)++] =
        (struct news){.type = type, .reason = reason, .note = jx_str(condition, "message", "")};
}

/* Somebody asked for these two, and knows. */
static bool is_asked_for(const json_t *condition)
{
    return has(condition, "reason", "Paused") || has(condition, "reason", "NamespaceTerminating");
}

/* As far as the condition Available tells: at least one pod takes requests. */
static bool serves_somebody(const json_t *available)
{
    return has(available, "reason", "Progressing") ||
           (has(available, "status", "True") && !has(available, "reason", "ScaledToZero"));
}

size_t news_make(const json_t *before, const json_t *now, struct news ret[NEWS_MAX])
{
    static const char *const mended_by_people[] = {"Accepted", "Programmed", "InjectionReady"};
    const json_t *old_list = jx_array(before, "conditions");
    const json_t *list = jx_array(now, "conditions");
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(mended_by_people); i++) {
        const json_t *condition = conditions_find(list, mended_by_people[i]);
        bool to_mend =
            has(condition, "status", "False") || has(condition, "reason", STATUS_LEFT_OVER);
        if (to_mend && !is_asked_for(condition) &&
            !json_equal(condition, conditions_find(old_list, mended_by_people[i])))
            add(ret, &count, "Warning", jx_str(condition, "reason", ""), condition);
    }
    const json_t *available = conditions_find(list, "Available");
    const json_t *was_available = conditions_find(old_list, "Available");
    bool served = serves_somebody(was_available);
    if (has(available, "reason", "RolloutFailed") && !has(was_available, "reason", "RolloutFailed"))
        add(ret, &count, "Warning", "RolloutFailed", available);
    else if (has(available, "reason", "Unavailable") && served)
        add(ret, &count, "Warning", "Unavailable", available);
    else if (serves_somebody(available) && !served)
        add(ret, &count, "Normal", "Available", available);
    return count;
}
