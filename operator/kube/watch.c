/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/watch.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/now.h"
#include "base/rnd.h"
#include "kube/apistatus.h"
#include "kube/backoff.h"
#include "kube/decode.h"
#include "kube/lines.h"
#include "kube/pages.h"
#include "kube/path.h"
#include "kube/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum phase {
    PHASE_WAITING,  /* for the next attempt */
    PHASE_LISTING,  /* fallback: a list, then PHASE_WATCHING */
    PHASE_SYNCING,  /* a watch that begins with all objects (KEP-3157), before their end */
    PHASE_WATCHING, /* changes only */
};

struct watch {
    struct session *session;
    const struct kube_timing *timing;
    const struct object_kind *kind;
    struct kube_scope scope;
    const struct watch_sink *sink;
    void *arg;
    bool busy, freed; /* watch_free() from a callback of the sink is done when that returned */

    enum phase phase;
    struct session_call *call; /* a watch */
    struct pages *pages;       /* or a list */
    struct loop_timer *timer;  /* the next attempt, or the guard of this one */
    char *version;             /* resource version to go on from; NULL: everything anew */

    /* What was learnt from earlier attempts. */
    bool no_initial_events; /* the server does not do PHASE_SYNCING */
    bool silent;            /* a watch gave no byte until it was given up */
    char *bad_version;      /* an event after this version could not be read; "": at the start */
    struct backoff backoff;
    bool relisted; /* at once, for a version that was too old; not twice until all is well */
    bool troubled; /* the sink was told of `trouble` */
    struct err trouble;

    /* The attempt under way. */
    int64_t started_ms;
    bool answered; /* the headers of a good answer came */
    bool heard;    /* it brought a line */
    bool moved;    /* it brought a change */
    struct lines lines;
    json_t *held; /* array: deleted before PHASE_SYNCING ended */
};

static void set_text(char **to, const char *text)
{
    free(*to);
    *to = xstrdup(text);
}

static void set_failure(struct err *err, const char *reason, const char *message)
{
    err_set(err, ERR_UNAVAILABLE, "%s", message);
    snprintf(err->reason, sizeof(err->reason), "%s", reason);
}

static void report(struct watch *watch, const struct err *err)
{
    const struct err *old = &watch->trouble;
    if (watch->freed || (!err && !watch->troubled))
        return;
    if (err && watch->troubled && old->kind == err->kind && old->http == err->http &&
        strcmp(old->reason, err->reason) == 0)
        return;
    watch->troubled = err != NULL;
    if (err)
        watch->trouble = *err;
    watch->sink->state(watch->arg, err);
}

/* Puts the attempt away; what is learnt stays. */
static void clear_attempt(struct watch *watch)
{
    if (watch->call)
        session_cancel(TAKE(watch->call));
    pages_free(TAKE(watch->pages));
    loop_timer_stop(watch->timer);
    lines_done(&watch->lines);
    watch->answered = watch->heard = watch->moved = false;
    json_decref(TAKE(watch->held));
    watch->phase = PHASE_WAITING;
}

static void wait_for(struct watch *watch, int64_t delay_ms)
{
    clear_attempt(watch);
    loop_timer_start(watch->timer, delay_ms);
}

static void wait_after(struct watch *watch, const struct err *err)
{
    wait_for(watch, backoff_after(&watch->backoff, err));
    report(watch, err);
}

/* The stream ended without a word: at the agreed time, or because something on the way broke. */
static void stream_ended(struct watch *watch, const struct err *err)
{
    int64_t left_ms = watch->started_ms + watch->timing->short_watch - now_ms();
    bool lost = strcmp(err->reason, "Timeout") == 0 && !watch->heard;
    /* A version of the future, after a restored backup, gives such a watch again and again. */
    if (lost && watch->silent)
        set_text(&watch->version, NULL);
    watch->silent = lost && watch->version;
    if (left_ms <= 0 || watch->moved) {
        wait_for(watch, left_ms > 0 ? left_ms : 0);
        return;
    }
    struct err reason = *err;
    if (reason.kind == ERR_NONE)
        set_failure(&reason, "ShortWatch", "the watch ended as soon as it had begun");
    wait_after(watch, &reason);
}

/* Whether the version is of no use after this error. */
static bool starts_over(const struct watch *watch, const struct err *err)
{
    if (watch->answered && err->http >= 400) /* told within the stream */
        return err->kind != ERR_THROTTLED;
    switch (err->kind) {
    case ERR_GONE:
    case ERR_NOT_FOUND:
    case ERR_INVALID:
    case ERR_CONFLICT:
        return true;
    case ERR_UNAVAILABLE:
        return strcmp(err->reason, "ResourceVersionTooLarge") == 0;
    case ERR_NONE:
    case ERR_THROTTLED:
    case ERR_DENIED:
    case ERR_INTERNAL:
        return false;
    }
    return false;
}

/* The attempt is over; err of kind ERR_NONE: the stream came to its end. */
static void ended(struct watch *watch, const struct err *err)
{
    enum phase phase = watch->phase;
    bool open = phase == PHASE_WATCHING && watch->answered;
    if (open && now_ms() - watch->started_ms >= watch->timing->stable) {
        watch->backoff.step_ms = 0;
        watch->relisted = false;
    }
    if (phase == PHASE_SYNCING && !watch->answered && err->kind == ERR_INVALID) {
        watch->no_initial_events = true; /* the server does not know the parameter */
        wait_for(watch, 0);
    } else if (open &&
               (err->kind == ERR_NONE || (err->kind == ERR_UNAVAILABLE && err->http < 400))) {
        stream_ended(watch, err);
    } else if (err->kind == ERR_NONE) {
        struct err early;
        set_failure(&early, "ShortWatch", "the watch ended before its initial events");
        wait_after(watch, &early);
    } else {
        if (starts_over(watch, err))
            set_text(&watch->version, NULL);
        /* A version that is too old is everyday, as after an outage; the next one is a fault. */
        if (err->kind == ERR_GONE && phase == PHASE_WATCHING && !watch->relisted) {
            watch->relisted = true;
            wait_for(watch, 0);
        } else {
            wait_after(watch, err);
        }
    }
}

/*
 * A change that overtook the end of the initial events. A deletion waits for it, since until then
 * the sink only collects; an object that came back takes its deletion back.
 */
static void hold_deleted(struct watch *watch, json_t *object, bool deleted)
{
    size_t i;
    json_t *other;
    json_array_foreach (watch->held, i, other)
        if (object_has_same_name(object, other))
            break;
    json_array_remove(watch->held, i);
    if (!deleted)
        return;
    if (!watch->held)
        watch->held = json_array();
    json_array_append(watch->held, object);
}

static void initial_events_end(struct watch *watch, const char *version)
{
    json_auto_t *held = TAKE(watch->held);
    set_text(&watch->version, version[0] ? version : NULL);
    watch->phase = PHASE_WATCHING;
    loop_timer_stop(watch->timer);
    watch->sink->synced(watch->arg);
    size_t i;
    json_t *object;
    json_array_foreach (held, i, object)
        if (!watch->freed)
            watch->sink->deleted(watch->arg, object);
    report(watch, NULL);
}

/* Whether it is an object of the kind that was asked for; a Table, for example, is not. */
static bool is_ours(const struct watch *watch, const json_t *object)
{
    const char *kind = watch->scope.metadata_only ? SESSION_METADATA : watch->kind->kind;
    if (object_name(object)[0] && strcmp(jx_str(object, "kind", ""), kind) == 0)
        return true;
    LOG_DEBUG("object of another kind in a watch", LS("kind", watch->kind->kind));
    return false;
}

static void on_change(struct watch *watch, const struct decode_event *event)
{
    const char *version = object_resource_version(event->object);
    if (event->type == DECODE_BOOKMARK) {
        if (watch->phase == PHASE_SYNCING && event->initial_end)
            initial_events_end(watch, version);
        else if (watch->phase == PHASE_WATCHING && version[0])
            set_text(&watch->version, version);
        return;
    }
    if (!is_ours(watch, event->object))
        return;
    bool deleted = event->type == DECODE_DELETED;
    if (watch->phase == PHASE_SYNCING)
        hold_deleted(watch, event->object, deleted);
    else
        report(watch, NULL);
    if (!deleted && !watch->freed)
        watch->sink->object(watch->arg, event->object);
    else if (watch->phase == PHASE_WATCHING)
        watch->sink->deleted(watch->arg, event->object);
    /* The initial events are in no order of versions. */
    if (watch->phase != PHASE_WATCHING || !version[0])
        return;
    watch->moved = watch->moved || !watch->version || strcmp(version, watch->version) != 0;
    set_text(&watch->version, version);
}

/*
 * An event that cannot be read may have been damaged on the way: from the last version, again. When
 * it comes again it is so: left out, it must not keep us from the others.
 */
static void on_bad_line(struct watch *watch, const struct err *err)
{
    const char *version = watch->version ? watch->version : "";
    if (watch->bad_version && strcmp(watch->bad_version, version) == 0) {
        LOG_DEBUG("unreadable event left out", LS("kind", watch->kind->kind), LS("err", err->msg));
        return;
    }
    set_text(&watch->bad_version, version);
    ended(watch, err);
}

static void on_line(struct watch *watch, const char *line, size_t len)
{
    struct decode_event event;
    struct err err;
    if (len == 0)
        return;
    bool whole = watch->phase == PHASE_SYNCING || session_keeps_managers(watch->session);
    if (decode_event(line, len, whole, &event, &err) < 0) {
        on_bad_line(watch, &err);
        return;
    }
    json_auto_t *object = event.object;
    watch->heard = true;
    if (event.type == DECODE_ERROR) {
        (void)apistatus_set_object_error(object, &err);
        ended(watch, &err);
    } else if (event.type != DECODE_UNKNOWN) {
        on_change(watch, &event);
    }
}

/* The sink's callbacks, and what a line leads to, end the attempt or the watch under our feet. */
static bool goes_on(const struct watch *watch)
{
    return !watch->freed && watch->phase != PHASE_WAITING;
}

static void leave(struct watch *watch)
{
    watch->busy = false;
    if (watch->freed)
        watch_free(watch);
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct watch *watch = arg;
    const char *line = NULL;
    size_t line_len = 0;
    struct err err;
    int more = 1;
    watch->busy = true;
    lines_feed(&watch->lines, data, len);
    while (goes_on(watch) && (more = lines_next(&watch->lines, &line, &line_len, &err)) > 0)
        on_line(watch, line, line_len);
    if (more < 0)
        ended(watch, &err);
    if (goes_on(watch) && (watch->phase == PHASE_SYNCING || watch->lines.partial.len))
        loop_timer_start(watch->timer, watch->timing->sync_quiet);
    leave(watch);
}

static void on_start(void *arg)
{
    struct watch *watch = arg;
    watch->busy = true;
    watch->answered = true;
    if (watch->phase == PHASE_SYNCING) {
        loop_timer_start(watch->timer, watch->timing->sync_quiet);
        watch->sink->begin(watch->arg);
    } else {
        loop_timer_start(watch->timer, watch->timing->settled);
    }
    leave(watch);
}

static void attempt(struct watch *watch);

static void on_list_begin(void *arg)
{
    struct watch *watch = arg;
    watch->busy = true;
    watch->sink->begin(watch->arg);
    leave(watch);
}

static void on_list_item(void *arg, json_t *object)
{
    struct watch *watch = arg;
    watch->busy = true;
    watch->sink->object(watch->arg, object);
    leave(watch);
}

static void on_list_done(void *arg, const char *version, const struct err *err)
{
    struct watch *watch = arg;
    watch->busy = true;
    if (version) {
        set_text(&watch->version, version);
        clear_attempt(watch);
        watch->sink->synced(watch->arg);
        report(watch, NULL);
        if (!watch->freed)
            attempt(watch);
    } else {
        ended(watch, err);
    }
    leave(watch);
}

static void on_done(void *arg, const struct session_reply *reply)
{
    struct watch *watch = arg;
    watch->busy = true;
    watch->call = NULL;
    ended(watch, &reply->err);
    leave(watch);
}

static int add_target(const struct watch *watch, struct strbuf *out, int64_t end_ms,
                      struct err *err)
{
    AUTO_FREE char *seconds = xasprintf("%d", (int)(end_ms / 1000));
    if (path_add(out, watch->kind, watch->scope.ns, NULL, NULL, err) < 0)
        return -1;
    path_add_query(out, "watch", "1");
    path_add_query(out, "allowWatchBookmarks", "true");
    path_add_query(out, "timeoutSeconds", seconds);
    path_add_query(out, "labelSelector", watch->scope.labels);
    path_add_query(out, "fieldSelector", watch->scope.fields);
    path_add_query(out, "resourceVersion", watch->version);
    if (watch->phase == PHASE_SYNCING) {
        path_add_query(out, "sendInitialEvents", "true");
        path_add_query(out, "resourceVersionMatch", "NotOlderThan");
    }
    return out->failed ? err_set(err, ERR_INVALID, "the URL is too long") : 0;
}

static int start_watch(struct watch *watch, struct err *err)
{
    const struct kube_timing *timing = watch->timing;
    int64_t end_ms = rnd_between(timing->watch_min, timing->watch_max);
    AUTO_STRBUF struct strbuf target = STRBUF_INIT(LIMIT_URL);
    if (add_target(watch, &target, end_ms, err) < 0)
        return -1;
    loop_timer_start(watch->timer, timing->answer);
    watch->call = session_send(watch->session,
                               &(const struct session_request){
                                   .method = "GET",
                                   .target = target.text,
                                   .as = watch->scope.metadata_only ? SESSION_METADATA : NULL,
                                   .total_ms = (int)end_ms + timing->grace,
                                   .idle_ms = timing->silence,
                                   .on_start = on_start,
                                   .on_data = on_data,
                                   .done = on_done,
                                   .arg = watch,
                               });
    return 0;
}

static int start_list(struct watch *watch, struct err *err)
{
    static const struct pages_events events = {
        .begin = on_list_begin, .item = on_list_item, .done = on_list_done};
    watch->pages = pages_new(watch->session, watch->kind, &watch->scope, &events, watch, err);
    return watch->pages ? 0 : -1;
}

static void attempt(struct watch *watch)
{
    struct err err;
    watch->started_ms = now_ms();
    if (watch->version)
        watch->phase = PHASE_WATCHING;
    else
        watch->phase = watch->no_initial_events ? PHASE_LISTING : PHASE_SYNCING;
    if ((watch->phase == PHASE_LISTING ? start_list : start_watch)(watch, &err) < 0)
        wait_after(watch, &err);
}

static void on_time(void *arg)
{
    struct watch *watch = arg;
    struct err err;
    watch->busy = true;
    if (watch->phase == PHASE_WAITING) {
        attempt(watch);
    } else if (!watch->answered) {
        set_failure(&err, "Timeout", "no answer to the watch");
        wait_after(watch, &err);
    } else if (watch->lines.partial.len) {
        set_failure(&err, "Timeout", "an event stopped in the middle");
        ended(watch, &err);
    } else if (watch->phase == PHASE_SYNCING) {
        /* An old server ignores the parameter: all objects came, but no end of them. */
        watch->no_initial_events = true;
        wait_for(watch, 0);
    } else {
        report(watch, NULL);
    }
    leave(watch);
}

struct watch *watch_new(struct kube *kube, const struct object_kind *kind,
                        const struct kube_scope *scope, const struct watch_sink *sink, void *arg)
{
    struct watch *watch = xcalloc(1, sizeof(*watch));
    *watch = (struct watch){.session = kube_session(kube), .kind = kind, .sink = sink, .arg = arg};
    watch->timing = session_timing(watch->session);
    watch->backoff = (struct backoff){.min_ms = watch->timing->backoff_min,
                                      .max_ms = watch->timing->backoff_max,
                                      .unauthorized_ms = watch->timing->unauthorized};
    kube_scope_copy(scope, &watch->scope);
    lines_init(&watch->lines, LIMIT_WATCH_LINE);
    watch->timer = loop_timer_new(session_loop(watch->session), on_time, watch);
    loop_timer_start(watch->timer, 0);
    return watch;
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    watch->freed = true;
    clear_attempt(watch);
    if (watch->busy)
        return;
    loop_timer_free(watch->timer);
    free(watch->version);
    free(watch->bad_version);
    kube_scope_done(&watch->scope);
    free(watch);
}
