/* SPDX-License-Identifier: Apache-2.0 */
#include "control/failures.h"

#include <stdlib.h>
#include <string.h>

void failures_add(struct failures *list, const struct plan_step *step, const char *reason,
                  const char *message)
{
    list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] = (struct status_failure){.kind = step->kind,
                                                         .name = xstrdup(step->name),
                                                         .reason = reason,
                                                         .message = xstrdup(message)};
}

static int compare(const void *a, const void *b)
{
    const struct status_failure *x = a;
    const struct status_failure *y = b;
    int by_kind = strcmp(x->kind->kind, y->kind->kind);
    return by_kind ? by_kind : strcmp(x->name, y->name);
}

void failures_sort(struct failures *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(*list->items), compare);
}

void failures_done(struct failures *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].message);
    }
    free(list->items);
    *list = (struct failures){.items = NULL};
}

static bool is_namespace_ending(const struct err *err)
{
    return strcmp(err->reason, "NamespaceTerminating") == 0;
}

const char *failures_reason(const struct err *err)
{
    if (is_namespace_ending(err))
        return "NamespaceTerminating";
    if (err->kind == ERR_DENIED && strstr(err->msg, "exceeded quota"))
        return "QuotaExceeded";
    switch (err->kind) {
    case ERR_DENIED:
        return "Denied";
    case ERR_INVALID:
        return "Rejected";
    case ERR_NOT_FOUND:
        return "NotServed";
    case ERR_UNAVAILABLE:
    case ERR_THROTTLED:
    case ERR_CONFLICT:
        return "ApplyFailed";
    case ERR_NONE:
    case ERR_GONE:
    case ERR_INTERNAL:
        break;
    }
    return "InternalError";
}

enum pass_reaction failures_reaction(const struct err *err)
{
    if (is_namespace_ending(err))
        return PASS_NAMESPACE_ENDS;
    switch (err->kind) {
    case ERR_NONE:
        return PASS_IN_STEP;
    case ERR_INVALID:
    case ERR_NOT_FOUND:
        return PASS_REFUSED;
    case ERR_DENIED:
        /* A token that has ended; the next request has the new one. */
        return err->http == 401 ? PASS_TRANSIENT : PASS_REFUSED;
    case ERR_CONFLICT:
    case ERR_GONE:
    case ERR_THROTTLED:
    case ERR_UNAVAILABLE:
    case ERR_INTERNAL:
        return PASS_TRANSIENT;
    }
    return PASS_TRANSIENT;
}
