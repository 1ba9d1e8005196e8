/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded schema over whole resources; what only a hostile or careless author writes. */
#include "base/limits.h"
#include "data/jx.h"
#include "data/validate.h"
#include "support/unit.h"

#include <string.h>

/* What there is to say about a resource: "path: message" of the first problem, "" when it is fine.
 */
static char *judge(json_t *object, size_t *ret_count)
{
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct err err = {0};
    struct schema *schema = schema_new_embedded(&err);
    ck_assert_msg(schema != NULL, "%s", err.msg);
    validate_meshgateway(schema, object, &problems);
    schema_free(schema);
    if (ret_count)
        *ret_count = problems.count;
    return problems.count == 0
               ? xstrdup("")
               : xasprintf("%s: %s", problems.items[0].path, problems.items[0].message);
}

static json_t *gateway(const char *name, json_t *ports)
{
    return OBJ(F("apiVersion", STR("istio.banzaicloud.io/v1beta1")),
               F("kind", STR("MeshGateway")),
               F("metadata", OBJ(F("name", STR(name)))),
               F("spec", OBJ(F("type", STR("ingress")), F("ports", ports))));
}

static void expect(json_t *object, const char *problem)
{
    json_auto_t *owned = object;
    AUTO_FREE char *found = judge(owned, NULL);
    ck_assert_msg(strncmp(found, problem, problem[0] ? strlen(problem) : 1) == 0,
                  "expected \"%s\", found \"%s\"",
                  problem,
                  found);
}

static json_t *port(json_int_t number)
{
    return OBJ(F("name", jx_stringf("p%" JSON_INTEGER_FORMAT, number)), F("port", INT(number)));
}

static json_t *many_ports(json_int_t count)
{
    json_t *ports = json_array();
    for (json_int_t i = 1; i <= count; i++)
        json_array_append_new(ports, port(i));
    return ports;
}

static json_t *with(const char *key, json_t *value)
{
    json_t *object = gateway("gw", json_array());
    json_object_set_new(jx_get(object, "spec"), key, value);
    return object;
}

START_TEST(defaults_are_filled_in)
{
    json_auto_t *object = gateway("gw", ARR(OBJ(F("port", INT(80)))));
    AUTO_FREE char *found = judge(object, NULL);
    ck_assert_str_eq(found, "");
    AUTO_FREE char *spec = jx_canonical(jx_get(object, "spec"));
    ck_assert_str_eq(spec,
                     "{\"drainSeconds\":30,\"ports\":[{\"port\":80,\"protocol\":\"TCP\"}],"
                     "\"runAsRoot\":false,\"type\":\"ingress\"}");
}
END_TEST

START_TEST(other_kinds)
{
    expect(json_null(), ": must be an object");
    expect(json_array(), ": must be an object");
    expect(json_object(), "apiVersion: must be istio.banzaicloud.io/v1beta1");
    expect(OBJ(F("apiVersion", STR("istio.banzaicloud.io/v1beta1")), F("kind", STR("Gateway"))),
           "kind: must be MeshGateway");
}
END_TEST

START_TEST(sizes)
{
    expect(gateway("gw", many_ports(256)), "");
    expect(gateway("gw", many_ports(1000)), "spec.ports: must have at most 256 elements");
    char name[254];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    expect(gateway(name, json_array()), "metadata.name: metadata.name must be a DNS label");
    AUTO_FREE char *big = xmalloc(LIMIT_MIB(1) + 1);
    memset(big, '9', LIMIT_MIB(1));
    big[LIMIT_MIB(1)] = '\0';
    expect(with("loadBalancerIP", STR(big)), "");
    expect(with("resources", OBJ(F("limits", OBJ(F("cpu", STR(big)))))), "");
    expect(with("type", STR(big)), "spec.type: must be one of: ingress, egress");
    expect(with("overlays", STR(big)), "spec.overlays: must be a list, not a string");
}
END_TEST

START_TEST(numbers_and_text)
{
    expect(with("replicaCount", INT(9007199254740993)),
           "spec.replicaCount: must be at most 2147483647");
    expect(with("replicaCount", json_real(1e300)),
           "spec.replicaCount: must be a whole number, not a number");
    expect(with("labels", OBJ(F("team", STR("日本")))), "spec.labels.team: must match");
    expect(with("日本", INT(1)), "spec[\"日本\"]: unknown field");
    expect(with("", INT(1)), "spec[\"\"]: unknown field");
}
END_TEST

START_TEST(deep_nesting)
{
    json_t *deep = json_object();
    for (int i = 0; i < LIMIT_YAML_DEPTH; i++)
        deep = OBJ(F("a", ARR(deep)));
    expect(with("proxy", OBJ(F("config", REF(deep)))), "");
    expect(with("labels", OBJ(F("a", REF(deep)))), "spec.labels.a.a: unknown field");
    expect(with("ports", deep), "spec.ports.a: unknown field");
}
END_TEST

START_TEST(problems_have_a_ceiling)
{
    json_auto_t *object = gateway("gw", json_array());
    for (int i = 0; i < 5000; i++) {
        AUTO_FREE char *key = xasprintf("x%d", i);
        json_object_set_new(jx_get(object, "spec"), key, json_true());
    }
    size_t count;
    AUTO_FREE char *found = judge(object, &count);
    ck_assert_uint_eq(count, LIMIT_PROBLEMS);
}
END_TEST

UNIT_MAIN("validate", defaults_are_filled_in, other_kinds, sizes, numbers_and_text, deep_nesting,
          problems_have_a_ceiling)
