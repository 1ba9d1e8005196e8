/* SPDX-License-Identifier: Apache-2.0 */
/* tests/patch/ compares with kubectl; here are the problems, and what kubectl is silent about. */
#include "data/strategicmerge.h"
#include "support/json.h"
#include "support/unit.h"

#define ORDER "$setElementOrder/ports"

static const struct row {
    const char *name, *object, *patch, *result; /* "!": the problem */
} rows[] = {
    {"merged by port",
     "{'spec':{'ports':[{'port':1,'name':'a'}]}}",
     "{'spec':{'ports':[{'port':1,'nodePort':2}]}}",
     "{'spec':{'ports':[{'port':1,'name':'a','nodePort':2}]}}"},
    {"null in a new object", "{}", "{'a':{'b':null,'c':1}}", "{'a':{'c':1}}"},
    {"$patch: merge is the default",
     "{'a':{'b':1}}",
     "{'a':{'$patch':'merge','c':2}}",
     "{'a':{'b':1,'c':2}}"},
    {"a list that is no merged one",
     "{'spec':{'externalIPs':['a']}}",
     "{'spec':{'externalIPs':['b']}}",
     "{'spec':{'externalIPs':['b']}}"},
    {"removals come last",
     "{'metadata':{'finalizers':['a']}}",
     "{'metadata':{'$deleteFromPrimitiveList/finalizers':['b'],'finalizers':['b','c']}}",
     "{'metadata':{'finalizers':['c','a']}}"},
    {"the directive of an object in a new list",
     "{}",
     "{'spec':{'ports':[{'port':1,'$patch':'delete'},{'port':2}]}}",
     "{'spec':{'ports':[{'port':2}]}}"},
    {"no object", "{}", "[]", "!p: must be an object"},
    {"no merge key",
     "{'spec':{'ports':[]}}",
     "{'spec':{'ports':[{'port':1},{'name':'x'}]}}",
     "!p.spec.ports[1].port: is required: the list is merged by it"},
    {"no element",
     "{'spec':{'ports':[]}}",
     "{'spec':{'ports':['x']}}",
     "!p.spec.ports[0]: must be an object: the list is merged by port"},
    {"$patch",
     "{'a':{}}",
     "{'a':{'$patch':'remove'}}",
     "!p.a[\"$patch\"]: must be merge, replace or delete"},
    {"$patch of an element",
     "{'spec':{'ports':[]}}",
     "{'spec':{'ports':[{'port':1,'$patch':3}]}}",
     "!p.spec.ports[0][\"$patch\"]: must be merge, replace or delete"},
    {"a directive that there is not", "{}", "{'$remove':1}", "!p[\"$remove\"]: unknown directive"},
    {"order of a plain list",
     "{}",
     "{'$setElementOrder/a':[]}",
     "!p[\"$setElementOrder/a\"]: a is no list that is merged"},
    {"order without keys",
     "{'spec':{}}",
     "{'spec':{'" ORDER "':[1]}}",
     "!p.spec[\"" ORDER "\"][0]: must be an object with the member port"},
    {"order without what is given",
     "{'spec':{}}",
     "{'spec':{'" ORDER "':[],'ports':[{'port':1}]}}",
     "!p.spec[\"" ORDER "\"]: must list the elements of ports in the same order"},
    {"$retainKeys",
     "{}",
     "{'$retainKeys':['a'],'b':1}",
     "!p[\"$retainKeys\"]: must list b, which the patch sets"},
    {"a set of values",
     "{'metadata':{'finalizers':['a']}}",
     "{'metadata':{'finalizers':[{}]}}",
     "!p.metadata.finalizers[0]: must be a plain value"},
};

START_TEST(patches_apply_or_tell)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
        json_auto_t *object = json_from(rows[i].object);
        json_auto_t *before = json_deep_copy(object);
        json_auto_t *patch = json_from(rows[i].patch);
        json_auto_t *result =
            strategicmerge_apply(&object_service, object, patch, FIELD(NULL, "p"), &problems);
        ck_assert_msg(json_equal(object, before), "%s changes its input", rows[i].name);
        struct err err = {.kind = ERR_NONE};
        problems_to_err(&problems, &err);
        if (rows[i].result[0] == '!') {
            ck_assert_msg(!result, "%s", rows[i].name);
            ck_assert_str_eq(err.msg, rows[i].result + 1);
            continue;
        }
        json_auto_t *wanted = json_from(rows[i].result);
        AUTO_FREE char *text = result ? jx_compact(result) : xstrdup(err.msg);
        ck_assert_msg(result && json_equal(result, wanted), "%s: %s", rows[i].name, text);
    }
}
END_TEST

START_TEST(lists_have_a_ceiling)
{
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    json_auto_t *object = json_from("{'spec':{'ports':[]}}");
    json_t *ports = json_array();
    for (int i = 0; i < 501; i++)
        json_array_append_new(ports, OBJ(F("port", INT(i))));
    json_auto_t *patch = OBJ(F("spec", OBJ(F("ports", ports))));
    ck_assert_ptr_null(strategicmerge_apply(&object_service, object, patch, NULL, &problems));
    ck_assert_str_eq(problems.items[0].message, "must have at most 500 elements");
}
END_TEST

UNIT_MAIN("strategicmerge", patches_apply_or_tell, lists_have_a_ceiling)
