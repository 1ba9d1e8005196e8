/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking to a Kubernetes API server: one generic request over json_t, for every kind and verb.
 *
 * Every call is asynchronous. `done` runs exactly once, never before kube_call() returned, never
 * after kube_cancel(). There are no retries in here: what to do about an error is decided by
 * whoever asked. Calls wait in a queue (first in, first out, but the background last) while
 * `max_inflight` of them are on their way, three quarters of that for the background; watches do
 * not count.
 */
#pragma once

#include "base/err.h"
#include "data/object.h"
#include "net/loop.h"

struct credentials;
struct kube;
struct kube_call;
struct session;

/* In milliseconds; other values than kube_timing_default are for tests. */
struct kube_timing {
    int connect;
    int request;     /* one call, from the start of the connection to the last byte */
    int answer;      /* a watch: until the headers of the answer */
    int list_idle;   /* a page of a list: without a byte */
    int sync_quiet;  /* a watch: without a byte, in an event or before the initial ones end */
    int silence;     /* a watch: without a byte; bookmarks come every minute, or every other */
    int grace;       /* a watch: beyond the end that was agreed with the server */
    int settled;     /* a watch: open for so long, it is taken for good */
    int short_watch; /* a watch that ends sooner without news has failed */
    int stable;      /* a watch that lives as long was well: back-off starts anew */
    int backoff_min, backoff_max;
    int unauthorized;         /* a watch: the longest back-off after a 401 */
    int watch_min, watch_max; /* a watch ends after a random time between them; whole seconds */
};

extern const struct kube_timing kube_timing_default;

struct kube_options {
    int max_inflight;
    const char *user_agent;
    bool http2; /* see net/http.h */
    /* A text of a Warning header, each distinct one once; may be NULL. */
    void (*warning)(void *arg, const char *text);
    void *warning_arg;
    const struct kube_timing *timing; /* NULL: kube_timing_default; must outlive the client */
};

enum kube_verb {
    KUBE_GET,
    KUBE_APPLY,  /* server-side apply, force; body: the whole intent */
    KUBE_PATCH,  /* JSON merge patch (RFC 7386) */
    KUBE_CREATE, /* POST to the collection */
    KUBE_UPDATE, /* PUT; body: the object as it was read, changed: fails if it has changed since */
    KUBE_DELETE, /* background propagation */
};

struct kube_request {
    enum kube_verb verb;
    const struct object_kind *kind;
    const char *ns;          /* NULL: cluster-scoped, or across namespaces */
    const char *name;        /* NULL with KUBE_GET: the list of all; with KUBE_CREATE: always */
    const char *subresource; /* NULL or "status", … */
    const char *labels;      /* KUBE_GET of a list: label selector, NULL = all */
    const json_t *body;      /* borrowed for the time of kube_call() */
    const char *manager;     /* field manager: KUBE_APPLY (required), KUBE_PATCH, KUBE_CREATE */
    const char *uid;         /* KUBE_DELETE: precondition, NULL = none */
    bool dry_run;
    bool background; /* may wait until all others have been sent */
};

/* Which objects of a kind; NULL: no matter which. */
struct kube_scope {
    const char *ns;
    const char *labels; /* label selector */
    const char *fields; /* field selector */
    bool metadata_only; /* objects come as PartialObjectMetadata */
};

/* A scope with texts of its own, to be ended. */
void kube_scope_copy(const struct kube_scope *scope, struct kube_scope *ret);
void kube_scope_done(struct kube_scope *scope);

struct kube_reply {
    int http;       /* status of the answer, 0 = none came */
    json_t *object; /* borrowed; NULL on failure; metadata.managedFields only after KUBE_GET */
    struct err err; /* kind ERR_NONE on success */
};

typedef void kube_done(void *arg, const struct kube_reply *reply);

/* credentials: borrowed, must outlive the client. */
struct kube *kube_new(struct loop *loop, struct credentials *credentials,
                      const struct kube_options *options, struct err *err) MUST_CHECK;
/* All calls and watches must have ended or been cancelled. */
void kube_free(struct kube *kube);

/* Borrowed until `done` returned or kube_cancel. Never NULL: what is wrong comes to `done`. */
struct kube_call *kube_call(struct kube *kube, const struct kube_request *request, kube_done *done,
                            void *arg);
void kube_cancel(struct kube_call *call);
/*
 * The fence of a process that may lose the right to write: `may_write` is asked right before a
 * request that writes leaves, after all waiting for a turn, credentials and a connection. False: it
 * fails with the reason "NotSent". May not cancel or free anything. NULL: no fence.
 *
 * A request that has left is out of its reach: what is on its way when the process stops is
 * cancelled with it, see kube_abandon().
 */
void kube_set_fence(struct kube *kube, bool (*may_write)(void *arg), void *arg);
/*
 * Whether watches give metadata.managedFields with every object: for a process that looks on while
 * another one writes. Costs the reading of as much again.
 */
void kube_keep_managers(struct kube *kube, bool keep);
/*
 * Before kube_free() of a process that lost the right to write: its connections are reset, so that
 * the kernel does not deliver later what a broken network has held back.
 */
void kube_abandon(struct kube *kube);
/* For files of kube/ only. */
struct session *kube_session(struct kube *kube);
