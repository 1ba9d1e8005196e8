/* SPDX-License-Identifier: Apache-2.0 */
/* What the bytes of an API server mean: errors, warnings, events; and the paths we ask for. */
#include "kube/apistatus.h"
#include "kube/decode.h"
#include "kube/path.h"
#include "kube/warnings.h"
#include "support/unit.h"

#include <string.h>

#define STATUS(rest) "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\"," rest "}"
#define JSON         "application/json"

static const struct {
    struct apistatus_answer answer; /* len: of the body */
    enum err_kind kind;
    int retry_ms;
    const char *reason, *msg;
} errors[] = {
    {{404,
      JSON,
      NULL,
      STATUS("\"message\":\"x \\\"y\\\" not found\",\"reason\":\"NotFound\","
             "\"code\":404"),
      0},
     ERR_NOT_FOUND,
     0,
     "NotFound",
     "x \"y\" not found"},
    {{404, "text/plain; charset=utf-8", NULL, "404 page not found\n", 0},
     ERR_NOT_FOUND,
     0,
     "KindNotServed",
     "HTTP 404: 404 page not found"},
    {{400, JSON, NULL, STATUS("\"reason\":\"BadRequest\""), 0},
     ERR_INVALID,
     0,
     "BadRequest",
     "BadRequest"},
    {{422,
      JSON,
      NULL,
      STATUS("\"message\":\"m\",\"reason\":\"Invalid\",\"details\":{\"causes\":["
             "{\"reason\":\"FieldValueInvalid\"}]}"),
      0},
     ERR_INVALID,
     0,
     "Invalid",
     "m"},
    {{401, JSON, NULL, STATUS("\"message\":\"Unauthorized\",\"reason\":\"Unauthorized\""), 0},
     ERR_DENIED,
     0,
     "Unauthorized",
     "Unauthorized"},
    {{403,
      JSON,
      NULL,
      STATUS("\"message\":\"no\",\"reason\":\"Forbidden\",\"details\":{\"causes\":["
             "{\"reason\":\"NamespaceTerminating\"}]}"),
      0},
     ERR_DENIED,
     0,
     "NamespaceTerminating",
     "no"},
    {{409,
      JSON,
      NULL,
      STATUS("\"message\":\"c\",\"reason\":\"Conflict\",\"details\":{\"causes\":["
             "{\"reason\":\"FieldManagerConflict\"}]}"),
      0},
     ERR_CONFLICT,
     0,
     "FieldManagerConflict",
     "c"},
    {{410, JSON, NULL, STATUS("\"message\":\"old\",\"reason\":\"Expired\""), 0},
     ERR_GONE,
     0,
     "Expired",
     "old"},
    {{504,
      JSON,
      "1",
      STATUS("\"message\":\"Too large resource version\",\"reason\":\"Timeout\","
             "\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\"}],"
             "\"retryAfterSeconds\":1}"),
      0},
     ERR_UNAVAILABLE,
     1000,
     "ResourceVersionTooLarge",
     "Too large resource version"},
    {{500,
      JSON,
      NULL,
      STATUS("\"message\":\"failed calling webhook\",\"reason\":\"InternalError\""),
      0},
     ERR_UNAVAILABLE,
     0,
     "InternalError",
     "failed calling webhook"},
    {{500,
      JSON,
      NULL,
      STATUS("\"message\":\"failed to create typed patch object (a/b; apps/v1, "
             "Kind=Deployment): .spec.x: field not declared in schema\""),
      0},
     ERR_INVALID,
     0,
     "",
     "failed to create typed patch object (a/b; apps/v1, Kind=Deployment): "
     ".spec.x: field not declared in schema"},
    {{500, "text/plain", NULL, "oops\r\n\x01", 0}, ERR_UNAVAILABLE, 0, "", "HTTP 500: oops"},
    {{503, NULL, "7", "", 0}, ERR_UNAVAILABLE, 7000, "", "HTTP 503"},
    {{429,
      JSON,
      "30",
      STATUS("\"message\":\"slow\",\"reason\":\"TooManyRequests\","
             "\"details\":{\"retryAfterSeconds\":5}"),
      0},
     ERR_THROTTLED,
     30000,
     "TooManyRequests",
     "slow"},
    {{429, JSON, NULL, STATUS("\"message\":\"slow\",\"details\":{\"retryAfterSeconds\":5}"), 0},
     ERR_THROTTLED,
     5000,
     "",
     "slow"},
    {{429, "text/plain", "abc", "wait", 0}, ERR_THROTTLED, 1000, "", "HTTP 429: wait"},
    {{429, "text/plain", "-3", "wait", 0}, ERR_THROTTLED, 1000, "", "HTTP 429: wait"},
    {{429, "text/plain", "99999999999999999999", "wait", 0},
     ERR_THROTTLED,
     600000,
     "",
     "HTTP 429: wait"},
    {{429, "text/plain", "Wed, 21 Oct 2026 07:28:00 GMT", "wait", 0},
     ERR_THROTTLED,
     1000,
     "",
     "HTTP 429: wait"},
    {{302, "text/html", NULL, "<html>", 0}, ERR_INTERNAL, 0, "", "HTTP 302: <html>"},
    {{418, NULL, NULL, "tea", 0}, ERR_INTERNAL, 0, "", "HTTP 418: tea"},
    {{502, JSON, NULL, "{\"kind\":\"Sta", 0}, ERR_UNAVAILABLE, 0, "", "HTTP 502: {\"kind\":\"Sta"},
    {{502, JSON, NULL, "[1]", 0}, ERR_UNAVAILABLE, 0, "", "HTTP 502: [1]"},
};

START_TEST(test_errors)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct apistatus_answer answer = errors[i].answer;
        struct err err = {.kind = ERR_NONE};
        answer.len = strlen(answer.body);
        ck_assert_int_eq(apistatus_set_error(&answer, &err), -1);
        ck_assert_str_eq(err.msg, errors[i].msg);
        ck_assert_str_eq(err_kind_name(err.kind), err_kind_name(errors[i].kind));
        ck_assert_str_eq(err.reason, errors[i].reason);
        ck_assert_int_eq(err.retry_ms, errors[i].retry_ms);
        ck_assert_int_eq(err.http, answer.http);
    }
}
END_TEST

START_TEST(test_error_of_a_watch)
{
    static const struct {
        const char *status;
        enum err_kind kind;
        int http;
    } cases[] = {
        {STATUS("\"reason\":\"Expired\",\"code\":410"), ERR_GONE, 410},
        {STATUS("\"reason\":\"Gone\""), ERR_GONE, 500},
        {STATUS("\"code\":429"), ERR_THROTTLED, 429},
        {STATUS("\"code\":500,\"reason\":\"InternalError\""), ERR_UNAVAILABLE, 500},
        {STATUS("\"code\":9999999999999"), ERR_UNAVAILABLE, 500},
        {"{}", ERR_UNAVAILABLE, 500},
        {"{\"code\":\"x\",\"details\":7,\"reason\":[]}", ERR_UNAVAILABLE, 500},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err;
        json_auto_t *status = jx_parse(cases[i].status, strlen(cases[i].status), NULL);
        ck_assert_int_eq(apistatus_set_object_error(status, &err), -1);
        ck_assert_int_eq(err.kind, cases[i].kind);
        ck_assert_int_eq(err.http, cases[i].http);
    }
}
END_TEST

START_TEST(test_media_types)
{
    ck_assert(apistatus_is_json(NULL));
    ck_assert(apistatus_is_json("application/json"));
    ck_assert(apistatus_is_json("Application/JSON; charset=utf-8"));
    ck_assert(!apistatus_is_json("application/jsonp"));
    ck_assert(!apistatus_is_json("text/html"));
    ck_assert(!apistatus_is_json(""));
}
END_TEST

static void keep(void *arg, const char *text)
{
    strbuf_addf(arg, "[%s]", text);
}

START_TEST(test_warnings)
{
    static const struct {
        const char *value, *want;
    } cases[] = {
        {"299 - \"one\"", "[one]"},
        {"299 - \"a\", 299 kube \"b \\\"c\\\" \\\\d\"", "[a][b \"c\" \\d]"},
        {"299 - \"a\" \"Wed, 21 Oct 2026 07:28:00 GMT\",299 - \"b\"", "[a][b]"},
        {"299 - \"x\", 299 - \"x\"", "[x]"},
        {"", ""},
        {"299", ""},
        {"299 - ", ""},
        {"299 - \"open", ""},
        {"299 - \"open\\", ""},
        {"abc - \"x\"", ""},
        {"29 - \"x\"", ""},
        {"299 - \"\"", ""},
        {"299 - \"first\", junk", "[first]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct warnings warnings = {.count = 0};
        AUTO_STRBUF struct strbuf got = STRBUF_INIT(1 << 16);
        warnings_read(&warnings, cases[i].value, keep, &got);
        warnings_read(&warnings, cases[i].value, keep, &got); /* each is told once */
        ck_assert_str_eq(got.text, cases[i].want);
    }
}
END_TEST

START_TEST(test_warnings_are_forgotten_in_the_end)
{
    struct warnings warnings = {.count = 0};
    AUTO_STRBUF struct strbuf got = STRBUF_INIT(1 << 20);
    for (int i = 0; i <= WARNINGS_REMEMBERED; i++) {
        AUTO_FREE char *value = xasprintf("299 - \"%d\"", i);
        warnings_read(&warnings, value, keep, &got);
    }
    strbuf_clear(&got);
    warnings_read(&warnings, "299 - \"1\", 299 - \"0\"", keep, &got);
    ck_assert_str_eq(got.text, "[0]");
}
END_TEST

START_TEST(test_events)
{
    static const struct {
        const char *line;
        int result;
        enum decode_type type;
        bool end;
    } cases[] = {
        {"{\"type\":\"ADDED\",\"object\":{}}", 0, DECODE_ADDED, 0},
        {"{\"object\":{},\"type\":\"DELETED\"}", 0, DECODE_DELETED, 0},
        {"{\"type\":\"BOOKMARK\",\"object\":{}}", 0, DECODE_BOOKMARK, 0},
        {"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"annotations\":"
         "{\"k8s.io/initial-events-end\":\"true\"}}}}",
         0,
         DECODE_BOOKMARK,
         1},
        {"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"annotations\":"
         "{\"k8s.io/initial-events-end\":\"true\"}}}}",
         0,
         DECODE_ADDED,
         0},
        {"{\"type\":\"SIGNAL\"}", 0, DECODE_UNKNOWN, 0},
        {"{\"type\":\"ADDED\"}", -1, DECODE_UNKNOWN, 0},
        {"{\"type\":\"ADDED\",\"object\":[]}", -1, DECODE_UNKNOWN, 0},
        {"{\"type\":7,\"object\":{}}", -1, DECODE_UNKNOWN, 0},
        {"{}", -1, DECODE_UNKNOWN, 0},
        {"[]", -1, DECODE_UNKNOWN, 0},
        {"{\"type\":\"ADDED\",\"object\":{", -1, DECODE_UNKNOWN, 0},
        {"", -1, DECODE_UNKNOWN, 0},
        /* What a server may store but C cannot hold is no reason to lose the object. */
        {"{\"type\":\"ADDED\",\"object\":{\"n\":99999999999999999999}}", 0, DECODE_ADDED, 0},
        {"{\"type\":\"ADDED\",\"object\":{\"s\":\"a\\u0000b\"}}", 0, DECODE_ADDED, 0},
        {"{\"type\":\"ADDED\",\"object\":{\"a\":1,\"a\":2}}", 0, DECODE_ADDED, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decode_event event = {.object = NULL};
        struct err err = {.kind = ERR_NONE};
        int result = decode_event(cases[i].line, strlen(cases[i].line), false, &event, &err);
        ck_assert_int_eq(result, cases[i].result);
        ck_assert_int_eq(err.kind, result < 0 ? ERR_INTERNAL : ERR_NONE);
        if (result < 0)
            continue;
        ck_assert_int_eq(event.type, cases[i].type);
        ck_assert(event.initial_end == cases[i].end);
        json_decref(event.object);
    }
}
END_TEST

static const struct object_kind gateways = {"x.io", "v1", "gateways", "Gateway"};

START_TEST(test_paths)
{
    static const struct {
        const struct object_kind *kind;
        const char *ns, *name, *sub, *want;
    } cases[] = {
        {&object_service, "a", "b", NULL, "/api/v1/namespaces/a/services/b"},
        {&object_service, NULL, NULL, NULL, "/api/v1/services"},
        {&object_deployment, "a", NULL, NULL, "/apis/apps/v1/namespaces/a/deployments"},
        {&gateways, "a", "b", "status", "/apis/x.io/v1/namespaces/a/gateways/b/status"},
        {&gateways,
         NULL,
         "a/b?c#d%e\xc3\xa9",
         NULL,
         "/apis/x.io/v1/gateways/a%2Fb%3Fc%23d%25e%C3%A9"},
        {&gateways, NULL, "...", NULL, "/apis/x.io/v1/gateways/..."},
        {&gateways, NULL, "..", NULL, NULL},
        {&gateways, ".", "a", NULL, NULL},
        {&gateways, "", "a", NULL, NULL},
        {&gateways, "a", "", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT(1000);
        struct err err;
        int result = path_add(&out, cases[i].kind, cases[i].ns, cases[i].name, cases[i].sub, &err);
        ck_assert_int_eq(result, cases[i].want ? 0 : -1);
        if (cases[i].want)
            ck_assert_str_eq(out.text, cases[i].want);
    }
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(1000);
    path_add_query(&out, "a", "b&c =+");
    path_add_query(&out, "left", NULL);
    path_add_query(&out, "d", "");
    ck_assert_str_eq(out.text, "?a=b%26c%20%3D%2B&d=");
}
END_TEST

UNIT_MAIN("apistatus", test_errors, test_error_of_a_watch, test_media_types, test_warnings,
          test_warnings_are_forgotten_in_the_end, test_events, test_paths)
