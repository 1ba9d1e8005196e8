/* SPDX-License-Identifier: Apache-2.0 */
#include "control/conditions.h"

#include "base/now.h"
#include "base/utf8.h"

#include <string.h>

/* Bytes; metav1.Condition allows 32768 characters of message. */
#define MESSAGE_MAX 32000

static const char *const status_names[] = {
    [CONDITION_TRUE] = "True",
    [CONDITION_FALSE] = "False",
    [CONDITION_UNKNOWN] = "Unknown",
};

void conditions_init(struct conditions *c, const json_t *old, json_int_t generation, int64_t now_us)
{
    *c = (struct conditions){.old = old, .generation = generation, .list = json_array()};
    now_format_time(now_us, c->now);
}

const json_t *conditions_find(const json_t *list, const char *type)
{
    size_t i;
    json_t *condition;
    json_array_foreach (list, i, condition)
        if (strcmp(jx_str(condition, "type", ""), type) == 0)
            return condition;
    return NULL;
}

void conditions_add(struct conditions *c, const char *type, enum conditions_status status,
                    const char *reason, const char *message)
{
    const json_t *before = conditions_find(c->old, type);
    bool same = strcmp(jx_str(before, "status", ""), status_names[status]) == 0;
    AUTO_FREE char *text = xstrndup(message, MESSAGE_MAX);
    utf8_trim(text);
    json_t *condition = OBJ(
        F("type", STR(type)),
        F("status", STR(status_names[status])),
        F("reason", STR(reason)),
        F("message", STR(text)),
        F("observedGeneration", INT(c->generation)),
        F("lastTransitionTime", STR(same ? jx_str(before, "lastTransitionTime", c->now) : c->now)));
    json_array_append_new(c->list, condition);
}

const json_t *conditions_first_not_true(const struct conditions *c)
{
    size_t i;
    json_t *condition;
    json_array_foreach (c->list, i, condition)
        if (strcmp(jx_str(condition, "status", ""), "True") != 0)
            return condition;
    return NULL;
}
