/* SPDX-License-Identifier: Apache-2.0 */
#include "data/jx.h"
#include "support/unit.h"

#include <string.h>

START_TEST(builder_builds)
{
    json_auto_t *o = OBJ(F("b", INT(1)),
                         F("a", ARR(STR("x"), BOOL(true))),
                         FOPT("absent", STR(NULL)),
                         F("text", jx_stringf("%s-%d", "n", 3)));
    AUTO_FREE char *text = jx_canonical(o);
    ck_assert_str_eq(text, "{\"a\":[\"x\",true],\"b\":1,\"text\":\"n-3\"}");
    AUTO_FREE char *plain = jx_compact(o);
    ck_assert_str_eq(plain, "{\"b\":1,\"a\":[\"x\",true],\"text\":\"n-3\"}");
}
END_TEST

START_TEST(builder_is_poisoned_by_null)
{
    ck_assert_ptr_null(OBJ(F("a", OBJ(F("b", STR("not \xff utf-8")))), F("c", INT(1))));
    ck_assert_ptr_null(ARR(INT(1), STR(NULL), INT(2)));
}
END_TEST

START_TEST(getters_read_paths)
{
    json_auto_t *o = OBJ(F(
        "spec",
        OBJ(F("type", STR("ingress")), F("n", INT(3)), F("x", json_null()), F("on", BOOL(true)))));
    ck_assert_str_eq(jx_str(o, "spec.type", "?"), "ingress");
    ck_assert_str_eq(jx_str(o, "spec.type.deeper", "?"), "?");
    ck_assert_str_eq(jx_str(o, "spec.n", "?"), "?");
    ck_assert_int_eq(jx_int(o, "spec.n", 9), 3);
    ck_assert_int_eq(jx_int(NULL, "spec.n", 9), 9);
    ck_assert(jx_bool(o, "spec.on", false));
    ck_assert_ptr_null(jx_get(o, "spec.x"));
    ck_assert_ptr_null(jx_array(o, "spec"));
    ck_assert_ptr_nonnull(jx_object(o, "spec"));
}
END_TEST

START_TEST(empty_and_merge)
{
    json_auto_t *base = OBJ(F("a", OBJ(F("x", INT(1)), F("y", INT(2)))), F("l", ARR(INT(1))));
    json_auto_t *over = OBJ(F("a", OBJ(F("y", INT(3)))), F("l", ARR(INT(2))));
    json_auto_t *merged = jx_merge(base, over);
    AUTO_FREE char *text = jx_canonical(merged);
    ck_assert_str_eq(text, "{\"a\":{\"x\":1,\"y\":3},\"l\":[2]}");
    ck_assert(jx_empty(NULL));
    json_auto_t *zero = INT(0);
    ck_assert(!jx_empty(zero));
    json_auto_t *none = json_string("");
    ck_assert(jx_empty(none));
}
END_TEST

START_TEST(parse_refuses)
{
    static const char *const bad[] = {"", "{\"a\":1,\"a\":2}", "{\"a\":1} x", "[1,"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {0};
        ck_assert_ptr_null(jx_parse(bad[i], strlen(bad[i]), &e));
        ck_assert_int_eq(e.kind, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(e.msg, "line "));
    }
}
END_TEST

START_TEST(digest_ignores_order)
{
    json_auto_t *a = OBJ(F("x", INT(1)), F("y", OBJ(F("b", INT(2)), F("a", INT(3)))));
    json_auto_t *b = OBJ(F("y", OBJ(F("a", INT(3)), F("b", INT(2)))), F("x", INT(1)));
    json_auto_t *c = OBJ(F("x", INT(1)), F("y", OBJ(F("b", INT(3)), F("a", INT(2)))));
    ck_assert_uint_eq(jx_digest(a), jx_digest(b));
    ck_assert_uint_ne(jx_digest(a), jx_digest(c));
    json_auto_t *list = ARR(INT(1), INT(2));
    json_auto_t *turned = ARR(INT(2), INT(1));
    json_auto_t *text = ARR(STR("1"), INT(2));
    json_auto_t *moved = OBJ(F("x", OBJ(F("a", INT(3)), F("b", INT(2)))), F("y", INT(1)));
    json_auto_t *none = ARR(BOOL(false));
    json_auto_t *null = ARR(json_null());
    ck_assert_uint_ne(jx_digest(list), jx_digest(turned));
    ck_assert_uint_ne(jx_digest(list), jx_digest(text));
    ck_assert_uint_ne(jx_digest(a), jx_digest(moved));
    ck_assert_uint_ne(jx_digest(none), jx_digest(null));
}
END_TEST

UNIT_MAIN("jx", builder_builds, builder_is_poisoned_by_null, getters_read_paths, empty_and_merge,
          parse_refuses, digest_ignores_order)
