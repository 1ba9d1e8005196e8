/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/events.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/now.h"
#include "base/rnd.h"
#include "base/utf8.h"
#include "kube/eventcache.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define SWEEP_MS  (60 * 1000)
#define RETRY_MS  (10 * 1000) /* and up to a quarter more */
#define TRIES_MAX 12

/* An event, or the count of one, on its way. */
struct sending {
    struct sending *prev, *next;
    struct events *events;
    struct kube_call *call; /* NULL while it waits for another try */
    struct loop_timer *retry;
    int tries;
    bool is_new;
    char *ns;
    char *name;
    json_t *body;
};

struct events {
    struct loop *loop;
    struct loop_timer *sweep;
    struct loop_timer *over; /* tells that all is flushed */
    loop_cb *flushed;        /* NULL: nobody waits for that */
    void *flushed_arg;
    struct kube *kube;
    char *controller;
    char *instance;
    struct eventcache *cache;
    struct sending *sending;
    size_t pending;
    int retry_ms;
    bool denied; /* and the log has told */
};

static void write_count(void *arg, const struct eventcache_series *series);

static void sweep(void *arg)
{
    struct events *events = arg;
    eventcache_sweep(events->cache, now_ms(), write_count, events);
    loop_timer_start(events->sweep, SWEEP_MS);
}

static void on_over(void *arg)
{
    const struct events *events = arg;
    events->flushed(events->flushed_arg);
}

struct events *events_new(struct loop *loop, struct kube *kube, const char *controller,
                          const char *instance)
{
    struct events *events = xcalloc(1, sizeof(*events));
    events->loop = loop;
    events->kube = kube;
    events->controller = xstrndup(controller, LIMIT_EVENT_NAME);
    events->instance = xstrndup(instance, LIMIT_EVENT_NAME);
    events->cache = eventcache_new();
    events->retry_ms = RETRY_MS;
    events->sweep = loop_timer_new(loop, sweep, events);
    loop_timer_start(events->sweep, SWEEP_MS);
    events->over = loop_timer_new(loop, on_over, events);
    return events;
}

static void free_sending(struct sending *sending)
{
    struct events *events = sending->events;
    DL_DELETE(events->sending, sending);
    events->pending--;
    if (events->flushed && events->pending == 0)
        loop_timer_start(events->over, 0);
    loop_timer_free(sending->retry);
    json_decref(sending->body);
    free(sending->ns);
    free(sending->name);
    free(sending);
}

void events_free(struct events *events)
{
    if (!events)
        return;
    struct sending *sending, *next;
    DL_FOREACH_SAFE(events->sending, sending, next)
    {
        if (sending->call)
            kube_cancel(sending->call);
        free_sending(sending);
    }
    eventcache_free(events->cache);
    loop_timer_free(events->sweep);
    loop_timer_free(events->over);
    free(events->controller);
    free(events->instance);
    free(events);
}

void events_flush(struct events *events, loop_cb *done, void *arg)
{
    events->flushed = done;
    events->flushed_arg = arg;
    loop_timer_stop(events->sweep);
    struct sending *sending, *next;
    DL_FOREACH_SAFE(events->sending, sending, next)
    {
        if (!sending->call)
            free_sending(sending);
    }
    if (events->pending == 0)
        loop_timer_start(events->over, 0);
}

void events_retry_after(struct events *events, int ms)
{
    events->retry_ms = ms;
}

/* Of a missing right nothing else would tell: once, until an event is taken again. */
static void log_refusal(struct events *events, const struct err *err)
{
    bool ends = strcmp(err->reason, "NamespaceTerminating") == 0;
    if (err->kind == ERR_DENIED && !ends && !events->denied) {
        LOG_WARN("events are refused", LS("err", err->msg));
        events->denied = true;
    } else {
        LOG_DEBUG("event not taken", LS("err", err->msg));
    }
}

/*
 * Only a request without an answer is sent again; its name sees to it that nothing comes twice.
 * Nobody waits for an event, and what it tells is in the status, too.
 */
static void sent(void *arg, const struct kube_reply *reply)
{
    struct sending *sending = arg;
    struct events *events = sending->events;
    sending->call = NULL;
    bool lost = reply->err.kind == ERR_UNAVAILABLE && !reply->err.http;
    if (lost && !events->flushed && ++sending->tries < TRIES_MAX) {
        loop_timer_start(sending->retry,
                         rnd_between(events->retry_ms, events->retry_ms + events->retry_ms / 4));
        return;
    }
    if (reply->err.kind) {
        log_refusal(events, &reply->err);
        bool there = reply->err.kind == ERR_CONFLICT; /* an earlier try had come through */
        if (!there && (sending->is_new || reply->err.kind == ERR_NOT_FOUND))
            eventcache_forget(events->cache, sending->name);
        if (strcmp(reply->err.reason, "NamespaceTerminating") == 0)
            eventcache_shut(events->cache, sending->ns, now_ms());
    } else {
        events->denied = false;
    }
    free_sending(sending);
}

static void try(void *arg)
{
    struct sending *sending = arg;
    struct kube_request request = {.verb = sending->is_new ? KUBE_CREATE : KUBE_PATCH,
                                   .kind = &object_event,
                                   .ns = sending->ns,
                                   .name = sending->is_new ? NULL : sending->name,
                                   .body = sending->body,
                                   .background = true};
    sending->call = kube_call(sending->events->kube, &request, sent, sending);
}

/* Takes the body over. */
static void send(struct events *events, const struct eventcache_series *series, bool is_new,
                 json_t *body)
{
    if (events->pending >= LIMIT_EVENTS_PENDING) {
        json_decref(body);
        return;
    }
    struct sending *sending = xcalloc(1, sizeof(*sending));
    sending->events = events;
    sending->is_new = is_new;
    sending->ns = xstrdup(series->ns);
    sending->name = xstrdup(series->name);
    sending->body = body;
    sending->retry = loop_timer_new(events->loop, try, sending);
    DL_APPEND(events->sending, sending);
    events->pending++;
    try(sending);
}

static void write_count(void *arg, const struct eventcache_series *series)
{
    char time[NOW_TIME_LEN];
    now_format_microtime(series->observed_us, time);
    send(arg,
         series,
         false,
         OBJ(F("series", OBJ(F("count", INT(series->count)), F("lastObservedTime", STR(time))))));
}

static json_t *reference_to(const struct events_about *about)
{
    return OBJ(F("apiVersion", object_api_version(about->kind)),
               F("kind", STR(about->kind->kind)),
               F("namespace", STR(object_namespace(about->object))),
               F("name", STR(object_name(about->object))),
               F("uid", STR(object_uid(about->object))));
}

static json_t *related_to(const struct events_about *about)
{
    if (!about->related_kind)
        return NULL;
    return OBJ(F("apiVersion", object_api_version(about->related_kind)),
               F("kind", STR(about->related_kind->kind)),
               F("namespace", STR(object_namespace(about->object))),
               F("name", STR(about->related_name)));
}

static json_t *make(const struct events *events, const struct events_about *about,
                    const struct eventcache_event *event, const struct eventcache_series *series,
                    const char *note)
{
    char time[NOW_TIME_LEN];
    now_format_microtime(series->observed_us, time);
    AUTO_FREE char *whole =
        xasprintf("%s%s", series->combined ? "(combined from similar events): " : "", note);
    AUTO_FREE char *cut = xstrndup(whole, LIMIT_EVENT_NOTE);
    utf8_trim(cut);
    return OBJ(F("apiVersion", object_api_version(&object_event)),
               F("kind", STR(object_event.kind)),
               F("metadata", OBJ(F("name", STR(series->name)), F("namespace", STR(series->ns)))),
               F("eventTime", STR(time)),
               F("type", STR(event->type)),
               F("reason", STR(event->reason)),
               F("action", STR(event->action)),
               F("reportingController", STR(events->controller)),
               F("reportingInstance", STR(events->instance)),
               F("regarding", reference_to(about)),
               FOPT("related", series->combined ? NULL : related_to(about)),
               F("note", STR(cut)));
}

void events_emit(struct events *events, const struct events_about *about, const char *type,
                 const char *reason, const char *action, const char *note)
{
    AUTO_FREE char *related =
        about->related_kind ? xasprintf("%s %s", about->related_kind->kind, about->related_name)
                            : xstrdup("");
    const struct eventcache_event event = {.uid = object_uid(about->object),
                                           .ns = object_namespace(about->object),
                                           .name = object_name(about->object),
                                           .type = type,
                                           .reason = reason,
                                           .action = action,
                                           .related = related,
                                           .note = note};
    const struct eventcache_series *series = NULL;
    switch (eventcache_add(events->cache, &event, now_ms(), now_wall_us(), &series)) {
    case EVENTCACHE_LEAVE:
        break;
    case EVENTCACHE_CREATE:
        send(events, series, true, make(events, about, &event, series, note));
        break;
    case EVENTCACHE_UPDATE:
        write_count(events, series);
        break;
    }
}
