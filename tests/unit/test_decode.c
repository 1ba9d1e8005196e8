/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/decode.h"
#include "support/unit.h"

#include <string.h>

START_TEST(managed_fields_come_out_empty)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"{\"metadata\":{\"managedFields\":[{\"f\":{\"a]\\\"\":[1,[2]]}}],\"name\":\"x\"}}",
         "{\"metadata\":{\"managedFields\":[],\"name\":\"x\"}}"},
        {"{\"metadata\":{\"name\":\"x\"}}", "{\"metadata\":{\"name\":\"x\"}}"},
        {"{\"a\":\"\\\"managedFields\\\":[1]\"}", "{\"a\":\"\\\"managedFields\\\":[1]\"}"},
        {"{\"metadata\":{\"managedFields\":null}}", "{\"metadata\":{\"managedFields\":null}}"},
        {"{\"metadata\":{\"managedFields\":[]}}", "{\"metadata\":{\"managedFields\":[]}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        json_auto_t *object = decode_object(rows[i].text, strlen(rows[i].text), &err);
        ck_assert_msg(object != NULL, "row %zu: %s", i, err.msg);
        AUTO_FREE char *text = jx_canonical(object);
        ck_assert_str_eq(text, rows[i].wanted);
    }
}
END_TEST

/* Whatever is cut off, wherever: an error and never a read beyond the end. */
START_TEST(cut_anywhere_is_an_error)
{
    static const char text[] = "{\"metadata\":{\"managedFields\":[{\"f:a\":{\"\\\\\":[]}}]}}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        AUTO_FREE char *exact = xmalloc(len);
        memcpy(exact, text, len);
        struct err err = {0};
        ck_assert_ptr_null(decode_object(exact, len, &err));
        ck_assert_int_eq(err.kind, ERR_INTERNAL);
    }
}
END_TEST

START_TEST(events_are_told_apart)
{
    static const struct {
        const char *line;
        enum decode_type type;
        bool initial_end;
    } rows[] = {
        {"{\"type\":\"ADDED\",\"object\":{}}", DECODE_ADDED, false},
        {"{\"type\":\"BOOKMARK\",\"object\":{}}", DECODE_BOOKMARK, false},
        {"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"annotations\":{"
         "\"k8s.io/initial-events-end\":\"true\"}}}}",
         DECODE_BOOKMARK,
         true},
        {"{\"type\":\"NEWER\",\"object\":{}}", DECODE_UNKNOWN, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decode_event event;
        struct err err = {0};
        ck_assert_int_eq(decode_event(rows[i].line, strlen(rows[i].line), false, &event, &err), 0);
        ck_assert_int_eq(event.type, rows[i].type);
        ck_assert_int_eq(event.initial_end, rows[i].initial_end);
        json_decref(event.object);
    }
    struct decode_event event;
    struct err err = {0};
    ck_assert_int_eq(decode_event("{}", 2, false, &event, &err), -1);
    ck_assert_int_eq(decode_event("{\"type\":\"ADDED\"}", 16, false, &event, &err), -1);
}
END_TEST

UNIT_MAIN("decode", managed_fields_come_out_empty, cut_anywhere_is_an_error, events_are_told_apart)
