/* SPDX-License-Identifier: Apache-2.0 */
#include "control/mirror.h"

#include "control/watchlog.h"
#include "kube/watch.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct kept {
    UT_hash_handle hh;
    json_t *value;
    bool seen; /* since the watch began its present full set */
    char key[];
};

struct mirror {
    struct mirror_options options;
    struct watch *watch;
    struct loop_timer *tell; /* `changed`, on the next turn of the loop */
    struct kept *kept;
    bool complete;
    struct err trouble;
};

/* "namespace/name"; of what is cluster-scoped, "/name". */
static char *key_of(const char *ns, const char *name)
{
    return xasprintf("%s/%s", ns ? ns : "", name);
}

static void tell(struct mirror *mirror)
{
    loop_timer_start(mirror->tell, 0);
}

static void forget(struct mirror *mirror, struct kept *kept)
{
    HASH_DEL(mirror->kept, kept);
    json_decref(kept->value);
    free(kept);
    tell(mirror);
}

static struct kept *find(const struct mirror *mirror, const json_t *object)
{
    AUTO_FREE char *key = key_of(object_namespace(object), object_name(object));
    struct kept *kept;
    HASH_FIND_STR(mirror->kept, key, kept);
    return kept;
}

static struct kept *add(struct mirror *mirror, const json_t *object)
{
    AUTO_FREE char *key = key_of(object_namespace(object), object_name(object));
    struct kept *kept = xcalloc(1, sizeof(*kept) + strlen(key) + 1);
    memcpy(kept->key, key, strlen(key) + 1);
    HASH_ADD_STR(mirror->kept, key, kept);
    return kept;
}

static void on_begin(void *arg)
{
    struct mirror *mirror = arg;
    struct kept *kept, *next;
    HASH_ITER (hh, mirror->kept, kept, next)
        kept->seen = false;
}

static void on_object(void *arg, json_t *object)
{
    struct mirror *mirror = arg;
    struct kept *kept = find(mirror, object);
    json_auto_t *value = mirror->options.distil(object);
    if (!value) {
        if (kept)
            forget(mirror, kept);
        return;
    }
    if (!kept)
        kept = add(mirror, object);
    kept->seen = true;
    if (jx_equal(kept->value, value))
        return;
    json_decref(kept->value);
    kept->value = TAKE(value);
    tell(mirror);
}

static void on_deleted(void *arg, json_t *object)
{
    struct mirror *mirror = arg;
    struct kept *kept = find(mirror, object);
    if (kept)
        forget(mirror, kept);
}

static void on_synced(void *arg)
{
    struct mirror *mirror = arg;
    struct kept *kept, *next;
    HASH_ITER (hh, mirror->kept, kept, next)
        if (!kept->seen)
            forget(mirror, kept);
    if (!mirror->complete)
        tell(mirror);
    mirror->complete = true;
}

static void on_state(void *arg, const struct err *err)
{
    struct mirror *mirror = arg;
    mirror->trouble = err ? *err : (struct err){.kind = ERR_NONE};
    if (err)
        watchlog_interrupted(mirror->options.kind, mirror->options.scope.ns, err);
    if (!mirror->complete)
        tell(mirror);
}

static const struct watch_sink sink = {
    .begin = on_begin,
    .object = on_object,
    .deleted = on_deleted,
    .synced = on_synced,
    .state = on_state,
};

static void on_tell(void *arg)
{
    struct mirror *mirror = arg;
    mirror->options.changed(mirror->options.arg);
}

struct mirror *mirror_new(struct loop *loop, const struct mirror_options *options)
{
    struct mirror *mirror = xcalloc(1, sizeof(*mirror));
    mirror->options = *options;
    kube_scope_copy(&options->scope, &mirror->options.scope);
    mirror->tell = loop_timer_new(loop, on_tell, mirror);
    mirror->watch = watch_new(options->kube, options->kind, &options->scope, &sink, mirror);
    return mirror;
}

void mirror_free(struct mirror *mirror)
{
    if (!mirror)
        return;
    watch_free(mirror->watch);
    loop_timer_free(mirror->tell);
    struct kept *kept, *next;
    HASH_ITER (hh, mirror->kept, kept, next) {
        HASH_DEL(mirror->kept, kept);
        json_decref(kept->value);
        free(kept);
    }
    kube_scope_done(&mirror->options.scope);
    free(mirror);
}

enum mirror_state mirror_state(const struct mirror *mirror)
{
    if (mirror->complete)
        return MIRROR_READY;
    enum err_kind kind = mirror->trouble.kind;
    return kind == ERR_DENIED || kind == ERR_NOT_FOUND ? MIRROR_REFUSED : MIRROR_FILLING;
}

const struct err *mirror_trouble(const struct mirror *mirror)
{
    return &mirror->trouble;
}

const json_t *mirror_find(const struct mirror *mirror, const char *ns, const char *name)
{
    AUTO_FREE char *key = key_of(ns, name);
    struct kept *kept;
    HASH_FIND_STR(mirror->kept, key, kept);
    return kept ? kept->value : NULL;
}

bool mirror_each(const struct mirror *mirror,
                 bool (*each)(void *arg, const char *key, const json_t *kept), void *arg)
{
    struct kept *kept, *next;
    HASH_ITER (hh, mirror->kept, kept, next)
        if (!each(arg, kept->key, kept->value))
            return false;
    return true;
}
