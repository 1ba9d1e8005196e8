/* SPDX-License-Identifier: Apache-2.0 */
#include "data/labels.h"
#include "support/json.h"
#include "support/unit.h"

START_TEST(selectors)
{
    static const struct {
        const char *selector, *labels;
        bool match;
    } cases[] = {
        {"{}", "{}", true},
        {"null", "{'a': 'b'}", true},
        {"{'matchLabels': {'a': 'b'}}", "{'a': 'b', 'c': 'd'}", true},
        {"{'matchLabels': {'a': 'b'}}", "{'a': 'c'}", false},
        {"{'matchLabels': {'a': 'b'}}", "null", false},
        {"{'matchLabels': {'a': 1}}", "{'a': '1'}", false},
        {"{'matchExpressions': [{'key': 'a', 'operator': 'Exists'}]}", "{'a': ''}", true},
        {"{'matchExpressions': [{'key': 'a', 'operator': 'Exists'}]}", "{}", false},
        {"{'matchExpressions': [{'key': 'a', 'operator': 'DoesNotExist'}]}", "{}", true},
        {"{'matchExpressions': [{'key': 'a', 'operator': 'DoesNotExist'}]}", "{'a': 'b'}", false},
        {"{'matchExpressions': [{'key': 'a', 'operator': 'In', 'values': ['x', 'b']}]}",
         "{'a': 'b'}",
         true},
        {"{'matchExpressions': [{'key': 'a', 'operator': 'In', 'values': ['x']}]}", "{}", false},
        {"{'matchExpressions': [{'key': 'a', 'operator': 'NotIn', 'values': ['b']}]}",
         "{'a': 'b'}",
         false},
        /* A label that is not there is not among the values either. */
        {"{'matchExpressions': [{'key': 'a', 'operator': 'NotIn', 'values': ['b']}]}", "{}", true},
        {"{'matchExpressions': [{'key': 'a', 'operator': 'Like', 'values': ['b']}]}",
         "{'a': 'b'}",
         false},
        {"{'matchLabels': {'a': 'b'}, 'matchExpressions': [{'key': 'c', 'operator': 'Exists'}]}",
         "{'a': 'b'}",
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *selector = json_from(cases[i].selector);
        json_auto_t *labels = json_from(cases[i].labels);
        ck_assert_msg(labels_match(selector, labels) == cases[i].match,
                      "%s, %s",
                      cases[i].selector,
                      cases[i].labels);
    }
}
END_TEST

UNIT_MAIN("labels", selectors)
