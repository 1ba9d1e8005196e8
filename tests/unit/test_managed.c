/* SPDX-License-Identifier: Apache-2.0 */
#include "control/managed.h"
#include "support/unit.h"

#include <string.h>

static json_t *parse(const char *text)
{
    AUTO_FREE char *quoted = xstrdup(text);
    for (char *c = quoted; *c; c++)
        if (*c == '\'')
            *c = '"';
    struct err err = {0};
    json_t *value = jx_parse(quoted, strlen(quoted), &err);
    ck_assert_msg(value != NULL, "%s: %s", text, err.msg);
    return value;
}

struct row {
    const char *name, *desired, *fields;
    bool left_over;
};

static const struct row rows[] = {
    {"nothing owned", "{'spec':{'a':1}}", "{}", false},
    {"all stated", "{'spec':{'a':1,'b':2}}", "{'f:spec':{'f:a':{},'f:b':{}}}", false},
    {"more is stated", "{'spec':{'a':1,'b':2}}", "{'f:spec':{'f:a':{}}}", false},
    {"a member left over", "{'spec':{'a':1}}", "{'f:spec':{'f:a':{},'f:b':{}}}", true},
    {"a whole branch", "{'spec':{}}", "{'f:spec':{'f:a':{'f:b':{}}}}", true},
    {"owned whole", "{'args':['x']}", "{'f:args':{}}", false},
    {"the thing itself", "{'spec':{'a':1}}", "{'f:spec':{'.':{},'f:a':{}}}", false},
    {"a dotted name", "{'labels':{'a.b/c':'x'}}", "{'f:labels':{'f:a.b/c':{}}}", false},
    {"a dotted name left over", "{'labels':{}}", "{'f:labels':{'f:a.b/c':{}}}", true},
    {"an element by name",
     "{'env':[{'name':'A','value':'1'}]}",
     "{'f:env':{'k:{\\'name\\':\\'A\\'}':{'.':{},'f:name':{},'f:value':{}}}}",
     false},
    {"an element left over",
     "{'env':[{'name':'A','value':'1'}]}",
     "{'f:env':{'k:{\\'name\\':\\'A\\'}':{'.':{}},'k:{\\'name\\':\\'B\\'}':{'.':{}}}}",
     true},
    {"a member of an element",
     "{'env':[{'name':'A'}]}",
     "{'f:env':{'k:{\\'name\\':\\'A\\'}':{'.':{},'f:name':{},'f:value':{}}}}",
     true},
    {"a defaulted key",
     "{'ports':[{'port':80}]}",
     "{'f:ports':{'k:{\\'port\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:port':{}}}}",
     false},
    {"another protocol",
     "{'ports':[{'port':80,'protocol':'TCP'}]}",
     "{'f:ports':{'k:{\\'port\\':80,\\'protocol\\':\\'UDP\\'}':{'.':{},'f:port':{}}}}",
     true},
    {"a value of a set", "{'finalizers':['a','b']}", "{'f:finalizers':{'v:\\'b\\'':{}}}", false},
    {"a value of a set left over",
     "{'finalizers':['a']}",
     "{'f:finalizers':{'v:\\'b\\'':{}}}",
     true},
    {"damaged keys", "{'env':[{'name':'A'}]}", "{'f:env':{'k:{':{}}}", true},
    {"no object at all", "{'env':[]}", "[]", false},
};

static json_t *live_with(const char *manager, const char *operation, const char *version,
                         json_t *fields)
{
    json_t *entry = OBJ(F("manager", STR(manager)),
                        F("operation", STR(operation)),
                        F("apiVersion", STR(version)),
                        F("fieldsV1", fields));
    return OBJ(F("metadata", OBJ(F("managedFields", ARR(entry)))));
}

START_TEST(what_is_owned_and_not_stated)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *desired = parse(rows[i].desired);
        json_object_set_new(desired, "apiVersion", json_string("v1"));
        json_auto_t *live = live_with("us", "Apply", "v1", parse(rows[i].fields));
        ck_assert_msg(
            managed_left_over(desired, live, "us") == rows[i].left_over, "%s", rows[i].name);
    }
}
END_TEST

START_TEST(other_entries_do_not_count)
{
    static const char *const others[][3] = {
        {"somebody", "Apply", "v1"}, {"us", "Update", "v1"}, {"us", "Apply", "v2"}};
    json_auto_t *desired = parse("{'apiVersion':'v1'}");
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        json_auto_t *live =
            live_with(others[i][0], others[i][1], others[i][2], parse("{'f:spec':{}}"));
        ck_assert(!managed_left_over(desired, live, "us"));
    }
    ck_assert(!managed_left_over(desired, NULL, "us"));
}
END_TEST

UNIT_MAIN("managed", what_is_owned_and_not_stated, other_entries_do_not_count)
