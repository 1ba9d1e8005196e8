/* SPDX-License-Identifier: Apache-2.0 */
#include "data/crd.h"
#include "data/fieldpath.h"
#include "data/jx.h"
#include "data/schema.h"
#include "support/unit.h"

#include <string.h>

/* A small resource with one of everything. */
static const char SCHEMA[] =
    "{\"type\":\"object\",\"required\":[\"spec\"],\"properties\":{"
    "\"apiVersion\":{\"type\":\"string\"},\"kind\":{\"type\":\"string\"},"
    "\"metadata\":{\"type\":\"object\"},"
    "\"status\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}},"
    "\"spec\":{\"type\":\"object\",\"properties\":{"
    "\"count\":{\"type\":\"integer\",\"format\":\"int32\",\"minimum\":1},"
    "\"big\":{\"type\":\"integer\"},"
    "\"ratio\":{\"type\":\"number\",\"maximum\":1},"
    "\"on\":{\"type\":\"boolean\",\"default\":true},"
    "\"maybe\":{\"type\":\"string\",\"nullable\":true},"
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":4,\"pattern\":\"^([a-z]|é)*$\"},"
    "\"mode\":{\"type\":\"string\",\"enum\":[\"A\",\"B\",\"\"]},"
    "\"target\":{\"x-kubernetes-int-or-string\":true,\"pattern\":\"^[0-9]+%$\",\"minimum\":0},"
    "\"labels\":{\"type\":\"object\",\"maxProperties\":2,"
    "\"additionalProperties\":{\"type\":\"string\"}},"
    "\"any\":{\"x-kubernetes-preserve-unknown-fields\":true},"
    "\"tags\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,\"items\":{\"type\":\"string\"},"
    "\"x-kubernetes-list-type\":\"set\"},"
    "\"ports\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\","
    "\"x-kubernetes-list-map-keys\":[\"port\",\"protocol\"],"
    "\"items\":{\"type\":\"object\",\"required\":[\"port\"],\"properties\":{"
    "\"port\":{\"type\":\"integer\"},"
    "\"protocol\":{\"type\":\"string\",\"default\":\"TCP\"}}}}}}}}";

static struct schema *small_schema(void)
{
    json_auto_t *root = jx_parse(SCHEMA, strlen(SCHEMA), NULL);
    json_auto_t *crd = OBJ(
        F("spec", OBJ(F("versions", ARR(OBJ(F("schema", OBJ(F("openAPIV3Schema", REF(root))))))))));
    struct err err = {0};
    struct schema *schema = schema_new(crd, &err);
    ck_assert_msg(schema != NULL, "%s", err.msg);
    return schema;
}

/* Checks {"spec": <spec>}; "path: message" of the problems, one a line. The caller frees. */
static char *problems_of(json_t *object, bool *ret_goes_on)
{
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct schema *schema = small_schema();
    bool goes_on = schema_check(schema, object, &problems);
    schema_free(schema);
    if (ret_goes_on)
        *ret_goes_on = goes_on;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(4096);
    for (size_t i = 0; i < problems.count; i++)
        strbuf_addf(
            &text, "%s%s: %s", i ? "; " : "", problems.items[i].path, problems.items[i].message);
    return strbuf_take(&text);
}

static json_t *with_spec(const char *spec)
{
    struct err err = {0};
    json_t *parsed = jx_parse(spec, strlen(spec), &err);
    ck_assert_msg(parsed != NULL, "%s: %s", spec, err.msg);
    return OBJ(F("spec", parsed));
}

static const struct {
    const char *spec;
    const char *problems;
    bool goes_on;
} verdict_cases[] = {
    {"{}", "", true},
    {"{\"count\":1}", "", true},
    {"{\"count\":1.0}", "", true},
    {"{\"count\":0}", "spec.count: must be at least 1", true},
    {"{\"count\":2147483648}", "spec.count: must be at most 2147483647", true},
    {"{\"count\":1.5}", "spec.count: must be a whole number, not a number", false},
    {"{\"count\":\"1\"}", "spec.count: must be a whole number, not a string", false},
    {"{\"big\":9223372036854775807}", "", true},
    {"{\"big\":1e300}", "spec.big: must be a whole number, not a number", false},
    {"{\"ratio\":0.5}", "", true},
    {"{\"ratio\":1.5}", "spec.ratio: must be at most 1", true},
    {"{\"on\":\"yes\"}", "spec.on: must be true or false, not a string", false},
    {"{\"name\":\"é\xc3\xa9\xc3\xa9\xc3\xa9\"}", "", true},
    {"{\"name\":\"\"}", "spec.name: must have at least 1 characters", true},
    {"{\"name\":\"abcde\"}", "spec.name: must have at most 4 characters", false},
    {"{\"name\":\"A\"}", "spec.name: must match ^([a-z]|é)*$", true},
    {"{\"mode\":\"\"}", "", true},
    {"{\"mode\":\"C\"}", "spec.mode: must be one of: A, B", false},
    {"{\"target\":5}", "", true},
    {"{\"target\":\"5%\"}", "", true},
    {"{\"target\":\"5\"}", "spec.target: must match ^[0-9]+%$", true},
    {"{\"target\":-5}", "spec.target: must be at least 0", true},
    {"{\"target\":true}", "spec.target: must be a whole number or a string, not a boolean", false},
    {"{\"labels\":{\"a.b/c\":1}}", "spec.labels[\"a.b/c\"]: must be a string, not a number", false},
    {"{\"labels\":{\"a\":\"\",\"b\":\"\",\"c\":\"\"}}",
     "spec.labels: must have at most 2 members",
     false},
    {"{\"any\":{\"x\":[{\"y\":null}]}}", "", true},
    {"{\"any\":7}", "", true},
    {"{\"tags\":[]}", "spec.tags: must have at least 1 elements", true},
    {"{\"tags\":[\"a\",\"b\",\"c\",\"d\"]}", "spec.tags: must have at most 3 elements", false},
    {"{\"tags\":[\"a\",\"b\",\"a\"]}", "spec.tags[2]: is there twice: \"a\"", true},
    {"{\"tags\":[\"a\",null]}", "spec.tags[1]: must be a string, not null", false},
    {"{\"ports\":[{}]}", "spec.ports[0].port: is required", false},
    {"{\"ports\":[{\"port\":1},{\"port\":1,\"protocol\":\"UDP\"}]}", "", true},
    {"{\"ports\":[{\"port\":1},{\"port\":1,\"protocol\":\"TCP\"}]}",
     "spec.ports[1]: is there twice: {\"port\":1,\"protocol\":\"TCP\"}",
     true},
    {"{\"ports\":{}}", "spec.ports: must be a list, not an object", false},
    {"{\"ports\":[{\"port\":1,\"x\":2}]}", "spec.ports[0].x: unknown field", false},
    {"{\"count\":{\"a\":1}}",
     "spec.count.a: unknown field; spec.count: must be a whole number, not an object",
     false},
};

START_TEST(verdicts)
{
    for (size_t i = 0; i < ARRAY_LEN(verdict_cases); i++) {
        json_auto_t *object = with_spec(verdict_cases[i].spec);
        bool goes_on;
        AUTO_FREE char *found = problems_of(object, &goes_on);
        ck_assert_msg(
            strcmp(found, verdict_cases[i].problems) == 0, "%s: %s", verdict_cases[i].spec, found);
        ck_assert_msg(
            goes_on == verdict_cases[i].goes_on, "%s: goes on: %d", verdict_cases[i].spec, goes_on);
    }
}
END_TEST

START_TEST(defaults_and_nulls)
{
    static const struct {
        const char *spec;
        const char *filled;
    } cases[] = {
        {"{}", "{\"on\":true}"},
        {"{\"on\":false}", "{\"on\":false}"},
        {"{\"on\":null}", "{\"on\":true}"},
        {"{\"count\":null,\"name\":null}", "{\"on\":true}"},
        {"{\"maybe\":null}", "{\"maybe\":null,\"on\":true}"},
        {"{\"labels\":{\"a\":null,\"b\":\"\"}}", "{\"labels\":{\"b\":\"\"},\"on\":true}"},
        {"{\"any\":{\"a\":null}}", "{\"any\":{\"a\":null},\"on\":true}"},
        {"{\"ports\":[{\"port\":1,\"protocol\":null}]}",
         "{\"on\":true,\"ports\":[{\"port\":1,\"protocol\":\"TCP\"}]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *object = with_spec(cases[i].spec);
        AUTO_FREE char *found = problems_of(object, NULL);
        ck_assert_str_eq(found, "");
        AUTO_FREE char *filled = jx_canonical(jx_get(object, "spec"));
        ck_assert_str_eq(filled, cases[i].filled);
    }
}
END_TEST

START_TEST(document_as_a_whole)
{
    static const struct {
        const char *object;
        const char *problems;
    } cases[] = {
        {"{}", "spec: is required"},
        {"{\"spec\":{},\"extra\":1}", "extra: unknown field"},
        {"{\"spec\":[]}", "spec: must be an object, not a list"},
        {"{\"spec\":{},\"status\":{\"n\":\"x\"}}", ""},
        {"{\"spec\":{},\"status\":{\"m\":1}}", "status.m: unknown field"},
        {"{\"spec\":{},\"metadata\":{\"labels\":{\"a\":1}}}",
         "metadata.labels.a: must be a string, not a number"},
        {"{\"spec\":{},\"metadata\":{\"lables\":{}}}", "metadata.lables: unknown field"},
        {"{\"spec\":{},\"metadata\":{\"managedFields\":[{\"fieldsV1\":{\"f:x\":{}}}]}}", ""},
        {"[]", ": must be an object, not a list"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *object = jx_parse(cases[i].object, strlen(cases[i].object), NULL);
        AUTO_FREE char *found = problems_of(object, NULL);
        ck_assert_str_eq(found, cases[i].problems);
    }
}
END_TEST

START_TEST(other_documents_are_no_schema)
{
    struct err err = {0};
    ck_assert_ptr_null(schema_new(NULL, &err));
    ck_assert_int_eq(err.kind, ERR_INVALID);
    json_auto_t *other = OBJ(F("spec", OBJ(F("versions", STR("v1")))));
    ck_assert_ptr_null(schema_new(other, &err));
}
END_TEST

START_TEST(paths)
{
    const struct fieldpath *spec = FIELD(NULL, "spec");
    const struct fieldpath *port = FIELD(ELEMENT(FIELD(spec, "ports"), 12), "port");
    AUTO_FREE char *text = fieldpath_text(port);
    ck_assert_str_eq(text, "spec.ports[12].port");
    AUTO_FREE char *none = fieldpath_text(NULL);
    ck_assert_str_eq(none, "");
}
END_TEST

START_TEST(definition_is_embedded)
{
    size_t len;
    const char *text = crd_text(&len);
    ck_assert_uint_gt(len, 1000);
    ck_assert_int_eq(text[len - 1], '\n');
    ck_assert_ptr_nonnull(memmem(text, len, "kind: CustomResourceDefinition", 30));
    struct err err = {0};
    struct schema *schema = schema_new_embedded(&err);
    ck_assert_msg(schema != NULL, "%s", err.msg);
    schema_free(schema);
}
END_TEST

UNIT_MAIN("schema", verdicts, defaults_and_nulls, document_as_a_whole,
          other_documents_are_no_schema, paths, definition_is_embedded)
