/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

START_TEST(vectors_of_rfc_4648)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe\xfb", "//77"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *text = base64_encode(rows[i][0], strlen(rows[i][0]));
        ck_assert_str_eq(text, rows[i][1]);
        size_t len = 99;
        AUTO_FREE char *bytes = base64_decode(text, strlen(text), &len);
        ck_assert_str_eq(bytes, rows[i][0]);
        ck_assert_uint_eq(len, strlen(rows[i][0]));
    }
}
END_TEST

START_TEST(decode_is_strict)
{
    static const char *const bad[] = {"Z",
                                      "Zg",
                                      "Zg=",
                                      "Zg===",
                                      "=",
                                      "====",
                                      "Zg==Zg==",
                                      "Zh==",
                                      "Zm9=",
                                      "Z-_v",
                                      "Zm9v!",
                                      "Zm=v"};
    size_t len;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_ptr_null(base64_decode(bad[i], strlen(bad[i]), &len));
    ck_assert_ptr_null(base64_decode("Zm9\0", 4, &len));
    AUTO_FREE char *folded = base64_decode(" Zm\r\n9v\n", 8, &len);
    ck_assert_str_eq(folded, "foo");
}
END_TEST

UNIT_MAIN("base64", vectors_of_rfc_4648, decode_is_strict)
