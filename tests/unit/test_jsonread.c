/* SPDX-License-Identifier: Apache-2.0 */
#include "data/jsonread.h"
#include "data/jx.h"
#include "support/unit.h"

#include <string.h>

/* Good and bad texts; jansson is the measure of both. */
static const char *const texts[] = {
    "{}",
    " [ ] ",
    "{\"a\":{\"b\":[1,-2,{\"c\":\"d\"}]},\"e\":true,\"f\":false,\"g\":null}",
    "\t{ \"a\" :\r\n[ 1 , 2 ] }\n",
    "{\"a\":1,\"b\":2,\"a\":3}",
    "[0,-0,10,999999999999999999,-999999999999999999,9223372036854775807,1.5,-1e3,1E+2]",
    "[\"\",\"a\\nb\",\"\\u00e9\\ud83d\\ude00\",\"\xc3\xa9\",\"a\\u0000b\",\"\x7f\"]",
    "{\"k:{\\\"port\\\":80}\":1,\"\xc3\xa9\":2,\"\":3}",
    "",
    "1",
    "\"text\"",
    "{",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{a:1}",
    "{\"a\\u0000\":1}",
    "{} x",
    "{}{}",
    "[1,]",
    "[1 2]",
    "[01]",
    "[-]",
    "[+1]",
    "[1-2]",
    "[1.]",
    "[.5]",
    "[9223372036854775808]",
    "[1e999]",
    "[truex]",
    "[tru]",
    "[nul",
    "[\"\\x\"]",
    "[\"\\",
    "[\"a",
    "[\"\\ud83d\"]",
    "[\"\xff\"]",
    "[\"\x01\"]",
    "[\"a\nb\"]",
    "\xef\xbb\xbf{}",
};

static void compare(const char *text)
{
    json_error_t expected, error;
    json_auto_t *theirs = json_loads(text, JSON_ALLOW_NUL, &expected);
    json_auto_t *ours = jsonread_bytes(text, strlen(text), &error);
    if (!theirs) {
        ck_assert_msg(!ours, "taken: %s", text);
        ck_assert_str_eq(error.text, expected.text);
        return;
    }
    ck_assert_msg(ours, "refused: %s", text);
    AUTO_FREE char *our_text = jx_compact(ours);
    AUTO_FREE char *their_text = jx_compact(theirs);
    ck_assert_str_eq(our_text, their_text);
}

START_TEST(means_what_jansson_means)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        compare(texts[i]);
}
END_TEST

START_TEST(stops_at_the_length)
{
    const char text[] = "[12,\"ab\"]";
    json_auto_t *whole = jsonread_bytes(text, sizeof(text) - 1, NULL);
    ck_assert_uint_eq(json_array_size(whole), 2);
    for (size_t len = 0; len < sizeof(text) - 1; len++)
        ck_assert_ptr_null(jsonread_bytes(text, len, NULL));
}
END_TEST

START_TEST(deep_text_is_read_too)
{
    char text[600];
    memset(text, '[', sizeof(text) / 2);
    memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
    json_auto_t *value = jsonread_bytes(text, sizeof(text), NULL);
    ck_assert(json_is_array(value));
}
END_TEST

UNIT_MAIN("jsonread", means_what_jansson_means, stops_at_the_length, deep_text_is_read_too)
