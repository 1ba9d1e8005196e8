/* SPDX-License-Identifier: Apache-2.0 */
/* A watch of Things against a scripted server, for the tests of kube/watch. */
#pragma once

#include "base/metrics.h"
#include "kube/watch.h"
#include "support/fakecredentials.h"
#include "support/fakeserver.h"
#include "support/trace.h"

#define HEAD       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define META(rest) "\"metadata\":{" rest "}"
#define THING(name, version)                                                                       \
    "{\"kind\":\"Thing\",\"apiVersion\":\"x.io/v1\"," META(                                        \
        "\"name\":\"" name "\",\"resourceVersion\":\"" version "\"") "}"
#define EVENT(type, object)     "{\"type\":\"" type "\",\"object\":" object "}\n"
#define ADDED(name, version)    EVENT("ADDED", THING(name, version))
#define MODIFIED(name, version) EVENT("MODIFIED", THING(name, version))
#define DELETED(name, version)  EVENT("DELETED", THING(name, version))
#define BOOKMARK(version)                                                                          \
    EVENT("BOOKMARK", "{\"kind\":\"Thing\"," META("\"resourceVersion\":\"" version "\"") "}")
#define END(version)                                                                               \
    EVENT("BOOKMARK",                                                                              \
          "{\"kind\":\"Thing\"," META("\"resourceVersion\":\"" version "\",\"annotations\":{"      \
                                      "\"k8s.io/initial-events-end\":\"true\"}") "}")
#define EXPIRED "{\"kind\":\"Status\",\"reason\":\"Expired\",\"message\":\"too old\",\"code\":410}"
#define ERROR(code, rest)                                                                          \
    "HTTP/1.1 " code "\r\nContent-Type: application/json\r\nConnection: close\r\n" rest
#define LIST(version, token, items)                                                                \
    HEAD "{\"kind\":\"ThingList\"," META("\"resourceVersion\":\"" version                          \
                                         "\",\"continue\":\"" token "\"") ",\"items\":[" items     \
                                                                          "]}"
#define ITEM(name) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"1\"}}"
#define FORBIDDEN_FIELD                                                                            \
    ERROR("422 Invalid", "\r\n{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"f\"}")

#define ENDS(text)                                                                                 \
    {                                                                                              \
        .bytes = (text), .after = FAKESERVER_CLOSE                                                 \
    }
#define STAYS(text)                                                                                \
    {                                                                                              \
        .bytes = (text), .after = FAKESERVER_KEEP                                                  \
    }
#define CUT(text)                                                                                  \
    {                                                                                              \
        .bytes = (text), .after = FAKESERVER_RESET                                                 \
    }

static const struct object_kind things = {"x.io", "v1", "things", "Thing"};
static const struct kube_scope thing_scope = {.ns = "n", .labels = "a=b", .fields = "c.d=e"};

/* Short, so that nothing has to be waited for; long where a test is not about that time. */
static const struct kube_timing quick_timing = {.connect = 5000,
                                                .request = 5000,
                                                .answer = 5000,
                                                .list_idle = 5000,
                                                .sync_quiet = 5000,
                                                .silence = 5000,
                                                .grace = 5000,
                                                .settled = 5000,
                                                .short_watch = 20,
                                                .stable = 10000,
                                                .backoff_min = 4,
                                                .backoff_max = 16,
                                                .unauthorized = 16,
                                                .watch_min = 300000,
                                                .watch_max = 600000};

struct fixture {
    struct loop *loop;
    struct fakeserver *server;
    struct kubeconfig config;
    struct credentials *credentials;
    struct kube_timing timing;
    struct kube *kube;
    struct trace trace;
    struct watch *watch;
    const char *free_at; /* frees the watch in the callback that gives this line */
};

static inline void add(struct fixture *f, const char *line)
{
    bool ends = f->free_at && strcmp(line, f->free_at) == 0;
    if (ends)
        watch_free(TAKE(f->watch));
    trace_add(&f->trace, line);
}

static inline void on_begin(void *arg)
{
    add(arg, "begin");
}

static inline void on_object(void *arg, json_t *object)
{
    ck_assert_str_eq(jx_str(object, "kind", ""), "Thing");
    ck_assert_str_eq(jx_str(object, "apiVersion", ""), "x.io/v1");
    AUTO_FREE char *line = xasprintf("object %s", object_name(object));
    add(arg, line);
}

static inline void on_deleted(void *arg, json_t *object)
{
    AUTO_FREE char *line = xasprintf("deleted %s", object_name(object));
    add(arg, line);
}

static inline void on_synced(void *arg)
{
    add(arg, "synced");
}

static inline void on_state(void *arg, const struct err *err)
{
    AUTO_FREE char *line =
        err ? xasprintf("state %s %s", err_kind_name(err->kind), err->reason[0] ? err->reason : "-")
            : xstrdup("state ok");
    add(arg, line);
}

static const struct watch_sink sink = {.begin = on_begin,
                                       .object = on_object,
                                       .deleted = on_deleted,
                                       .synced = on_synced,
                                       .state = on_state};

static inline void set_up(struct fixture *f, const struct fakeserver_reply *replies, size_t count)
{
    *f = (struct fixture){.loop = loop_new(), .timing = quick_timing};
    f->server = fakeserver_new(f->loop);
    fakeserver_add(f->server, replies, count);
    f->trace = (struct trace){.loop = f->loop, .text = STRBUF_INIT(1 << 20)};
    f->config.server = xstrdup(fakeserver_url(f->server));
    f->credentials = credentials_new(f->loop, &f->config);
    const struct kube_options options = {
        .max_inflight = 1, .user_agent = "tests", .timing = &f->timing};
    f->kube = kube_new(f->loop, f->credentials, &options, NULL);
    f->watch = watch_new(f->kube, &things, &thing_scope, &sink, f);
}

static inline void tear_down(struct fixture *f)
{
    watch_free(f->watch);
    trace_linger(&f->trace, 5);
    ck_assert_str_eq(f->trace.text.text, ""); /* no callback after watch_free() */
    kube_free(f->kube);
    credentials_free(f->credentials);
    kubeconfig_done(&f->config);
    fakeserver_free(f->server);
    loop_free(f->loop);
    strbuf_done(&f->trace.text);
    metrics_reset();
}

/* The server waits for the request beyond the script, which gets no answer. */
static inline void run_script(struct fixture *f, size_t requests)
{
    for (int i = 0; fakeserver_requests(f->server) < requests; i++) {
        ck_assert_msg(i < 10000,
                      "only %zu requests after:\n%s",
                      fakeserver_requests(f->server),
                      f->trace.text.text);
        trace_linger(&f->trace, 1);
    }
}

/* For each request the version it starts from: "all" objects by a watch, "list", or a number. */
static inline char *versions_asked(const struct fixture *f)
{
    struct strbuf out = STRBUF_INIT(1 << 16);
    for (size_t i = 0; i < fakeserver_requests(f->server); i++) {
        const char *request = fakeserver_request(f->server, i);
        const char *version = strstr(request, "&resourceVersion=");
        const char *token = strstr(request, "&continue=");
        bool list = !strstr(request, "watch=1");
        ck_assert(strncmp(request, "GET /apis/x.io/v1/namespaces/n/things?", 38) == 0);
        ck_assert_ptr_nonnull(strstr(request, "labelSelector=a%3Db&fieldSelector=c.d%3De"));
        ck_assert((strstr(request, "sendInitialEvents=true&resourceVersionMatch=NotOlderThan") !=
                   NULL) == (!list && !version));
        ck_assert((strstr(request, "Accept-Encoding: gzip") != NULL) == list);
        strbuf_adds(&out, i ? " " : "");
        if (list)
            strbuf_addf(&out,
                        "list%s%s%.*s",
                        strstr(request, "limit=500") ? "" : "-whole",
                        token ? "-" : "",
                        token ? (int)strcspn(token + 10, "& ") : 0,
                        token ? token + 10 : "");
        else if (version)
            strbuf_addf(&out, "%.*s", (int)strcspn(version + 17, "& "), version + 17);
        else
            strbuf_adds(&out, "all");
    }
    return strbuf_take(&out);
}
