/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "data/jx.h"
#include "data/yamlio.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

static int read_text(const char *text, struct yamlio_stream *ret, struct err *err)
{
    return yamlio_read(text, strlen(text), "in.yaml", ret, err);
}

/* The documents of a text as JSON, one a line; or the error. The caller frees. */
static char *as_json(const char *text, size_t len)
{
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_MIB(1));
    struct err err = {.kind = ERR_NONE};
    if (yamlio_read(text, len, "in.yaml", &stream, &err) < 0) {
        ck_assert_int_eq(err.kind, ERR_INVALID);
        return xstrdup(err.msg);
    }
    for (size_t i = 0; i < stream.count; i++) {
        AUTO_FREE char *json = jx_compact(stream.documents[i].root);
        strbuf_addf(&out, "%s%s", i ? "\n" : "", json);
    }
    return strbuf_take(&out);
}

struct row {
    const char *yaml;
    const char *expected;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_FREE char *json = as_json(rows[i].yaml, strlen(rows[i].yaml));
        ck_assert_msg(strcmp(json, rows[i].expected) == 0,
                      "%s\nbecame   %s\nexpected %s",
                      rows[i].yaml,
                      json,
                      rows[i].expected);
    }
}

/* What `kubectl patch --local -o json` makes of each; tests/yaml asks it where it is installed. */
START_TEST(scalars_mean_what_kubectl_makes_of_them)
{
    static const struct row rows[] = {
        {"[yes, Yes, YES, y, Y, on, On, ON, true, True, TRUE]",
         "[true,true,true,true,true,true,true,true,true,true,true]"},
        {"[no, No, NO, n, N, off, Off, OFF, false, False, FALSE]",
         "[false,false,false,false,false,false,false,false,false,false,false]"},
        {"[yEs, tRUE, oN, nO, None, nil]", "[\"yEs\",\"tRUE\",\"oN\",\"nO\",\"None\",\"nil\"]"},
        {"[~, null, Null, NULL, nULL]", "[null,null,null,null,\"nULL\"]"},
        {"- \n-\n- ''", "[null,null,\"\"]"},
        {"[0, -0, +12, -12, 017, 0o17, 08, 0x1F, -0x1f, 0b11, -0b11, 0b+1]",
         "[0,0,12,-12,15,15,8,31,-31,3,-3,1]"},
        {"[1_000, 1__0, 0_8, _1, 0x_F, '1_000']", "[1000,10,8,\"_1\",15,\"1_000\"]"},
        {"[1e3, 1.0, 1., .5, +.5, -1.5, 1E-2, 1e-400, -0.0]", "[1000,1,1,0.5,0.5,-1.5,0.01,0,0]"},
        {"[1e400, 1.e, 1e, ., .e3, 1.2.3, 0x, 0b, 0b2, 0o8, +, -]",
         "[\"1e400\",\"1.e\",\"1e\",\".\",\".e3\",\"1.2.3\",\"0x\",\"0b\",\"0b2\",\"0o8\",\"+\",\"-"
         "\"]"},
        {"[9223372036854775807, -9223372036854775808]",
         "[9223372036854775807,-9223372036854775808]"},
        {"[18446744073709551615, 1e20, 1e22]", "[1.8446744073709552e19,1e20,1e22]"},
        {"[4.611686018427387904e18, 9007199254740993.0]", "[4611686018427388000,9007199254740992]"},
        {"[2001-01-01, 2001-01-01T10:00:00Z, 10:30, 1:30:00]",
         "[\"2001-01-01\",\"2001-01-01T10:00:00Z\",\"10:30\",\"1:30:00\"]"},
        {"[\"yes\", 'null', \"1\", '~', 10.0.0.1, v1, <<, =]",
         "[\"yes\",\"null\",\"1\",\"~\",\"10.0.0.1\",\"v1\",\"<<\",\"=\"]"},
        {"[!!str 5, !!str yes, !!str '', !!int \"5\", !!float 5, !!float 0x10, !!bool \"on\"]",
         "[\"5\",\"yes\",\"\",5,5,16,true]"},
        {"[!!null '', !!null null, !!timestamp 2001-01-01, !foo 5, ! 5, ! \"5\"]",
         "[null,null,\"2001-01-01\",\"5\",\"5\",\"5\"]"},
        {"[!!binary aGVsbG8=, !!binary \"aGVs\\nbG8=\", !!binary aA==, !!binary '']",
         "[\"hello\",\"hello\",\"h\",\"\"]"},
        {"{1: a, yes: b, 1.5: c, 1e7: d, .inf: e, 0x10: f, 2001-01-01: g, \"x\": h}",
         "{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\",\"1e+07\":\"d\",\".inf\":\"e\",\"16\":\"f\","
         "\"2001-01-01\":\"g\",\"x\":\"h\"}"},
        {"a: |\n  x\n    y\n\n  z\n", "{\"a\":\"x\\n  y\\n\\nz\\n\"}"},
        {"a: >-\n  x\n  y\n\n  z\n", "{\"a\":\"x y\\nz\"}"},
        {"a: |+\n  yes\n\n", "{\"a\":\"yes\\n\\n\"}"},
        {"a: plain\n  goes on # comment\nb: 'it''s'", "{\"a\":\"plain goes on\",\"b\":\"it's\"}"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(collections_streams_and_json)
{
    static const struct row rows[] = {
        {"", ""},
        {"# nothing\n---\n---\nnull\n...\n", ""},
        {"a: 1\n---\n# empty\n---\nb: 2\n...\n---\nc: 3", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}"},
        {"%YAML 1.1\n---\na: 1\n", "{\"a\":1}"},
        {"\xef\xbb\xbf"
         "a: 1\r\nb:\r\n- x\r\n",
         "{\"a\":1,\"b\":[\"x\"]}"},
        {"a: {b: [], c: {}, d: [1, [2]]}", "{\"a\":{\"b\":[],\"c\":{},\"d\":[1,[2]]}}"},
        {"a: &x {p: 1}\nb: *x\nc: [*x, &y z, *y]",
         "{\"a\":{\"p\":1},\"b\":{\"p\":1},\"c\":[{\"p\":1},\"z\",\"z\"]}"},
        {"a: &k v\n*k : 1", "{\"a\":\"v\",\"v\":1}"},
        {"a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}"},
        {"a: &x {p: 1, q: 1}\nb: {<<: *x, q: 2}\nc: {q: 2, <<: *x}",
         "{\"a\":{\"p\":1,\"q\":1},\"b\":{\"p\":1,\"q\":2},\"c\":{\"q\":1,\"p\":1}}"},
        {"- &x {p: 1}\n- &y {p: 2, q: 2}\n- <<: [*x, *y, {r: 3}]\n- {\"<<\": 1}",
         "[{\"p\":1},{\"p\":2,\"q\":2},{\"r\":3,\"p\":1,\"q\":2},{\"<<\":1}]"},
        {"{\"a\":\"\\u00e9\\/\\ud83d\\ude00\",\"b\":\"\\\\ud83d\"}\n{\"c\":1}{\"d\":1.0}\n",
         "{\"a\":\"é/😀\",\"b\":\"\\\\ud83d\"}\n{\"c\":1}\n{\"d\":1}"},
        {"{a: b, \"c\":d}", "{\"a\":\"b\",\"c\":\"d\"}"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(errors_name_the_place)
{
    static const struct row rows[] = {
        {"a: 1\nb: 2\na: 3\n", "in.yaml:3:1: the key \"a\" is given twice"},
        {"a: {1: x, \"1\": y}", "in.yaml:1:11: the key \"1\" is given twice"},
        {"a: {p: 1, <<: {q: 1}, q: 2, q: 3}", "in.yaml:1:29: the key \"q\" is given twice"},
        {"a:\n\tb: 1", "in.yaml:2:1: a tab cannot indent YAML, only spaces can"},
        {"a: 1\n b: 2", "in.yaml:2:3: mapping values are not allowed in this context"},
        {"a: [1", "in.yaml:1:6: while parsing a flow sequence, did not find expected ',' or ']'"},
        {"a: \"x", "in.yaml:1:6: while scanning a quoted scalar, found unexpected end of stream"},
        {"{\"a\":", "in.yaml:1:6: while parsing a flow node, did not find expected node content"},
        {"ok: 1\nb: é\xff", "in.yaml:2:6: invalid leading UTF-8 octet"},
        {"a: .inf", "in.yaml:1:4: infinity and not-a-number have no JSON form"},
        {"a: !!int x", "in.yaml:1:4: \"x\" is not a !!int"},
        {"a: !!float 18446744073709551615",
         "in.yaml:1:4: \"18446744073709551615\" is not a !!float"},
        {"a: !!binary '*'", "in.yaml:1:4: !!binary is not valid base64"},
        {"a: !!binary aA", "in.yaml:1:4: !!binary is not valid base64"},
        {"a: !!binary /w==", "in.yaml:1:4: not valid UTF-8"},
        {"a: \"x\\0y\"", "in.yaml:1:4: a NUL character cannot be part of a value"},
        {"\"x\\0y\": 1", "in.yaml:1:1: a NUL character cannot be part of a value"},
        {"~: 1", "in.yaml:1:1: null cannot be a key"},
        {"18446744073709551615: 1",
         "in.yaml:1:1: the number 18446744073709551615 is too large for a key"},
        {"? [a]\n: 1", "in.yaml:1:3: a mapping or a sequence cannot be a key"},
        {"a: *x", "in.yaml:1:4: an alias without its anchor"},
        {"&a a: 1\n---\nb: *a", "in.yaml:3:4: an alias without its anchor"},
        {"a: &x [*x]", "in.yaml:1:8: an anchor contains an alias to itself"},
        {"a: &x {<<: *x}", "in.yaml:1:12: an anchor contains an alias to itself"},
        {"<<: 1", "in.yaml:1:5: a merge key takes a mapping or a sequence of mappings"},
        {"a: &x [{b: 1}]\n<<: *x",
         "in.yaml:2:5: a merge key takes a mapping or a sequence of mappings"},
        {"a: 1\n...\nb: 2", "in.yaml:3:1: did not find expected <document start>"},
        {"a: \"\\ud83d\"",
         "in.yaml:1:7: while parsing a quoted scalar, found invalid Unicode "
         "character escape code"},
    };
    check_rows(rows, ARRAY_LEN(rows));
    static const char nul[] = "a: 1\nb: x\0y";
    AUTO_FREE char *message = as_json(nul, sizeof(nul) - 1);
    ck_assert_str_eq(message, "in.yaml:2:5: control characters are not allowed");
}
END_TEST

/* n times `piece`, in front of it `before` and after it `after`. The caller frees. */
static char *repeat(const char *before, const char *piece, size_t n, const char *after)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_FILE);
    strbuf_adds(&text, before);
    for (size_t i = 0; i < n; i++)
        strbuf_adds(&text, piece);
    strbuf_adds(&text, after);
    return strbuf_take(&text);
}

static void check_refused(const char *text, const char *expected)
{
    struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    struct err err = {.kind = ERR_NONE};
    ck_assert_int_eq(read_text(text, &stream, &err), -1);
    ck_assert_msg(strstr(err.msg, expected), "%s", err.msg);
    ck_assert_ptr_null(stream.documents);
}

START_TEST(limits_hold)
{
    AUTO_FREE char *deep = repeat("", "[", LIMIT_YAML_DEPTH + 1, "");
    check_refused(deep, "nested too deeply");
    AUTO_FREE char *very_deep = repeat("", "- ", LIMIT_MIB(1), "");
    check_refused(very_deep, "nested too deeply");
    AUTO_FREE char *documents = repeat("", "--- a\n", LIMIT_YAML_DOCUMENTS + 1, "");
    check_refused(documents, "more than 100000 documents");

    /* each level is ten of the one before */
    static const char *const laughs = "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
                                      "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                                      "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                                      "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                                      "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                                      "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    check_refused(laughs, "in.yaml:5:");
    /* few nodes, much text; and a little in each of many documents */
    AUTO_FREE char *big = repeat("a: &a \"", "0123456789", 100000, "\"\nb: [*a");
    AUTO_FREE char *text = repeat(big, ",*a", 1000, "]");
    check_refused(text, "aliases expand too far");
    AUTO_FREE char *many = repeat("", "---\n- &a [x,x,x,x]\n- [*a,*a,*a,*a,*a,*a]\n", 40000, "");
    check_refused(many, "aliases expand too far");
    /* a chain of aliases nests without any bracket */
    AUTO_STRBUF struct strbuf chain = STRBUF_INIT(LIMIT_MIB(1));
    strbuf_adds(&chain, "- &a0 [x]\n");
    for (int i = 1; i < 2 * LIMIT_YAML_DEPTH; i++)
        strbuf_addf(&chain, "- &a%d [*a%d]\n", i, i - 1);
    check_refused(chain.text, "in.yaml:64:9: nested too deeply");
}
END_TEST

START_TEST(lines_of_paths)
{
    static const char text[] = "# comment\n"
                               "metadata:\n"
                               "  labels:\n"
                               "    a.b/c: x\n"
                               "spec: &spec\n"
                               "  ports:\n"
                               "  - name: http\n"
                               "  -\n"
                               "    name: >-\n"
                               "      https\n"
                               "  matrix: [[1,\n"
                               "    2]]\n"
                               "  \"0\": zero\n"
                               "copy: *spec\n"
                               "merged:\n"
                               "  ports: none\n"
                               "  <<: *spec\n"
                               "---\n"
                               "kind: X\n";
    static const struct {
        const char *path;
        int line;
    } rows[] = {
        {"", 2},
        {"metadata", 2},
        {"metadata.labels[\"a.b/c\"]", 4},
        {"metadata.labels[a.b/c]", 4},
        {"metadata.labels.none", 3},
        {"spec", 5},
        {"spec.ports", 6},
        {"spec.ports[0].name", 7},
        {"spec.ports[1]", 9}, /* where its mapping begins */
        {"spec.ports[1].name", 9},
        {"spec.ports[1].port", 9},
        {"spec.ports[7].name", 6},
        {"spec.ports.name", 6},
        {"spec.matrix[0][1]", 12},
        {"spec.0", 13},
        {"spec.ports[", 6},
        {"spec..ports", 5},
        {"copy", 14},
        {"copy.ports[0].name", 7},
        {"merged.ports[0]", 7},
        {"merged.matrix", 11},
        {"unknown.path", 2},
    };
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    ck_assert_int_eq(read_text(text, &stream, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_msg(yamlio_line(&stream.documents[0], rows[i].path) == rows[i].line,
                      "%s: %d",
                      rows[i].path,
                      yamlio_line(&stream.documents[0], rows[i].path));
    ck_assert_int_eq(yamlio_line(&stream.documents[1], "kind"), 19);
}
END_TEST

UNIT_MAIN("yamlio", scalars_mean_what_kubectl_makes_of_them, collections_streams_and_json,
          errors_name_the_place, limits_hold, lines_of_paths)
