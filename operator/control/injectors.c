/* SPDX-License-Identifier: Apache-2.0 */
#include "control/injectors.h"

#include "data/object.h"
#include "templates/common.h"

#include <stdlib.h>
#include <string.h>

/* A pod with an image that cannot be pulled stays in this phase; all others leave it soon. */
#define PENDING "status.phase=Pending"

/* One mirror for all namespaces, or one for each that the operator looks after. */
struct mirrors {
    struct mirror **items;
    size_t count;
};

struct injectors {
    struct injectors_options options;
    struct mirror *webhooks;
    json_t *list;              /* of `webhooks`, sorted by name; made when it is asked for */
    struct mirrors namespaces; /* count 0: not asked for yet */
    struct mirrors pods;
};

static void on_webhooks(void *arg)
{
    struct injectors *injectors = arg;
    json_decref(injectors->list);
    injectors->list = NULL;
    injectors->options.changed(injectors->options.arg);
}

static void on_changed(void *arg)
{
    struct injectors *injectors = arg;
    injectors->options.changed(injectors->options.arg);
}

struct injectors *injectors_new(const struct injectors_options *options)
{
    struct injectors *injectors = xcalloc(1, sizeof(*injectors));
    injectors->options = *options;
    return injectors;
}

static void free_mirrors(struct mirrors *mirrors)
{
    for (size_t i = 0; i < mirrors->count; i++)
        mirror_free(mirrors->items[i]);
    free(mirrors->items);
}

void injectors_free(struct injectors *injectors)
{
    if (!injectors)
        return;
    mirror_free(injectors->webhooks);
    free_mirrors(&injectors->namespaces);
    free_mirrors(&injectors->pods);
    json_decref(injectors->list);
    free(injectors);
}

static struct mirror *watch(struct injectors *injectors, const struct object_kind *kind,
                            const struct kube_scope *scope, json_t *(*distil)(const json_t *),
                            loop_cb *changed)
{
    struct mirror_options options = {
        .kube = injectors->options.kube,
        .kind = kind,
        .scope = *scope,
        .distil = distil,
        .changed = changed,
        .arg = injectors,
    };
    return mirror_new(injectors->options.loop, &options);
}

static void add(struct mirrors *mirrors, struct mirror *mirror)
{
    mirrors->items = xrealloc(mirrors->items, (mirrors->count + 1) * sizeof(struct mirror *));
    mirrors->items[mirrors->count++] = mirror;
}

static void watch_pods(struct injectors *injectors, const char *ns)
{
    struct kube_scope scope = {
        .ns = ns, .labels = COMMON_MANAGED_BY "=" COMMON_MANAGED_BY_VALUE, .fields = PENDING};
    add(&injectors->pods, watch(injectors, &object_pod, &scope, injection_of_pod, on_changed));
}

static void watch_namespace(struct injectors *injectors, const char *name)
{
    AUTO_FREE char *fields = name ? xasprintf("metadata.name=%s", name) : NULL;
    struct kube_scope scope = {.fields = fields};
    add(&injectors->namespaces,
        watch(injectors, &object_ns, &scope, injection_of_namespace, on_changed));
}

static void want_webhooks(struct injectors *injectors)
{
    if (!injectors->webhooks)
        injectors->webhooks = watch(injectors,
                                    &object_mutating_webhooks,
                                    &(struct kube_scope){.ns = NULL},
                                    injection_of_webhooks,
                                    on_webhooks);
}

static void want_all(struct injectors *injectors)
{
    want_webhooks(injectors);
    if (injectors->namespaces.count > 0)
        return;
    const char *const *namespaces = injectors->options.namespaces;
    if (!namespaces[0]) {
        watch_namespace(injectors, NULL);
        watch_pods(injectors, NULL);
    }
    for (size_t i = 0; namespaces[i]; i++) {
        watch_namespace(injectors, namespaces[i]);
        watch_pods(injectors, namespaces[i]);
    }
}

static int by_name(const void *a, const void *b)
{
    json_t *const *x = a;
    json_t *const *y = b;
    return strcmp(jx_str(*x, "name", ""), jx_str(*y, "name", ""));
}

struct collected {
    json_t *items[64]; /* borrowed; a cluster has a handful */
    size_t count;
};

static bool collect(void *arg, const char *key, const json_t *kept)
{
    (void)key;
    struct collected *all = arg;
    all->items[all->count++] = (json_t *)(uintptr_t)kept;
    return all->count < ARRAY_LEN(all->items);
}

static const json_t *list(struct injectors *injectors)
{
    if (injectors->list)
        return injectors->list;
    struct collected all = {.count = 0};
    mirror_each(injectors->webhooks, collect, &all);
    qsort(all.items, all.count, sizeof(json_t *), by_name);
    injectors->list = json_array();
    for (size_t i = 0; i < all.count; i++)
        json_array_append(injectors->list, all.items[i]);
    return injectors->list;
}

bool injectors_tagged(struct injectors *injectors, const char *tag, const char **ret_revision)
{
    want_webhooks(injectors);
    if (mirror_state(injectors->webhooks) == MIRROR_FILLING)
        return false;
    *ret_revision = injection_tagged(list(injectors), tag);
    return true;
}

static bool any_state(const struct mirrors *mirrors, enum mirror_state state)
{
    for (size_t i = 0; i < mirrors->count; i++)
        if (mirror_state(mirrors->items[i]) == state)
            return true;
    return false;
}

static const json_t *labels_of(const struct mirrors *namespaces, const char *name)
{
    const json_t *labels = NULL;
    for (size_t i = 0; i < namespaces->count && !labels; i++)
        labels = mirror_find(namespaces->items[i], NULL, name);
    return labels;
}

/* A pod of this gateway that was not filled in. */
struct search {
    const struct meshgateway *gw;
    char *pod; /* of several the first by name, so that the message stays the same */
};

static bool is_this_gateways(void *arg, const char *key, const json_t *kept)
{
    struct search *search = arg;
    size_t len = strlen(search->gw->ns);
    if (strncmp(key, search->gw->ns, len) != 0 || key[len] != '/' ||
        strcmp(jx_str(kept, "gateway", ""), search->gw->name) != 0)
        return true;
    const char *name = key + len + 1;
    if (!search->pod || strcmp(name, search->pod) < 0) {
        free(search->pod);
        search->pod = xstrdup(name);
    }
    return true;
}

static void look_for_pods(const struct injectors *injectors, const struct meshgateway *gw,
                          struct injection_verdict *verdict)
{
    struct search search = {.gw = gw};
    for (size_t i = 0; i < injectors->pods.count; i++)
        mirror_each(injectors->pods.items[i], is_this_gateways, &search);
    AUTO_FREE char *pod = search.pod;
    if (!pod || verdict->answer != INJECTION_READY)
        return;
    injection_verdict_done(verdict);
    *verdict = (struct injection_verdict){
        .answer = INJECTION_STUCK,
        .reason = "PodNotInjected",
        .message = xasprintf("Pod %s came up before a webhook of Istio filled it in, and cannot "
                             "start: kubectl delete pod -n %s %s",
                             pod,
                             gw->ns,
                             pod),
    };
}

bool injectors_check(struct injectors *injectors, const struct meshgateway *gw,
                     const json_t *pod_labels, struct injection_verdict *ret)
{
    want_all(injectors);
    if (mirror_state(injectors->webhooks) == MIRROR_REFUSED ||
        any_state(&injectors->namespaces, MIRROR_REFUSED)) {
        *ret = (struct injection_verdict){
            .answer = INJECTION_UNKNOWN,
            .reason = "NotPermitted",
            .message = xstrdup("The operator may not read Istio's webhooks and the namespaces, "
                               "so it cannot tell whether the pods will be filled in."),
        };
        return true;
    }
    if (mirror_state(injectors->webhooks) == MIRROR_FILLING ||
        any_state(&injectors->namespaces, MIRROR_FILLING))
        return false;
    struct injection_input input = {
        .injectors = list(injectors),
        .ns = gw->ns,
        .ns_labels = labels_of(&injectors->namespaces, gw->ns),
        .pod_labels = pod_labels,
        .revision = gw->revision,
    };
    injection_check(&input, ret);
    look_for_pods(injectors, gw, ret);
    return true;
}
