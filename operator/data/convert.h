/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the conversions to a MeshGateway share: a table that knows every field of a source, and the
 * walk that follows it, so that a field is carried over, or taken care of by code of its own, or
 * told. A conversion keeps what a gateway does; what had no effect in its source is told as well.
 * Unset values ("", {}, [], null) say nothing.
 */
#pragma once

#include "data/jx.h"
#include "data/problems.h"

enum convert_use {
    CONVERT_GROUP, /* an object, whose members have rules of their own */
    CONVERT_COPY,  /* the same value, at `text` in the result */
    CONVERT_LOST,  /* left out, which is told with `text` */
    CONVERT_APART, /* the conversion's own code takes care, or it is the API server's bookkeeping */
};

struct convert_rule {
    const char *from; /* path in the source; NULL ends the table */
    enum convert_use use;
    const char *text;
};

/* One source and what becomes of it. */
struct convert {
    json_t *source;         /* borrowed, only read */
    json_t *result;         /* borrowed */
    const char *root;       /* path of the source in its document, "" or "spec" */
    struct problems *notes; /* what is to be told, with paths of the document */
};

/* Carries over what the table says and tells what it does not; fields without a rule, too. */
void convert_walk(const struct convert *c, const struct convert_rule *rules);
/* Tells something of a field; path: below the root. */
void convert_note(const struct convert *c, const char *path, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Takes the member at a path out of the result; NULL when it is not there. New reference. */
json_t *convert_take(const struct convert *c, const char *path);

/*
 * Takes out of the result, a spec, what MeshGateways do not allow, and tells it: fields that do not
 * fit the type of the Service, and `labels` that are the operator's own. labels_path: where the
 * labels stand in the source.
 */
void convert_fit(const struct convert *c, const char *name, const char *labels_path);
/* A MeshGateway of these parts, both stolen. */
json_t *convert_object(json_t *metadata, json_t *spec);
