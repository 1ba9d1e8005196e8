/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in the source of a test, written with ' instead of ". */
#pragma once

#include "data/jx.h"

#include <check.h>
#include <string.h>

static inline json_t *json_from(const char *text)
{
    AUTO_FREE char *quoted = xstrdup(text);
    for (char *c = quoted; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_error_t problem;
    json_t *value = json_loads(quoted, JSON_DECODE_ANY, &problem);
    ck_assert_msg(value != NULL, "%s: %s", text, problem.text);
    return value;
}
