/* SPDX-License-Identifier: Apache-2.0 */
#include "support/unit.h"

#include "base/limits.h"
#include "data/linediff.h"

#include <string.h>

static const struct {
    const char *before, *after, *want;
} rows[] = {
    {"", "", ""},
    {"a\nb\n", "a\nb\n", ""},
    {"", "a\n", "@@ -0,0 +1 @@\n+a\n"},
    {"a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b\n"},
    {"a\nb\nc\n", "a\nB\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"},
    {"a\nb\nc\n", "a\nc\n", "@@ -1,3 +1,2 @@\n a\n-b\n c\n"},
    {"a\na\nb\n", "a\nb\n", "@@ -1,3 +1,2 @@\n a\n-a\n b\n"},
    {"1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\n6\n7\n", "@@ -4,3 +4,4 @@\n 4\n 5\n 6\n+7\n"},
    /* Six equal lines between changes are one hunk, seven are two. */
    {"x\n1\n2\n3\n4\n5\n6\ny\n",
     "X\n1\n2\n3\n4\n5\n6\nY\n",
     "@@ -1,8 +1,8 @@\n-x\n+X\n 1\n 2\n 3\n 4\n 5\n 6\n-y\n+Y\n"},
    {"x\n1\n2\n3\n4\n5\n6\n7\ny\n",
     "X\n1\n2\n3\n4\n5\n6\n7\nY\n",
     "@@ -1,4 +1,4 @@\n-x\n+X\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-y\n+Y\n"},
    {"a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"},
};

START_TEST(differences)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_MIB(1));
        linediff(rows[i].before, rows[i].after, &out);
        ck_assert_str_eq(out.text, rows[i].want);
    }
}
END_TEST

/* Too much to compare: everything is replaced, in one hunk. */
START_TEST(too_much_to_compare)
{
    AUTO_STRBUF struct strbuf before = STRBUF_INIT(LIMIT_MIB(1));
    AUTO_STRBUF struct strbuf after = STRBUF_INIT(LIMIT_MIB(1));
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_MIB(1));
    for (int i = 0; i < 5000; i++) {
        strbuf_addf(&before, "%d\n", i);
        strbuf_addf(&after, "%d\n", i + 1);
    }
    linediff(before.text, after.text, &out);
    ck_assert(!out.failed);
    ck_assert(strncmp(out.text, "@@ -1,5000 +1,5000 @@\n-0\n", 25) == 0);
}
END_TEST

UNIT_MAIN("linediff", differences, too_much_to_compare)
