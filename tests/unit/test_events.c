/* SPDX-License-Identifier: Apache-2.0 */
/* Events as the API server gets them. */
#include "base/limits.h"
#include "base/metrics.h"
#include "base/now.h"
#include "data/jsonread.h"
#include "kube/events.h"
#include "support/fakecredentials.h"
#include "support/fakeserver.h"
#include "support/json.h"
#include "support/trace.h"
#include "support/unit.h"

#define ANSWER(status, body)                                                                       \
    {                                                                                              \
        .bytes = "HTTP/1.1 " status                                                                \
                 "\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body,           \
        .after = FAKESERVER_CLOSE                                                                  \
    }
#define TAKEN                                                                                      \
    ANSWER("201 Created",                                                                          \
           "{\"kind\":\"Event\",\"metadata\":{\"name\":\"e\",\"resourceVersion\":\"7\"}}")
#define NOT_FOUND                                                                                  \
    ANSWER("404 Not Found",                                                                        \
           "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"code\":404,"       \
           "\"reason\":\"NotFound\",\"message\":\"events e not found\"}")
#define FORBIDDEN                                                                                  \
    ANSWER("403 Forbidden",                                                                        \
           "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"code\":403,"       \
           "\"reason\":\"Forbidden\",\"message\":\"no\"}")
#define TERMINATING                                                                                \
    ANSWER("403 Forbidden",                                                                        \
           "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"code\":403,"       \
           "\"reason\":\"Forbidden\",\"message\":\"no\",\"details\":{\"causes\":["                 \
           "{\"reason\":\"NamespaceTerminating\"}]}}")
#define LOST                                                                                       \
    {                                                                                              \
        .after = FAKESERVER_RESET                                                                  \
    }

static struct loop *loop;
static struct fakeserver *server;
static struct kubeconfig kubeconfig;
static struct credentials *credentials;
static struct kube *kube;
static struct events *events;
static json_t *object;

static void set_up(const struct fakeserver_reply *replies, size_t count)
{
    loop = loop_new();
    server = fakeserver_new(loop);
    fakeserver_add(server, replies, count);
    kubeconfig = (struct kubeconfig){.server = xstrdup(fakeserver_url(server))};
    credentials = credentials_new(loop, &kubeconfig);
    const struct kube_options options = {.max_inflight = 1, .user_agent = "tests"};
    kube = kube_new(loop, credentials, &options, NULL);
    events = events_new(loop, kube, "example.com/tests", "host");
    events_retry_after(events, 1);
    object = OBJ(
        F("metadata", OBJ(F("name", STR("gw")), F("namespace", STR("n")), F("uid", STR("u1")))));
}

static void tear_down(void)
{
    now_fake(-1, -1);
    json_decref(object);
    events_free(events);
    kube_free(kube);
    credentials_free(credentials);
    kubeconfig_done(&kubeconfig);
    fakeserver_free(server);
    loop_free(loop);
    metrics_reset();
}

static void emit(const char *reason, const char *note)
{
    const struct events_about about = {.kind = &object_mesh_gateway,
                                       .object = object,
                                       .related_kind = &object_service,
                                       .related_name = "svc"};
    events_emit(events, &about, "Warning", reason, "Reconcile", note);
}

static size_t wanted;

static void look(void *arg)
{
    struct loop_timer **timer = arg;
    if (fakeserver_requests(server) >= wanted)
        loop_stop(loop);
    else
        loop_timer_start(*timer, 1);
}

/* Runs the loop until so many requests have come, and then until the last is answered. */
static void await(size_t count)
{
    struct trace trace = {.loop = loop, .text = STRBUF_INIT(1 << 10)};
    struct loop_timer *timer = loop_timer_new(loop, look, &timer);
    wanted = count;
    loop_timer_start(timer, 0);
    loop_run(loop);
    loop_timer_free(timer);
    trace_linger(&trace, 20);
    strbuf_done(&trace.text);
}

static json_t *body_of(size_t n)
{
    const char *body = strstr(fakeserver_request(server, n), "\r\n\r\n") + 4;
    json_t *json = jsonread_bytes(body, strlen(body), NULL);
    ck_assert_ptr_nonnull(json);
    return json;
}

START_TEST(an_event_has_what_the_api_requires)
{
    static const struct fakeserver_reply replies[] = {TAKEN, TAKEN};
    set_up(replies, ARRAY_LEN(replies));
    now_fake(5000, INT64_C(1764000000123456));
    emit("Conflict", "a note");
    await(1);
    json_auto_t *body = body_of(0);
    json_auto_t *want =
        json_from("{'apiVersion':'events.k8s.io/v1','kind':'Event',"
                  "'metadata':{'name':'gw.187afca76f25ca00','namespace':'n'},"
                  "'eventTime':'2025-11-24T16:00:00.123456Z','type':'Warning','reason':'Conflict',"
                  "'action':'Reconcile','reportingController':'example.com/tests',"
                  "'reportingInstance':'host','note':'a note',"
                  "'regarding':{'apiVersion':'istio.banzaicloud.io/v1beta1','kind':'MeshGateway',"
                  "'namespace':'n','name':'gw','uid':'u1'},"
                  "'related':{'apiVersion':'v1','kind':'Service','namespace':'n','name':'svc'}}");
    ck_assert_msg(json_equal(body, want), "%s", fakeserver_request(server, 0));
    now_fake(6000, INT64_C(1764000001000000));
    emit("Conflict", "a note");
    await(2);
    json_auto_t *patch = body_of(1);
    ck_assert_ptr_nonnull(strstr(fakeserver_request(server, 1),
                                 "PATCH /apis/events.k8s.io/v1/namespaces/n/events/gw."));
    ck_assert_int_eq(jx_int(patch, "series.count", 0), 2);
    ck_assert_str_eq(jx_str(patch, "series.lastObservedTime", ""), "2025-11-24T16:00:01.000000Z");
    ck_assert_uint_eq(json_object_size(patch), 1);
    tear_down();
}
END_TEST

START_TEST(a_long_note_is_cut_at_a_character)
{
    static const struct fakeserver_reply replies[] = {TAKEN};
    set_up(replies, ARRAY_LEN(replies));
    char note[2001];
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(note + i, "\xc3\xa9", 2);
    note[0] = 'a'; /* so that a character would be torn apart */
    memmove(note + 1, note + 2, 1998);
    note[1999] = '\0';
    emit("Long", note);
    await(1);
    json_auto_t *body = body_of(0);
    ck_assert_uint_eq(strlen(jx_str(body, "note", "")), LIMIT_EVENT_NOTE - 1);
    tear_down();
}
END_TEST

START_TEST(what_gets_no_answer_is_sent_again)
{
    static const struct fakeserver_reply replies[] = {LOST, LOST, TAKEN, TAKEN};
    set_up(replies, ARRAY_LEN(replies));
    emit("Lost", "a note");
    await(3);
    json_auto_t *first = body_of(0);
    json_auto_t *last = body_of(2);
    ck_assert(json_equal(first, last));
    ck_assert_uint_eq(fakeserver_requests(server), 3);
    emit("Lost", "a note"); /* it is known */
    await(4);
    ck_assert_int_eq(strncmp(fakeserver_request(server, 3), "PATCH ", 6), 0);
    tear_down();
}
END_TEST

START_TEST(tries_come_to_an_end)
{
    struct fakeserver_reply replies[14];
    for (size_t i = 0; i < ARRAY_LEN(replies); i++)
        replies[i] = (struct fakeserver_reply)LOST;
    set_up(replies, ARRAY_LEN(replies));
    emit("Lost", "a note");
    await(12);
    ck_assert_uint_eq(fakeserver_requests(server), 12);
    emit("Lost", "a note"); /* begins anew */
    await(13);
    ck_assert_int_eq(strncmp(fakeserver_request(server, 12), "POST ", 5), 0);
    tear_down();
}
END_TEST

START_TEST(a_refusal_is_final)
{
    static const struct fakeserver_reply replies[] = {FORBIDDEN, TAKEN, NOT_FOUND, TAKEN};
    set_up(replies, ARRAY_LEN(replies));
    emit("R", "a note");
    await(1);
    emit("R", "a note"); /* the server has none yet */
    await(2);
    ck_assert_int_eq(strncmp(fakeserver_request(server, 1), "POST ", 5), 0);
    emit("R", "a note"); /* its hour was over */
    await(3);
    ck_assert_int_eq(strncmp(fakeserver_request(server, 2), "PATCH ", 6), 0);
    emit("R", "a note");
    await(4);
    ck_assert_int_eq(strncmp(fakeserver_request(server, 3), "POST ", 5), 0);
    tear_down();
}
END_TEST

START_TEST(a_namespace_that_ends_gets_no_more)
{
    static const struct fakeserver_reply replies[] = {TERMINATING, TAKEN};
    set_up(replies, ARRAY_LEN(replies));
    now_fake(5000, INT64_C(1764000000123456));
    emit("R", "a note");
    await(1);
    emit("S", "a note");
    now_fake(36000, INT64_C(1764000031123456));
    emit("T", "a note");
    await(2);
    json_auto_t *body = body_of(1);
    ck_assert_str_eq(jx_str(body, "reason", ""), "T");
    tear_down();
}
END_TEST

static void flushed(void *arg)
{
    bool *over = arg;
    *over = true;
    loop_stop(loop);
}

START_TEST(what_is_on_its_way_is_waited_for)
{
    static const struct fakeserver_reply replies[] = {{.after = FAKESERVER_CLOSE}, TAKEN, TAKEN};
    set_up(replies, ARRAY_LEN(replies));
    events_retry_after(events, 1000000);
    emit("R", "tried once, and would be again");
    await(1);
    emit("S", "a note");
    emit("T", "a note");
    bool over = false;
    events_flush(events, flushed, &over);
    ck_assert(!over);
    loop_run(loop);
    ck_assert(over);
    ck_assert_uint_eq(fakeserver_requests(server), 3);
    tear_down();
}
END_TEST

START_TEST(nothing_to_flush)
{
    set_up(NULL, 0);
    bool over = false;
    events_flush(events, flushed, &over);
    ck_assert(!over);
    loop_run(loop);
    ck_assert(over);
    tear_down();
}
END_TEST

UNIT_MAIN("events", an_event_has_what_the_api_requires, a_long_note_is_cut_at_a_character,
          what_gets_no_answer_is_sent_again, tries_come_to_an_end, a_refusal_is_final,
          a_namespace_that_ends_gets_no_more, what_is_on_its_way_is_waited_for, nothing_to_flush)
