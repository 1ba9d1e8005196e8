/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kube.h"

#include "base/limits.h"
#include "kube/decode.h"
#include "kube/path.h"
#include "kube/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

const struct kube_timing kube_timing_default = {.connect = 10000,
                                                .request = 65000,
                                                .answer = 30000,
                                                .list_idle = 30000,
                                                .sync_quiet = 10000,
                                                .silence = 130000,
                                                .grace = 30000,
                                                .settled = 1000,
                                                .short_watch = 1000,
                                                .stable = 10000,
                                                .backoff_min = 800,
                                                .backoff_max = 30000,
                                                .unauthorized = 5000,
                                                .watch_min = 300000,
                                                .watch_max = 600000};

struct kube_call {
    struct kube *kube;
    const char *method;
    const char *content_type;
    char *target;
    char *body;
    bool is_list;
    bool background;
    kube_done *done;
    void *arg;
    struct err err;               /* what is wrong with the request itself */
    struct session_call *session; /* NULL: waits in the queue */
    struct kube_call *prev, *next;
};

struct kube {
    struct session *session;
    struct loop_timer *turn;      /* starts what waits */
    struct kube_call *waiting[2]; /* [1]: in the background */
    int inflight, max_inflight;
    bool (*may_write)(void *arg); /* NULL: always */
    void *fence;
};

static void call_free(struct kube_call *call)
{
    free(call->target);
    free(call->body);
    free(call);
}

/*
 * The call to send now; NULL: none. What is in the background leaves a quarter of the lines free:
 * others shall not wait until the server has answered it.
 */
static struct kube_call *next_call(const struct kube *kube)
{
    int most = kube->max_inflight;
    if (!kube->waiting[0])
        most -= kube->max_inflight / 4;
    if (kube->inflight >= most)
        return NULL;
    return kube->waiting[0] ? kube->waiting[0] : kube->waiting[1];
}

static bool is_write(const struct kube_call *call)
{
    return strcmp(call->method, "GET") != 0;
}

static void on_reply(void *arg, const struct session_reply *from)
{
    struct kube_call *call = arg;
    struct kube *kube = call->kube;
    struct kube_reply reply = {.http = from->http, .err = from->err};
    json_auto_t *object = NULL;
    if (reply.err.kind == ERR_NONE) {
        object = is_write(call) ? decode_object(from->body, from->len, &reply.err)
                                : decode_json(from->body, from->len, &reply.err);
        if (!object) {
            err_wrap(&reply.err, "answer of the API server");
            reply.err.http = from->http;
        }
        reply.object = object;
    }
    kube->inflight--;
    call->done(call->arg, &reply);
    call_free(call);
    if (next_call(kube))
        loop_timer_start(kube->turn, 0);
}

static bool may_send(void *arg)
{
    const struct kube_call *call = arg;
    return call->kube->may_write(call->kube->fence);
}

static void fail(struct kube_call *call)
{
    struct kube_reply reply = {.err = call->err};
    call->done(call->arg, &reply);
    call_free(call);
}

static void pump(void *arg)
{
    struct kube *kube = arg;
    struct kube_call *call;
    while ((call = next_call(kube))) {
        DL_DELETE(kube->waiting[call->background], call);
        if (call->err.kind) {
            fail(call);
            continue;
        }
        kube->inflight++;
        call->session =
            session_send(kube->session,
                         &(const struct session_request){
                             .method = call->method,
                             .target = call->target,
                             .content_type = call->content_type,
                             .body = TAKE(call->body),
                             .total_ms = session_timing(kube->session)->request,
                             .gzip = call->is_list,
                             .max_body = call->is_list ? LIMIT_LIST_BODY : LIMIT_RESPONSE_BODY,
                             .may_send = kube->may_write && is_write(call) ? may_send : NULL,
                             .done = on_reply,
                             .arg = call,
                         });
    }
}

static json_t *delete_options(const char *uid)
{
    return OBJ(F("apiVersion", STR("v1")),
               F("kind", STR("DeleteOptions")),
               F("propagationPolicy", STR("Background")),
               FOPT("preconditions", uid ? OBJ(F("uid", STR(uid))) : NULL));
}

static void set_verb(struct kube_call *call, const struct kube_request *request)
{
    switch (request->verb) {
    case KUBE_GET:
        call->method = "GET";
        call->is_list = !request->name;
        return;
    case KUBE_APPLY:
        call->method = "PATCH";
        call->content_type = "application/apply-patch+yaml"; /* JSON is YAML */
        return;
    case KUBE_PATCH:
        call->method = "PATCH";
        call->content_type = "application/merge-patch+json";
        return;
    case KUBE_CREATE:
        call->method = "POST";
        call->content_type = "application/json";
        return;
    case KUBE_UPDATE:
        call->method = "PUT";
        call->content_type = "application/json";
        return;
    case KUBE_DELETE:
        call->method = "DELETE";
        call->content_type = "application/json";
        return;
    }
}

static int set_target(struct kube_call *call, const struct kube_request *request, struct err *err)
{
    AUTO_STRBUF struct strbuf target = STRBUF_INIT(LIMIT_URL);
    if (path_add(&target, request->kind, request->ns, request->name, request->subresource, err) < 0)
        return -1;
    bool write =
        request->verb == KUBE_APPLY || request->verb == KUBE_PATCH || request->verb == KUBE_CREATE;
    path_add_query(&target, "labelSelector", call->is_list ? request->labels : NULL);
    path_add_query(&target, "fieldManager", write ? request->manager : NULL);
    path_add_query(&target, "force", request->verb == KUBE_APPLY ? "true" : NULL);
    path_add_query(&target, "dryRun", request->dry_run ? "All" : NULL);
    if (target.failed)
        return err_set(err, ERR_INVALID, "the URL is longer than %zu bytes", target.max);
    call->target = strbuf_take(&target);
    return 0;
}

static int set_body(struct kube_call *call, const struct kube_request *request, struct err *err)
{
    json_auto_t *options = NULL;
    const json_t *body = request->body;
    if (request->verb == KUBE_GET)
        return 0;
    if (request->verb == KUBE_DELETE)
        body = options = delete_options(request->uid);
    if (!body)
        return err_set(err, ERR_INVALID, "there is nothing to send");
    call->body = jx_compact(body);
    if (strlen(call->body) > LIMIT_REQUEST_BODY)
        return err_set(err, ERR_INVALID, "the object is longer than %zu bytes", LIMIT_REQUEST_BODY);
    return 0;
}

struct kube_call *kube_call(struct kube *kube, const struct kube_request *request, kube_done *done,
                            void *arg)
{
    assert(request->verb != KUBE_APPLY || request->manager);
    struct kube_call *call = xcalloc(1, sizeof(*call));
    call->kube = kube;
    call->done = done;
    call->arg = arg;
    set_verb(call, request);
    if (set_target(call, request, &call->err) == 0)
        (void)set_body(call, request, &call->err);
    call->background = request->background;
    DL_APPEND(kube->waiting[call->background], call);
    loop_timer_start(kube->turn, 0);
    return call;
}

void kube_cancel(struct kube_call *call)
{
    struct kube *kube = call->kube;
    if (call->session) {
        session_cancel(call->session);
        kube->inflight--;
        if (next_call(kube))
            loop_timer_start(kube->turn, 0);
    } else {
        DL_DELETE(kube->waiting[call->background], call);
    }
    call_free(call);
}

void kube_scope_copy(const struct kube_scope *scope, struct kube_scope *ret)
{
    *ret = (struct kube_scope){.ns = xstrdup(scope->ns),
                               .labels = xstrdup(scope->labels),
                               .fields = xstrdup(scope->fields),
                               .metadata_only = scope->metadata_only};
}

void kube_scope_done(struct kube_scope *scope)
{
    free((char *)(uintptr_t)scope->ns);
    free((char *)(uintptr_t)scope->labels);
    free((char *)(uintptr_t)scope->fields);
    *scope = (struct kube_scope){.ns = NULL};
}

struct kube *kube_new(struct loop *loop, struct credentials *credentials,
                      const struct kube_options *options, struct err *err)
{
    assert(options->max_inflight > 0);
    struct session *session = session_new(loop, credentials, options, err);
    if (!session)
        return NULL;
    struct kube *kube = xcalloc(1, sizeof(*kube));
    kube->session = session;
    kube->turn = loop_timer_new(loop, pump, kube);
    kube->max_inflight = options->max_inflight;
    return kube;
}

void kube_free(struct kube *kube)
{
    if (!kube)
        return;
    assert(!kube->waiting[0] && !kube->waiting[1] && kube->inflight == 0);
    session_free(kube->session);
    loop_timer_free(kube->turn);
    free(kube);
}

void kube_set_fence(struct kube *kube, bool (*may_write)(void *arg), void *arg)
{
    kube->may_write = may_write;
    kube->fence = arg;
}

void kube_keep_managers(struct kube *kube, bool keep)
{
    session_keep_managers(kube->session, keep);
}

void kube_abandon(struct kube *kube)
{
    session_abandon(kube->session);
}

struct session *kube_session(struct kube *kube)
{
    return kube->session;
}
