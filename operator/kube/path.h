/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and queries of the Kubernetes API, percent-encoded (RFC 3986). */
#pragma once

#include "base/strbuf.h"
#include "data/object.h"

/*
 * Appends the path of a collection (name NULL) or of an object; ns NULL: cluster-scoped, or across
 * namespaces. -1 when a part cannot be one of a path.
 */
int path_add(struct strbuf *out, const struct object_kind *kind, const char *ns, const char *name,
             const char *subresource, struct err *err) MUST_CHECK;
/* Appends "?key=value", or "&key=value" after the first; nothing when value is NULL. */
void path_add_query(struct strbuf *out, const char *key, const char *value);
