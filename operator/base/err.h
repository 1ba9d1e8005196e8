/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error value: fixed size, owned by the caller, nothing to free.
 *
 * A function that can fail takes `struct err *err` last (NULL when the caller does not care why),
 * returns 0 / -1 or a pointer / NULL, and touches neither `err` on success nor a `ret_` output on
 * failure. An error is returned or logged, never both.
 */
#pragma once

#include "base/mem.h"

/* What happened, as far as it decides the reaction. The reactions: control/reconcile.c. */
enum err_kind {
    ERR_NONE = 0,
    ERR_INVALID,     /* what we were given is wrong; trying again changes nothing */
    ERR_NOT_FOUND,   /* the object or its kind does not exist */
    ERR_CONFLICT,    /* it changed under us, or exists and is not ours */
    ERR_GONE,        /* the resource version is too old: list again */
    ERR_THROTTLED,   /* the server asks to wait `retry_ms` */
    ERR_DENIED,      /* authentication, authorisation, quota or admission said no */
    ERR_UNAVAILABLE, /* network, time-out, server error: try again later */
    ERR_INTERNAL,    /* a bug of ours, or an answer that makes no sense */
};

struct err {
    enum err_kind kind;
    int http;        /* HTTP status it came with, 0 = none */
    int retry_ms;    /* wait at least this long, 0 = not said */
    char reason[64]; /* machine-readable reason of a Kubernetes Status or its first cause, or "" */
    char msg[496];   /* for people, without a trailing newline */
};

/*
 * Fills *e; always returns -1. The message is valid UTF-8 whatever goes into it: one that is too
 * long is cut at a character, a byte that belongs to none becomes a '?'.
 */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts context in front: "context: message". Always returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
#ifdef __clang_analyzer__ /* which does not look into other files */
#define err_set(...)  (err_set(__VA_ARGS__), -1)
#define err_wrap(...) (err_wrap(__VA_ARGS__), -1)
#endif
/* Name of a kind for logs and metrics, e.g. "not-found". */
const char *err_kind_name(enum err_kind kind);
