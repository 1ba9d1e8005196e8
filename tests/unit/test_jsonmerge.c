/* SPDX-License-Identifier: Apache-2.0 */
#include "data/jsonmerge.h"
#include "support/json.h"
#include "support/unit.h"

/* RFC 7386, appendix A. */
static const struct row {
    const char *target, *patch, *result;
} rows[] = {
    {"{'a':'b'}", "{'a':'c'}", "{'a':'c'}"},
    {"{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}"},
    {"{'a':'b'}", "{'a':null}", "{}"},
    {"{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}"},
    {"{'a':['b']}", "{'a':'c'}", "{'a':'c'}"},
    {"{'a':'c'}", "{'a':['b']}", "{'a':['b']}"},
    {"{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}"},
    {"{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}"},
    {"['a','b']", "['c','d']", "['c','d']"},
    {"{'a':'b'}", "['c']", "['c']"},
    {"{'a':'foo'}", "null", "null"},
    {"{'a':'foo'}", "'bar'", "'bar'"},
    {"{'e':null}", "{'a':1}", "{'e':null,'a':1}"},
    {"[1,2]", "{'a':'b','c':null}", "{'a':'b'}"},
    {"{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}"},
};

START_TEST(examples_of_the_rfc)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *target = json_from(rows[i].target);
        json_auto_t *before = json_deep_copy(target);
        json_auto_t *patch = json_from(rows[i].patch);
        json_auto_t *wanted = json_from(rows[i].result);
        json_auto_t *result = jsonmerge_apply(target, patch);
        ck_assert_msg(json_equal(result, wanted), "%s with %s", rows[i].target, rows[i].patch);
        ck_assert(json_equal(target, before));
    }
}
END_TEST

UNIT_MAIN("jsonmerge", examples_of_the_rfc)
