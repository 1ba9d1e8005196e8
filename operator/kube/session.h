/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to one API server: adds who we are to each request and makes one struct err of
 * all that can go wrong with the answer. What is sent and what the answer means is the caller's.
 * For files of kube/ only.
 *
 * `done` runs exactly once, never before session_send() returned, never after session_cancel().
 */
#pragma once

#include "kube/kube.h"

struct session_call;

struct session_reply {
    int http;         /* 0: no answer came */
    const char *body; /* never NULL; of a good answer that was not streamed */
    size_t len;
    struct err err; /* ERR_NONE: 2xx with JSON */
};

/* Kinds of meta.k8s.io: one object, and a list; a server refuses either for the other. */
#define SESSION_METADATA      "PartialObjectMetadata"
#define SESSION_METADATA_LIST "PartialObjectMetadataList"

struct session_request {
    const char *method;
    const char *target;
    const char *content_type; /* of the body, or NULL */
    char *body;               /* taken; or NULL */
    const char *as;           /* the kind of meta.k8s.io to get it as; NULL: as it is */
    bool secret;              /* as in net/http.h */
    bool gzip;
    int total_ms, idle_ms; /* as in net/http.h */
    size_t max_body;

    bool (*may_send)(void *arg); /* as in net/http.h */

    /* Of a good answer only; NULL: collected for `done`. */
    void (*on_start)(void *arg);
    void (*on_data)(void *arg, const char *data, size_t len);
    void (*done)(void *arg, const struct session_reply *reply);
    void *arg;
};

struct session *session_new(struct loop *loop, struct credentials *credentials,
                            const struct kube_options *options, struct err *err) MUST_CHECK;
void session_free(struct session *session);
struct loop *session_loop(const struct session *session);
const struct kube_timing *session_timing(const struct session *session);
/* As of kube.h; watches ask. */
void session_keep_managers(struct session *session, bool keep);
bool session_keeps_managers(const struct session *session);
void session_abandon(struct session *session);

/* Never NULL; borrowed until `done` returned or session_cancel(). */
struct session_call *session_send(struct session *session, const struct session_request *request);
void session_cancel(struct session_call *call);
