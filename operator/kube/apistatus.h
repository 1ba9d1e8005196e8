/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an API server means by an answer that is no success: metav1.Status, plain text, or a page
 * of something in between, as a struct err.
 */
#pragma once

#include "data/jx.h"

/* The reason when the server has no such group, version or resource, rather than no such object. */
#define APISTATUS_NOT_SERVED "KindNotServed"

struct apistatus_answer {
    int http;
    const char *content_type; /* NULL: not said */
    const char *retry_after;  /* value of the header, or NULL */
    const char *body;
    size_t len;
};

/* Sets err; always -1. */
int apistatus_set_error(const struct apistatus_answer *answer, struct err *err);
/* The same for a Status object by itself, as in an ERROR event of a watch. */
int apistatus_set_object_error(const json_t *status, struct err *err);
/* Whether a media type is JSON; also when it is not said. */
bool apistatus_is_json(const char *content_type);
