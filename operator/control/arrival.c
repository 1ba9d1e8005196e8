/* SPDX-License-Identifier: Apache-2.0 */
#include "control/arrival.h"

#include "control/observe.h"
#include "templates/common.h"
#include "templates/templates.h"

#include <stdlib.h>

struct list {
    struct arrival *arrival;
    const struct object_kind *kind;
    struct kube_call *call; /* NULL: answered */
};

struct arrival {
    struct arrival_options options;
    char *labels;
    struct list *lists;
    size_t count;
    size_t open;
    struct err err; /* the first failure */
    arrival_done *done;
    void *arg;
};

static void free_arrival(struct arrival *arrival)
{
    free(arrival->lists);
    free(arrival->labels);
    free(arrival);
}

static void take_in(const struct arrival *arrival, const struct object_kind *kind,
                    const json_t *answer)
{
    size_t i;
    json_t *item;
    json_array_foreach (jx_array(answer, "items"), i, item) {
        /* The items of a List come without these. */
        json_object_set_new(item, "apiVersion", object_api_version(kind));
        json_object_set_new(item, "kind", STR(kind->kind));
        observe_changed(arrival->options.store, arrival->options.around, kind, item);
    }
}

static void answered(void *arg, const struct kube_reply *reply)
{
    struct list *list = arg;
    struct arrival *arrival = list->arrival;
    list->call = NULL;
    if (reply->err.kind == ERR_NONE)
        take_in(arrival, list->kind, reply->object);
    /* A kind that is not installed has no objects; one that may not be read, none that we know. */
    else if (reply->err.kind != ERR_NOT_FOUND && reply->err.kind != ERR_DENIED &&
             !arrival->err.kind)
        arrival->err = reply->err;
    if (--arrival->open > 0)
        return;
    arrival->done(arrival->arg, &arrival->err);
    free_arrival(arrival);
}

static void ask(struct arrival *arrival, const struct object_kind *kind)
{
    struct list *list = &arrival->lists[arrival->count++];
    const struct kube_request request = {.verb = KUBE_GET,
                                         .kind = kind,
                                         .ns = arrival->options.ns,
                                         .labels = arrival->labels,
                                         .background = arrival->options.background};
    *list = (struct list){.arrival = arrival, .kind = kind};
    list->call = kube_call(arrival->options.kube, &request, answered, list);
    arrival->open++;
}

static size_t count_kinds(const struct object_kind *const *kinds)
{
    size_t count = 0;
    while (kinds[count])
        count++;
    return count;
}

struct arrival *arrival_start(const struct arrival_options *options, arrival_done *done, void *arg)
{
    struct arrival *arrival = xcalloc(1, sizeof(*arrival));
    arrival->options = *options;
    arrival->done = done;
    arrival->arg = arg;
    arrival->labels =
        xasprintf(COMMON_MANAGED_BY "=" COMMON_MANAGED_BY_VALUE ",gateway-name=%s", options->name);
    const struct object_kind *const *const sets[] = {templates_kinds, templates_optional_kinds};
    arrival->lists = xcalloc(count_kinds(sets[0]) + count_kinds(sets[1]), sizeof(*arrival->lists));
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        for (size_t k = 0; sets[i][k]; k++)
            ask(arrival, sets[i][k]);
    return arrival;
}

void arrival_cancel(struct arrival *arrival)
{
    for (size_t i = 0; i < arrival->count; i++)
        if (arrival->lists[i].call)
            kube_cancel(arrival->lists[i].call);
    free_arrival(arrival);
}
