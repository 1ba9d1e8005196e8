/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/pages.h"

#include "base/limits.h"
#include "base/log.h"
#include "kube/decode.h"
#include "kube/items.h"
#include "kube/path.h"

#include <stdlib.h>

#define PAGE_SIZE "500"

struct pages {
    struct session *session;
    const struct object_kind *kind;
    struct kube_scope scope;
    const struct pages_events *events;
    void *arg;
    struct session_call *call;
    struct items items;
    char *version; /* of the first page: what the others hold may be as old */
    char *token;   /* of the next page */
    bool whole;    /* no pages: a token expired */
    bool busy, freed;
};

static void finish(struct pages *pages, const char *version, const struct err *err)
{
    items_done(&pages->items);
    pages->events->done(pages->arg, version, err);
}

static void on_item(struct pages *pages, const char *text, size_t len)
{
    json_auto_t *object = decode_json(text, len, NULL);
    if (object_name(object)[0] == '\0') {
        LOG_DEBUG("unreadable object of a list left out", LS("kind", pages->kind->kind));
        return;
    }
    /* The items of a list do not say what they are. */
    json_object_set_new(object, "apiVersion", object_api_version(pages->kind));
    json_object_set_new(object, "kind", STR(pages->kind->kind));
    pages->events->item(pages->arg, object);
}

static void leave(struct pages *pages)
{
    pages->busy = false;
    if (pages->freed)
        pages_free(pages);
}

static void on_start(void *arg)
{
    struct pages *pages = arg;
    pages->busy = true;
    if (!pages->version)
        pages->events->begin(pages->arg);
    leave(pages);
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct pages *pages = arg;
    const char *item = NULL;
    size_t item_len = 0;
    struct err err;
    int more = 1;
    pages->busy = true;
    items_feed(&pages->items, data, len);
    while (!pages->freed && (more = items_next(&pages->items, &item, &item_len, &err)) > 0)
        on_item(pages, item, item_len);
    if (more < 0) {
        session_cancel(TAKE(pages->call));
        finish(pages, NULL, &err);
    }
    leave(pages);
}

static int send_next(struct pages *pages, struct err *err);

static int on_page(struct pages *pages, struct err *err)
{
    json_auto_t *list = decode_json(pages->items.rest.text, pages->items.rest.len, err);
    const char *version = jx_str(list, "metadata.resourceVersion", "");
    const char *token = jx_str(list, "metadata.continue", "");
    if (version[0] == '\0')
        return err_set(err, ERR_INTERNAL, "not a list of %s", pages->kind->resource);
    if (!pages->version)
        pages->version = xstrdup(version);
    free(pages->token);
    pages->token = token[0] ? xstrdup(token) : NULL;
    if (pages->token)
        return send_next(pages, err);
    finish(pages, pages->version, NULL);
    return 0;
}

static void on_done(void *arg, const struct session_reply *reply)
{
    struct pages *pages = arg;
    struct err err = reply->err;
    int result = -1;
    pages->busy = true;
    pages->call = NULL;
    if (err.kind == ERR_NONE) {
        result = on_page(pages, &err);
    } else if (err.kind == ERR_GONE && pages->token) {
        pages->whole = true;
        free(TAKE(pages->token));
        free(TAKE(pages->version));
        result = send_next(pages, &err);
    }
    if (result < 0)
        finish(pages, NULL, &err);
    leave(pages);
}

static int send_next(struct pages *pages, struct err *err)
{
    AUTO_STRBUF struct strbuf target = STRBUF_INIT(LIMIT_URL);
    if (path_add(&target, pages->kind, pages->scope.ns, NULL, NULL, err) < 0)
        return -1;
    path_add_query(&target, "labelSelector", pages->scope.labels);
    path_add_query(&target, "fieldSelector", pages->scope.fields);
    path_add_query(&target, "limit", pages->whole ? NULL : PAGE_SIZE);
    path_add_query(&target, "continue", pages->token);
    if (target.failed)
        return err_set(err, ERR_INVALID, "the URL is too long");
    items_done(&pages->items);
    items_init(&pages->items, LIMIT_RESPONSE_BODY);
    pages->call = session_send(pages->session,
                               &(const struct session_request){
                                   .method = "GET",
                                   .target = target.text,
                                   .as = pages->scope.metadata_only ? SESSION_METADATA_LIST : NULL,
                                   .gzip = true,
                                   .idle_ms = session_timing(pages->session)->list_idle,
                                   .on_start = on_start,
                                   .on_data = on_data,
                                   .done = on_done,
                                   .arg = pages,
                               });
    return 0;
}

struct pages *pages_new(struct session *session, const struct object_kind *kind,
                        const struct kube_scope *scope, const struct pages_events *events,
                        void *arg, struct err *err)
{
    struct pages *pages = xcalloc(1, sizeof(*pages));
    pages->session = session;
    pages->kind = kind;
    pages->scope = *scope;
    pages->events = events;
    pages->arg = arg;
    if (send_next(pages, err) == 0)
        return pages;
    pages_free(pages);
    return NULL;
}

void pages_free(struct pages *pages)
{
    if (!pages)
        return;
    pages->freed = true;
    if (pages->call)
        session_cancel(TAKE(pages->call));
    if (pages->busy)
        return;
    items_done(&pages->items);
    free(pages->version);
    free(pages->token);
    free(pages);
}
