/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "data/jx.h"
#include "data/yamlio.h"
#include "support/unit.h"

#include <string.h>

static char *as_yaml(const json_t *value)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_MIB(16));
    ck_assert_int_eq(yamlio_write(value, &out), 0);
    return strbuf_take(&out);
}

START_TEST(layout_is_kubectls)
{
    json_auto_t *value = OBJ(
        F("kind", STR("Service")),
        F("metadata", OBJ(F("name", STR("a")), F("labels", json_object()))),
        F("spec",
          OBJ(F("ports", ARR(OBJ(F("name", STR("http")), F("port", INT(80))), ARR(INT(1), INT(2)))),
              F("none", json_array()),
              F("ratio", json_real(0.5)),
              F("null", json_null()),
              F("long", jx_stringf("%0100d x %0100d", 1, 2)),
              F("script", STR("#!/bin/sh\n  exit 0\n")),
              F("open", STR("a\nb")))));
    AUTO_FREE char *text = as_yaml(value);
    AUTO_FREE char *expected = xasprintf("kind: Service\n"
                                         "metadata:\n"
                                         "  name: a\n"
                                         "  labels: {}\n"
                                         "spec:\n"
                                         "  ports:\n"
                                         "  - name: http\n"
                                         "    port: 80\n"
                                         "  - - 1\n"
                                         "    - 2\n"
                                         "  none: []\n"
                                         "  ratio: 0.5\n"
                                         "  \"null\": null\n"
                                         "  long: %0100d x %0100d\n"
                                         "  script: |\n"
                                         "    #!/bin/sh\n"
                                         "      exit 0\n"
                                         "  open: |-\n"
                                         "    a\n"
                                         "    b\n",
                                         1,
                                         2);
    ck_assert_str_eq(text, expected);
}
END_TEST

START_TEST(strings_stay_strings)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"plain", "plain\n"},
        {"10.0.0.1", "10.0.0.1\n"},
        {"100m", "100m\n"},
        {"docker.io/istio/proxyv2:1.31.1", "docker.io/istio/proxyv2:1.31.1\n"},
        {"", "\"\"\n"},
        {"yes", "\"yes\"\n"},
        {"n", "\"n\"\n"},
        {"null", "\"null\"\n"},
        {"~", "\"~\"\n"},
        {"017", "\"017\"\n"},
        {"0o17", "\"0o17\"\n"},
        {"1e3", "\"1e3\"\n"},
        {"1e400", "\"1e400\"\n"},
        {"1_000", "\"1_000\"\n"},
        {".inf", "\".inf\"\n"},
        {"2001-01-01", "\"2001-01-01\"\n"},
        {"10:30", "\"10:30\"\n"},
        {"<<", "\"<<\"\n"},
        {"=", "\"=\"\n"},
        {" x", "' x'\n"},
        {"x ", "'x '\n"},
        {"a: b", "'a: b'\n"},
        {"- a", "'- a'\n"},
        {"a #b", "'a #b'\n"},
        {"*", "'*'\n"},
        {"\n", "\"\\n\"\n"},
        {" a\nb", "\" a\\nb\"\n"},
        {"a\n\n", "\"a\\n\\n\"\n"},
        {"a\r\nb", "\"a\\r\\nb\"\n"},
        {"a\xe2\x80\xa8"
         "b",
         "\"a\\Lb\"\n"},
        {"\x01", "\"\\x01\"\n"},
        {"é", "é\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *value = json_string(rows[i].text);
        AUTO_FREE char *text = as_yaml(value);
        ck_assert_str_eq(text, rows[i].expected);
    }
}
END_TEST

/* xorshift: the same corpus on every machine */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* What scanners, emitters and other readers stumble over. */
static const char *const pieces[] = {
    "a",
    "Z",
    "0",
    "1",
    "7",
    "x",
    "e",
    "_",
    ".",
    "-",
    "+",
    ":",
    ": ",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "\r",
    "#",
    " #",
    "'",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    "&",
    "*",
    "!",
    "|",
    ">",
    "%",
    "@",
    "`",
    "?",
    "~",
    "<<",
    "=",
    "---",
    "...",
    "yes",
    "no",
    "on",
    "null",
    "true",
    "inf",
    "0x",
    "0o",
    "0b",
    "2001-",
    "é",
    "\x01",
    "\x7f",
    "\xc2\x85",
    "\xe2\x80\xa8",
    "\xef\xbb\xbf",
    "😀",
    "\xef\xbf\xbe",
};

static char *random_text(uint32_t *state)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_KIB(4));
    for (uint32_t n = next_random(state) % 6; n > 0; n--)
        strbuf_adds(&text, pieces[next_random(state) % ARRAY_LEN(pieces)]);
    return strbuf_take(&text);
}

static json_t *random_value(uint32_t *state, int depth)
{
    uint32_t kind = next_random(state) % (depth > 0 ? 10 : 7);
    if (kind < 3) {
        AUTO_FREE char *text = random_text(state);
        return json_string(text);
    }
    if (kind == 3)
        return json_integer((json_int_t)next_random(state) << (next_random(state) % 32));
    if (kind == 4) /* never whole: a whole float reads back as an integer */
        return json_real((double)(2 * next_random(state) + 1) / (double)(1 << 30) - 1.5);
    if (kind == 5)
        return json_boolean(next_random(state) % 2);
    if (kind == 6)
        return json_null();
    json_t *value = kind == 7 ? json_array() : json_object();
    for (uint32_t n = next_random(state) % 5; n > 0; n--) {
        AUTO_FREE char *key = random_text(state);
        json_t *child = random_value(state, depth - 1);
        if (kind == 7)
            json_array_append_new(value, child);
        else
            json_object_set_new(value, key, child);
    }
    return value;
}

START_TEST(what_is_written_reads_back)
{
    uint32_t state = 20011101;
    for (int i = 0; i < 20000; i++) {
        json_auto_t *value = random_value(&state, 4);
        if (json_is_null(value))
            continue;
        AUTO_FREE char *text = as_yaml(value);
        AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
        struct err err = {.kind = ERR_NONE};
        ck_assert_msg(
            yamlio_read(text, strlen(text), "again", &stream, &err) == 0, "%s\n%s", err.msg, text);
        ck_assert_uint_eq(stream.count, 1);
        AUTO_FREE char *json = jx_compact(value);
        AUTO_FREE char *again = jx_compact(stream.documents[0].root);
        ck_assert_msg(strcmp(json, again) == 0, "%s\n%s\n%s", json, text, again);
    }
}
END_TEST

START_TEST(a_full_buffer_is_an_error)
{
    json_auto_t *value = OBJ(F("a", STR("0123456789")));
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(8);
    ck_assert_int_eq(yamlio_write(value, &out), -1);
}
END_TEST

UNIT_MAIN("yamlio_write", layout_is_kubectls, strings_stay_strings, what_is_written_reads_back,
          a_full_buffer_is_an_error)
