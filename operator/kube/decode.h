/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of an API server -> JSON. Unlike jx_parse it takes whatever the server stores: one strange
 * object must not keep us from the others. What does not fit a C integer becomes a real number and
 * fails where the value is looked at.
 */
#pragma once

#include "data/object.h"

/* New reference; NULL with ERR_INTERNAL when it is not JSON at all. */
json_t *decode_json(const char *text, size_t len, struct err *err) MUST_CHECK;
/*
 * As decode_json, but metadata.managedFields come out empty: they are more than half of an object,
 * and who wants to know them asks for the object by GET.
 */
json_t *decode_object(const char *text, size_t len, struct err *err) MUST_CHECK;

enum decode_type {
    DECODE_ADDED,
    DECODE_MODIFIED,
    DECODE_DELETED,
    DECODE_BOOKMARK,
    DECODE_ERROR,
    DECODE_UNKNOWN, /* a type of a later Kubernetes */
};

struct decode_event {
    enum decode_type type;
    json_t *object;   /* owned by the caller; a JSON object unless the type is unknown */
    bool initial_end; /* the bookmark that ends the initial events (KEP-3157) */
};

/* One line of a watch; whole: with managedFields. -1: it is no watch event. */
int decode_event(const char *line, size_t len, bool whole, struct decode_event *ret,
                 struct err *err) MUST_CHECK;
