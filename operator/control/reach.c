/* SPDX-License-Identifier: Apache-2.0 */
#include "control/reach.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 253 /* RFC 1035 */

struct reach_host {
    const struct router_gateway *gateway;
    const struct istio_server *server;
    const char *host;
};

/* "a.b.c" at depth 0, "*.b.c", "*.c", "*", then NULL. */
static char *pattern_of(const char *name, unsigned int depth)
{
    if (depth == 0)
        return xstrdup(name);
    const char *rest = name;
    for (unsigned int i = 0; rest && i < depth; i++) {
        rest = strchr(rest, '.');
        if (rest && i + 1 < depth)
            rest++;
    }
    if (rest)
        return xasprintf("*%s", rest);
    /* One step beyond the last label is all names, and then there is no more. */
    unsigned int dots = 0;
    for (const char *c = name; *c; c++)
        dots += *c == '.';
    return depth == dots + 1 ? xstrdup("*") : NULL;
}

static size_t count_hosts(const struct istio_gateway *gateway)
{
    size_t count = 0;
    for (size_t i = 0; gateway && i < gateway->server_count; i++)
        for (char **host = gateway->servers[i].hosts; *host; host++)
            count++;
    return count;
}

/* "namespace/rest", in a buffer that is used again. */
static const char *join(struct strbuf *key, const char *ns, const char *rest)
{
    strbuf_clear(key);
    strbuf_adds(key, ns);
    strbuf_addc(key, '/');
    strbuf_adds(key, rest);
    return key->text;
}

/* Makes known what live challenges ask for: their namespaces ("namespace/"), and every host there
 * that covers their names. All else is not indexed. */
static void touch_challenges(struct reach_index *index, struct strbuf *key)
{
    const struct issuance_object *challenge;
    const struct issuance_object *next;
    HASH_ITER (hh, index->input->issuance->objects[ISSUANCE_CHALLENGE], challenge, next) {
        const char *name = challenge->challenge.dns_name;
        if (issuance_is_over(challenge) || strlen(name) > NAME_MAX_LEN)
            continue;
        multimap_touch(&index->own, join(key, challenge->ns, ""));
        for (unsigned int depth = 0;; depth++) {
            AUTO_FREE char *pattern = pattern_of(name, depth);
            if (!pattern)
                break;
            multimap_touch(&index->own, join(key, challenge->ns, pattern));
        }
    }
}

/* Adds the hosts of the gateway's own servers; returns where the next ones go. */
static struct reach_host *add_own(struct reach_index *index, const struct router_gateway *gateway,
                                  struct strbuf *key, struct reach_host *next)
{
    const struct istio_gateway *own = gateway->own;
    for (size_t i = 0; own && i < own->server_count; i++)
        for (char **host = own->servers[i].hosts; *host; host++) {
            if (!multimap_find(&index->own, join(key, gateway->ns, istio_host(*host))))
                continue;
            *next = (struct reach_host){gateway, &own->servers[i], *host};
            multimap_add_known(&index->own, key->text, next++);
        }
    return next;
}

/* Selectors are looked up by the pairs they consist of; one without pairs by "". */
static void touch_selectors(struct reach_index *index)
{
    const struct istio_gateway *gateway;
    const struct istio_gateway *next;
    HASH_ITER (hh, index->input->istio->gateways, gateway, next) {
        if (!gateway->selector[0])
            multimap_touch(&index->labels, "");
        for (char **pair = gateway->selector; *pair; pair++)
            multimap_touch(&index->labels, *pair);
    }
}

static void add_selected(struct reach_index *index, const struct router_gateway *gateway,
                         const char *pair, struct strbuf *key)
{
    if (multimap_find(&index->labels, pair))
        multimap_add(&index->selected, join(key, gateway->ns, pair), (void *)(uintptr_t)gateway);
}

static void add_labels(struct reach_index *index, const struct router_gateway *gateway,
                       struct strbuf *key)
{
    AUTO_STRBUF struct strbuf pair = STRBUF_INIT(LIMIT_RECORD_TEXT);
    const char *label;
    json_t *value;
    add_selected(index, gateway, "", key);
    json_object_foreach ((json_t *)(uintptr_t)gateway->labels, label, value) {
        if (!json_is_string(value))
            continue;
        strbuf_clear(&pair);
        strbuf_adds(&pair, label);
        strbuf_addc(&pair, '=');
        strbuf_adds(&pair, json_string_value(value));
        add_selected(index, gateway, pair.text, key);
    }
}

void reach_index_init(struct reach_index *index, const struct router_input *input)
{
    AUTO_STRBUF struct strbuf key = STRBUF_INIT(2 * LIMIT_RECORD_TEXT);
    *index = (struct reach_index){.input = input};
    touch_challenges(index, &key);
    if (input->istio->gateways)
        touch_selectors(index);
    size_t count = 0;
    for (size_t i = 0; i < input->count; i++)
        count += count_hosts(input->gateways[i].own);
    index->hosts = xcalloc(count + 1, sizeof(*index->hosts));
    struct reach_host *next = index->hosts;
    for (size_t i = 0; i < input->count; i++) {
        const struct router_gateway *gateway = &input->gateways[i];
        if (!multimap_find(&index->own, join(&key, gateway->ns, "")))
            continue;
        next = add_own(index, gateway, &key, next);
        if (input->istio->gateways)
            add_labels(index, gateway, &key);
    }
}

void reach_index_done(struct reach_index *index)
{
    free(index->hosts);
    multimap_done(&index->own);
    multimap_done(&index->labels);
    multimap_done(&index->selected);
    multimap_done(&index->anywhere);
}

static void add(struct reach_list *list, const struct reach *reach)
{
    if (list->count == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 8;
        list->items = xrealloc(list->items, list->cap * sizeof(*list->items));
    }
    list->items[list->count++] = *reach;
}

/* MeshGateways of the namespace that have the rarest label of the selector; NULL: there are none.
 */
static const struct multimap_values *candidates(const struct reach_index *index, const char *ns,
                                                char *const *selector)
{
    char none[] = "";
    char *const all[] = {none, NULL};
    const struct multimap_values *best = NULL;
    for (char *const *pair = selector[0] ? selector : all; *pair; pair++) {
        AUTO_FREE char *key = xasprintf("%s/%s", ns, *pair);
        const struct multimap_values *values = multimap_find(&index->selected, key);
        if (!values)
            return NULL;
        if (!best || values->count < best->count)
            best = values;
    }
    return best;
}

/* Somebody else's server: it is on the pods of each MeshGateway that its Gateway selects. */
static void add_foreign(const struct reach_index *index, const char *ns, const char *pattern,
                        const struct istio_server *server, unsigned int depth,
                        struct reach_list *list)
{
    const struct multimap_values *found = candidates(index, ns, server->gateway->selector);
    const char *host = NULL;
    for (char **each = server->hosts; *each && !host; each++)
        if (strcmp(istio_host(*each), pattern) == 0)
            host = *each;
    for (size_t i = 0; found && host && i < found->count; i++) {
        const struct router_gateway *gateway = found->items[i];
        if (istio_selects(server->gateway, gateway->labels))
            add(list, &(struct reach){gateway, server, host, depth});
    }
}

static int compare(const void *left, const void *right)
{
    const struct reach *a = left;
    const struct reach *b = right;
    int order = strcmp(a->gateway->name, b->gateway->name);
    if (order == 0)
        order = a->depth < b->depth ? -1 : a->depth > b->depth;
    if (order == 0)
        order = strcmp(a->server->gateway->key, b->server->gateway->key);
    if (order == 0)
        order = strcmp(a->host, b->host);
    return order ? order : a->server->port - b->server->port;
}

void reach_find(const struct reach_index *index, const char *ns, const char *name,
                struct reach_list *list)
{
    list->count = 0;
    for (unsigned int depth = 0; strlen(name) <= NAME_MAX_LEN; depth++) {
        AUTO_FREE char *pattern = pattern_of(name, depth);
        if (!pattern)
            break;
        AUTO_FREE char *key = xasprintf("%s/%s", ns, pattern);
        const struct multimap_values *own = multimap_find(&index->own, key);
        for (size_t i = 0; own && i < own->count; i++) {
            const struct reach_host *host = own->items[i];
            add(list, &(struct reach){host->gateway, host->server, host->host, depth});
        }
        const struct multimap_values *others =
            multimap_find(&index->input->istio->servers, pattern);
        for (size_t i = 0; others && i < others->count; i++)
            add_foreign(index, ns, pattern, others->items[i], depth, list);
    }
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(*list->items), compare);
}

static void touch_hosts(struct multimap *hosts, const struct istio_gateway *own)
{
    for (size_t i = 0; own && i < own->server_count; i++)
        for (char **host = own->servers[i].hosts; *host; host++)
            multimap_touch(hosts, istio_host(*host));
}

bool reach_is_anywhere(struct reach_index *index, const char *name)
{
    bool made = index->anywhere.entries != NULL;
    for (size_t i = 0; !made && i < index->input->count; i++)
        touch_hosts(&index->anywhere, index->input->gateways[i].own);
    for (unsigned int depth = 0; strlen(name) <= NAME_MAX_LEN; depth++) {
        AUTO_FREE char *pattern = pattern_of(name, depth);
        if (!pattern || multimap_find(&index->anywhere, pattern))
            return pattern != NULL;
    }
    return false;
}
