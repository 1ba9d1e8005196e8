/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "data/jsonpatch.h"
#include "support/json.h"
#include "support/unit.h"

/* RFC 6902, appendix A, by its numbers, and more; what begins with "!" is the problem. */
static const struct row {
    const char *name, *document, *patch, *result;
} rows[] = {
    {"A.1",
     "{'foo':'bar'}",
     "[{'op':'add','path':'/baz','value':'qux'}]",
     "{'foo':'bar','baz':'qux'}"},
    {"A.2",
     "{'foo':['bar','baz']}",
     "[{'op':'add','path':'/foo/1','value':'qux'}]",
     "{'foo':['bar','qux','baz']}"},
    {"A.3", "{'baz':'qux','foo':'bar'}", "[{'op':'remove','path':'/baz'}]", "{'foo':'bar'}"},
    {"A.4",
     "{'foo':['bar','qux','baz']}",
     "[{'op':'remove','path':'/foo/1'}]",
     "{'foo':['bar','baz']}"},
    {"A.5",
     "{'baz':'qux','foo':'bar'}",
     "[{'op':'replace','path':'/baz','value':'boo'}]",
     "{'baz':'boo','foo':'bar'}"},
    {"A.6",
     "{'foo':{'bar':'baz','waldo':'fred'},'qux':{'corge':'grault'}}",
     "[{'op':'move','from':'/foo/waldo','path':'/qux/thud'}]",
     "{'foo':{'bar':'baz'},'qux':{'corge':'grault','thud':'fred'}}"},
    {"A.7",
     "{'foo':['all','grass','cows','eat']}",
     "[{'op':'move','from':'/foo/1','path':'/foo/3'}]",
     "{'foo':['all','cows','eat','grass']}"},
    {"A.8",
     "{'baz':'qux','foo':['a',2,'c']}",
     "[{'op':'test','path':'/baz','value':'qux'},{'op':'test','path':'/foo/1','value':2}]",
     "{'baz':'qux','foo':['a',2,'c']}"},
    {"A.9",
     "{'baz':'qux'}",
     "[{'op':'test','path':'/baz','value':'bar'}]",
     "!p[0]: test /baz: is \"qux\""},
    {"A.10",
     "{'foo':'bar'}",
     "[{'op':'add','path':'/child','value':{'grandchild':{}}}]",
     "{'foo':'bar','child':{'grandchild':{}}}"},
    {"A.11",
     "{'foo':'bar'}",
     "[{'op':'add','path':'/baz','value':'qux','xyz':123}]",
     "{'foo':'bar','baz':'qux'}"},
    {"A.12",
     "{'foo':'bar'}",
     "[{'op':'add','path':'/baz/bat','value':'qux'}]",
     "!p[0]: add /baz/bat: there is no /baz"},
    {"A.14", "{'/':9,'~1':10}", "[{'op':'test','path':'/~01','value':10}]", "{'/':9,'~1':10}"},
    {"A.15",
     "{'/':9,'~1':10}",
     "[{'op':'test','path':'/~01','value':'10'}]",
     "!p[0]: test /~01: is 10"},
    {"A.16",
     "{'foo':['bar']}",
     "[{'op':'add','path':'/foo/-','value':['abc','def']}]",
     "{'foo':['bar',['abc','def']]}"},
    {"the whole document", "{'a':1}", "[{'op':'replace','path':'','value':[]}]", "[]"},
    {"the whole document is not removed",
     "{}",
     "[{'op':'remove','path':''}]",
     "!p[0]: remove : the whole document cannot be removed"},
    {"replaced in its place", "[1,2,3]", "[{'op':'replace','path':'/1','value':9}]", "[1,9,3]"},
    {"the last element replaced", "[1]", "[{'op':'replace','path':'/0','value':9}]", "[9]"},
    {"null is a value", "{}", "[{'op':'add','path':'/a','value':null}]", "{'a':null}"},
    {"an empty name", "{'':1}", "[{'op':'remove','path':'/'}]", "{}"},
    {"numbers by value",
     "{'a':{'b':[1]}}",
     "[{'op':'test','path':'/a','value':{'b':[1.0]}}]",
     "{'a':{'b':[1]}}"},
    {"a test of less",
     "{'a':{'b':1,'c':2}}",
     "[{'op':'test','path':'/a','value':{'b':1}}]",
     "!p[0]: test /a: is {\"b\":1,\"c\":2}"},
    {"copy is a copy",
     "{'a':{}}",
     "[{'op':'copy','from':'/a','path':'/b'},{'op':'add','path':'/b/c','value':1}]",
     "{'a':{},'b':{'c':1}}"},
    {"a value is a copy", "[[]]", "[{'op':'move','from':'/0','path':'/0'}]", "[[]]"},
    {"into itself",
     "{'a':{}}",
     "[{'op':'move','from':'/a','path':'/a/b'}]",
     "!p[0]: move /a/b: a value cannot move into itself"},
    {"the second one fails",
     "{}",
     "[{'op':'add','path':'/a','value':1},{'op':'remove','path':'/b'}]",
     "!p[1]: remove /b: there is no /b"},
    {"behind the end",
     "[1]",
     "[{'op':'add','path':'/2','value':1}]",
     "!p[0]: add /2: \"2\" is no place in a list of 1 elements"},
    {"a leading zero",
     "[1,2]",
     "[{'op':'remove','path':'/01'}]",
     "!p[0]: remove /01: there is no /01"},
    {"a sign", "[1,2]", "[{'op':'remove','path':'/-1'}]", "!p[0]: remove /-1: there is no /-1"},
    {"- names no element",
     "[1]",
     "[{'op':'remove','path':'/-'}]",
     "!p[0]: remove /-: there is no /-"},
    {"a huge index",
     "[1]",
     "[{'op':'remove','path':'/18446744073709551616'}]",
     "!p[0]: remove /18446744073709551616: there is no /18446744073709551616"},
    {"below a value",
     "{'a':1}",
     "[{'op':'add','path':'/a/b','value':1}]",
     "!p[0]: add /a/b: its parent is neither an object nor a list"},
    {"no slash",
     "{}",
     "[{'op':'remove','path':'a'}]",
     "!p[0].path: \"a\" must be empty or begin with /"},
    {"a bad escape",
     "{}",
     "[{'op':'remove','path':'/~2'}]",
     "!p[0].path: \"/~2\" has a ~ that is not ~0 or ~1"},
    {"no value", "{}", "[{'op':'add','path':'/a'}]", "!p[0].value: is required"},
    {"no path", "{}", "[{'op':'remove'}]", "!p[0].path: must be a JSON pointer, such as /spec/x"},
    {"no from",
     "{}",
     "[{'op':'move','path':'/a'}]",
     "!p[0].from: must be a JSON pointer, such as /spec/x"},
    {"unknown",
     "{}",
     "[{'op':'merge','path':'/a'}]",
     "!p[0].op: must be add, remove, replace, move, copy or test"},
    {"no operation", "{}", "['x']", "!p[0]: must be an object with the members op and path"},
    {"no list", "{}", "{}", "!p: must be a list of operations"},
};

START_TEST(patches_apply_or_tell)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
        json_auto_t *document = json_from(rows[i].document);
        json_auto_t *before = json_deep_copy(document);
        json_auto_t *patch = json_from(rows[i].patch);
        json_auto_t *result = jsonpatch_apply(document, patch, FIELD(NULL, "p"), &problems);
        ck_assert_msg(json_equal(document, before), "%s changes its input", rows[i].name);
        if (rows[i].result[0] == '!') {
            struct err err = {.kind = ERR_NONE};
            ck_assert_msg(!result, "%s", rows[i].name);
            problems_to_err(&problems, &err);
            ck_assert_str_eq(err.msg, rows[i].result + 1);
            continue;
        }
        json_auto_t *wanted = json_from(rows[i].result);
        AUTO_FREE char *text = result ? jx_compact(result) : xstrdup(problems.items[0].message);
        ck_assert_msg(result && json_equal(result, wanted), "%s: %s", rows[i].name, text);
    }
}
END_TEST

/* Each copy doubles what the next one copies. */
START_TEST(copies_have_a_ceiling)
{
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    json_auto_t *document = json_from("{'a':['0123456789']}");
    json_auto_t *patch = json_array();
    for (int i = 0; i < 64; i++)
        json_array_append_new(patch, json_from("{'op':'copy','from':'/a','path':'/a/-'}"));
    ck_assert_ptr_null(jsonpatch_apply(document, patch, NULL, &problems));
    ck_assert_str_eq(problems.items[0].message, "copy /a/-: too much is copied");
}
END_TEST

START_TEST(depth_has_a_ceiling)
{
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    json_auto_t *document = json_from("{'a':{}}");
    json_auto_t *deep = json_object();
    for (int i = 0; i < LIMIT_PATCH_DEPTH; i++)
        deep = OBJ(F("a", deep));
    json_auto_t *patch =
        ARR(OBJ(F("op", STR("add")), F("path", STR("/a/b")), F("value", REF(deep))));
    ck_assert_ptr_null(jsonpatch_apply(document, patch, NULL, &problems));
    ck_assert_str_eq(problems.items[0].message,
                     "add /a/b: the result is nested deeper than 100 levels");
}
END_TEST

UNIT_MAIN("jsonpatch", patches_apply_or_tell, copies_have_a_ceiling, depth_has_a_ceiling)
