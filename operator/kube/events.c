/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/events.h"

#include "base/log.h"
#include "base/now.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#define SERIES_MAX        1000
#define SERIES_IDLE_MS    (6 * 60 * 1000)
#define SERIES_REFRESH_MS (30 * 60 * 1000)
#define SWEEP_MS          (60 * 1000)
#define PENDING_MAX       1000

/* One event and its repetitions. */
struct series {
    UT_hash_handle hh;
    char *ns;
    char *name; /* of the Event object */
    int64_t count;
    int64_t last_seen;    /* ms, monotonic */
    int64_t last_written; /* ms, monotonic; 0: not since the first */
    char key[];
};

struct sending {
    struct sending *prev, *next;
    struct events *events;
    struct kube_call *call;
};

struct events {
    struct loop_timer *sweep;
    struct kube *kube;
    char *controller;
    char *instance;
    struct series *series;
    struct sending *sending;
    size_t pending;
};

static void free_series(struct events *events, struct series *s)
{
    HASH_DEL(events->series, s);
    free(s->ns);
    free(s->name);
    free(s);
}

static void sweep(void *arg)
{
    struct events *events = arg;
    int64_t now = now_ms();
    struct series *s, *next;
    HASH_ITER (hh, events->series, s, next)
        if (now - s->last_seen > SERIES_IDLE_MS)
            free_series(events, s);
    loop_timer_start(events->sweep, SWEEP_MS);
}

struct events *events_new(struct loop *loop, struct kube *kube, const char *controller,
                          const char *instance)
{
    struct events *events = xcalloc(1, sizeof(*events));
    events->kube = kube;
    events->controller = xstrdup(controller);
    events->instance = xstrdup(instance);
    events->sweep = loop_timer_new(loop, sweep, events);
    loop_timer_start(events->sweep, SWEEP_MS);
    return events;
}

void events_free(struct events *events)
{
    if (!events)
        return;
    struct sending *sending, *next_sending;
    DL_FOREACH_SAFE(events->sending, sending, next_sending)
    {
        kube_cancel(sending->call);
        free(sending);
    }
    struct series *s, *next;
    HASH_ITER (hh, events->series, s, next)
        free_series(events, s);
    loop_timer_free(events->sweep);
    free(events->controller);
    free(events->instance);
    free(events);
}

static void sent(void *arg, const struct kube_reply *reply)
{
    struct sending *sending = arg;
    if (reply->err.kind) /* nobody waits for an event; what it tells is in the status, too */
        LOG_DEBUG("event not taken", LS("err", reply->err.msg));
    DL_DELETE(sending->events->sending, sending);
    sending->events->pending--;
    free(sending);
}

static void send(struct events *events, enum kube_verb verb, const struct series *s,
                 const json_t *body)
{
    if (events->pending >= PENDING_MAX)
        return;
    struct sending *sending = xcalloc(1, sizeof(*sending));
    sending->events = events;
    DL_APPEND(events->sending, sending);
    events->pending++;
    struct kube_request request = {.verb = verb,
                                   .kind = &object_event,
                                   .ns = s->ns,
                                   .name = verb == KUBE_CREATE ? NULL : s->name,
                                   .body = body,
                                   .background = true};
    sending->call = kube_call(events->kube, &request, sent, sending);
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

static void repeat(struct events *events, struct series *s)
{
    int64_t now = now_ms();
    s->count++;
    s->last_seen = now;
    if (s->last_written && now - s->last_written < SERIES_REFRESH_MS)
        return;
    s->last_written = now ? now : 1;
    char time[NOW_TIME_LEN];
    now_format_microtime(now_wall_us(), time);
    json_auto_t *patch =
        OBJ(F("series", OBJ(F("count", INT(s->count)), F("lastObservedTime", STR(time)))));
    send(events, KUBE_PATCH, s, patch);
}

static struct series *new_series(struct events *events, const char *key, const json_t *object)
{
    if (HASH_COUNT(events->series) >= SERIES_MAX)
        free_series(events, events->series); /* the oldest: uthash keeps the order of insertion */
    struct series *s = xcalloc(1, sizeof(*s) + strlen(key) + 1);
    memcpy(s->key, key, strlen(key) + 1);
    const char *ns = object_namespace(object);
    s->ns = xstrdup(ns[0] ? ns : "default");
    s->name =
        xasprintf("%.200s.%llx", object_name(object), (unsigned long long)now_wall_us() * 1000);
    s->count = 1;
    s->last_seen = now_ms();
    HASH_ADD_STR(events->series, key, s);
    return s;
}

void events_emit(struct events *events, const struct events_about *about, const char *type,
                 const char *reason, const char *action, const char *note)
{
    AUTO_FREE char *key = xasprintf("%s %s %s %s %s %s",
                                    object_uid(about->object),
                                    type,
                                    reason,
                                    action,
                                    about->related_kind ? about->related_kind->kind : "",
                                    about->related_kind ? about->related_name : "");
    struct series *s;
    HASH_FIND_STR(events->series, key, s);
    if (s) {
        repeat(events, s);
        return;
    }
    s = new_series(events, key, about->object);
    char time[NOW_TIME_LEN];
    now_format_microtime(now_wall_us(), time);
    struct err cut; /* cuts long text at a character */
    err_set(&cut, ERR_NONE, "%s", note);
    json_auto_t *body = OBJ(F("apiVersion", object_api_version(&object_event)),
                            F("kind", STR(object_event.kind)),
                            F("metadata", OBJ(F("name", STR(s->name)), F("namespace", STR(s->ns)))),
                            F("eventTime", STR(time)),
                            F("type", STR(type)),
                            F("reason", STR(reason)),
                            F("action", STR(action)),
                            F("reportingController", STR(events->controller)),
                            F("reportingInstance", STR(events->instance)),
                            F("regarding", reference_to(about)),
                            FOPT("related", related_to(about)),
                            F("note", STR(cut.msg)));
    send(events, KUBE_CREATE, s, body);
}
