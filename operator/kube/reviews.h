/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the API server on behalf of a server of ours: whose token is this (TokenReview), and may
 * that user get this path (SubjectAccessReview)? Answers are kept as kube-apiserver's own delegates
 * keep them: whose token it is for a minute, a yes for five, a no for 30 s. Failures are not kept.
 *
 * Reviews write nothing to the cluster, though they are sent by POST. They neither wait in the
 * queue of kube/kube.c nor count there. Those who ask the same at a time share one review, and
 * there is a limit to how many are under way: whoever is in front of us cannot flood the API
 * server.
 */
#pragma once

#include "kube/kube.h"

struct reviews;

enum reviews_verdict {
    REVIEWS_ALLOWED,
    REVIEWS_UNKNOWN,   /* the token is nobody's */
    REVIEWS_FORBIDDEN, /* it is somebody's who may not */
    REVIEWS_FAILED,    /* there is no answer; err says why */
};

/* err: ERR_NONE but for REVIEWS_FAILED. May not free the reviews. */
typedef void reviews_done(void *arg, enum reviews_verdict verdict, const struct err *err);

/* kube: borrowed, must outlive it. */
struct reviews *reviews_new(struct kube *kube);
/* Who still waits is told REVIEWS_FAILED. NULL is fine. */
void reviews_free(struct reviews *reviews);
/* done runs later, exactly once. */
void reviews_ask(struct reviews *reviews, const char *token, const char *path, reviews_done *done,
                 void *arg);
