/* SPDX-License-Identifier: Apache-2.0 */
#include "control/drift.h"
#include "support/unit.h"

#include <string.h>

static json_t *parse(const char *text)
{
    char *quoted = xstrdup(text);
    for (char *c = quoted; *c; c++)
        if (*c == '\'')
            *c = '"';
    struct err err = {0};
    json_t *value = jx_parse(quoted, strlen(quoted), &err);
    free(quoted);
    ck_assert_msg(value != NULL, "%s: %s", text, err.msg);
    return value;
}

struct row {
    const char *name, *desired, *live;
    bool in_step;
};

static const struct row rows[] = {
    {"equal", "{'a':1}", "{'a':1}", true},
    {"what others add is not seen", "{'m':{'x':'1'}}", "{'m':{'x':'1','y':'2'},'z':3}", true},
    {"changed", "{'m':{'x':'1'}}", "{'m':{'x':'2'}}", false},
    {"removed", "{'m':{'x':'1'}}", "{'m':{}}", false},
    {"another type", "{'m':{'x':'1'}}", "{'m':[]}", false},
    {"quantity in other words",
     "{'resources':{'limits':{'cpu':'2000m','memory':'1024Mi'}}}",
     "{'resources':{'limits':{'cpu':'2','memory':'1Gi'}}}",
     true},
    {"quantity given as a number",
     "{'resources':{'limits':{'cpu':2}}}",
     "{'resources':{'limits':{'cpu':'2'}}}",
     true},
    {"quantity changed",
     "{'resources':{'limits':{'cpu':'2'}}}",
     "{'resources':{'limits':{'cpu':'2m'}}}",
     false},
    {"an environment value is no quantity",
     "{'env':[{'name':'A','value':'1000m'}]}",
     "{'env':[{'name':'A','value':'1'}]}",
     false},
    {"zero values that the server leaves out",
     "{'a':false,'b':0,'c':'','d':[],'e':{}}",
     "{}",
     true},
    {"a zero value that became something", "{'a':false}", "{'a':true}", false},
    {"null is absent", "{'a':1}", "{'a':null}", false},
    {"a foreign element in a map list",
     "{'env':[{'name':'A','value':'1'}]}",
     "{'env':[{'name':'B','value':'2'},{'name':'A','value':'1'}]}",
     true},
    {"an element of a map list removed",
     "{'env':[{'name':'A','value':'1'}]}",
     "{'env':[{'name':'B','value':'2'}]}",
     false},
    {"ports by number and protocol",
     "{'ports':[{'port':80,'protocol':'TCP','name':'a'},{'port':80,'protocol':'UDP','name':'b'}]}",
     "{'ports':[{'port':80,'protocol':'UDP','name':'b','nodePort':3},"
     "{'port':80,'protocol':'TCP','name':'a','targetPort':80}]}",
     true},
    {"finalizers are a set",
     "{'metadata':{'finalizers':['a/x']}}",
     "{'metadata':{'finalizers':['b/x','a/x']}}",
     true},
    {"a finalizer removed",
     "{'metadata':{'finalizers':['a/x']}}",
     "{'metadata':{'finalizers':['b/x']}}",
     false},
    {"arguments are ours whole", "{'args':['a']}", "{'args':['a','b']}", false},
    {"tolerations are ours whole",
     "{'tolerations':[{'key':'a'}]}",
     "{'tolerations':[{'key':'a'},{'key':'b'}]}",
     false},
    {"order of a list that is ours whole", "{'args':['a','b']}", "{'args':['b','a']}", false},
};

START_TEST(projection_tells_drift)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *desired = parse(rows[i].desired);
        json_auto_t *live = parse(rows[i].live);
        ck_assert_msg((drift_digest(desired, live) == jx_digest(desired)) == rows[i].in_step,
                      "%s",
                      rows[i].name);
    }
}
END_TEST

START_TEST(projection_of_nothing)
{
    json_auto_t *desired = parse("{'a':1}");
    ck_assert_uint_ne(drift_digest(desired, NULL), jx_digest(desired));
}
END_TEST

static const struct {
    const char *desired, *live, *path;
} paths[] = {
    {"{'a':1}", "{'a':1,'b':2}", NULL},
    {"{'a':1,'b':{'c':'x'}}", "{'a':1,'b':{'c':'y'}}", "b.c"},
    {"{'b':{'c':'x'}}", "{}", "b"},
    {"{'b':{'c':'x'}}", "{'b':'x'}", "b"},
    {"{'containers':[{'name':'p','image':'x'}]}",
     "{'containers':[{'name':'o'},{'name':'p','image':'y'}]}",
     "containers[p].image"},
    {"{'containers':[{'name':'p'}]}", "{'containers':[{'name':'o'}]}", "containers[p]"},
    {"{'ports':[{'port':80,'targetPort':1}]}", "{'ports':[{'port':80}]}", "ports[0].targetPort"},
    {"{'args':['a']}", "{'args':['a','b']}", "args"},
    {"{'args':[['a']]}", "{'args':[['b']]}", "args[0][0]"},
};

START_TEST(the_first_difference_has_a_path)
{
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        json_auto_t *desired = parse(paths[i].desired);
        json_auto_t *live = parse(paths[i].live);
        AUTO_FREE char *path = drift_field(desired, live);
        ck_assert_pstr_eq(path, paths[i].path);
    }
}
END_TEST

UNIT_MAIN("drift", projection_tells_drift, projection_of_nothing, the_first_difference_has_a_path)
