/* SPDX-License-Identifier: Apache-2.0 */
#include "control/rolls.h"

#include "base/log.h"
#include "base/metrics.h"
#include "control/facts.h"
#include "data/object.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* A gateway that rolls, or waits for its turn. */
struct entry {
    UT_hash_handle hh;
    struct entry *prev, *next; /* among those that wait */
    bool rolling;
    bool called; /* has the turn, but no pass has ended since */
    char key[];
};

struct rolls {
    const struct store *store;
    struct rolls_limit limit;
    void (*wake)(void *arg, const char *key);
    void *arg;
    struct entry *all;     /* by key */
    struct entry *waiting; /* in the order in which they came */
    size_t rolling;
};

int rolls_parse_limit(const char *text, struct rolls_limit *ret)
{
    char *end;
    long count = strtol(text, &end, 10);
    bool percent = strcmp(end, "%") == 0;
    if (text[0] < '0' || text[0] > '9' || (end[0] && !percent) || count < 1 ||
        count > (percent ? 100 : INT_MAX))
        return -1;
    *ret = (struct rolls_limit){.count = (int)count, .percent = percent};
    return 0;
}

static void set_gauges(const struct rolls *rolls)
{
    metrics_set(metrics_gauge("meshgateway_gateways_rolling",
                              "Gateways whose pods are being replaced in turn.",
                              NULL),
                (double)rolls->rolling);
    metrics_set(metrics_gauge("meshgateway_gateways_waiting_to_roll",
                              "Gateways that wait for their turn to replace their pods.",
                              NULL),
                (double)(HASH_COUNT(rolls->all) - rolls->rolling));
}

struct rolls *rolls_new(const struct store *store, const struct rolls_limit *limit,
                        void (*wake)(void *arg, const char *key), void *arg)
{
    struct rolls *rolls = xcalloc(1, sizeof(*rolls));
    *rolls = (struct rolls){.store = store, .limit = *limit, .wake = wake, .arg = arg};
    set_gauges(rolls);
    return rolls;
}

static void drop(struct rolls *rolls, struct entry *entry)
{
    if (entry->rolling)
        rolls->rolling--;
    else
        DL_DELETE(rolls->waiting, entry);
    HASH_DEL(rolls->all, entry);
    free(entry);
}

void rolls_free(struct rolls *rolls)
{
    if (!rolls)
        return;
    struct entry *entry, *next;
    HASH_ITER (hh, rolls->all, entry, next)
        drop(rolls, entry);
    free(rolls);
}

static size_t limit(const struct rolls *rolls)
{
    size_t count = (size_t)rolls->limit.count;
    if (!rolls->limit.percent)
        return count;
    size_t part = (HASH_COUNT(rolls->store->gateways) * count + 99) / 100;
    return part > 0 ? part : 1;
}

static struct entry *find(const struct rolls *rolls, const char *key)
{
    struct entry *entry;
    HASH_FIND_STR(rolls->all, key, entry);
    return entry;
}

static struct entry *add(struct rolls *rolls, const char *key, bool rolling)
{
    struct entry *entry = xcalloc(1, sizeof(*entry) + strlen(key) + 1);
    memcpy(entry->key, key, strlen(key) + 1);
    entry->rolling = rolling;
    HASH_ADD_STR(rolls->all, key, entry);
    if (rolling)
        rolls->rolling++;
    else
        DL_APPEND(rolls->waiting, entry);
    return entry;
}

/* The Deployment's facts, new; NULL when there is none. */
static json_t *deployment_of(const struct store_gateway *gw)
{
    const struct store_child *child;
    LL_FOREACH (gw->children, child)
        if (child->kind == &object_deployment && child->owned)
            return store_facts(child);
    return NULL;
}

void rolls_start(struct rolls *rolls)
{
    struct store_gateway *gw, *next;
    HASH_ITER (hh, rolls->store->gateways, gw, next) {
        json_auto_t *deployment = deployment_of(gw);
        if (deployment && facts_is_replacing(deployment) && !find(rolls, gw->key))
            add(rolls, gw->key, true);
    }
    set_gauges(rolls);
}

bool rolls_enter(struct rolls *rolls, const struct store_gateway *gw)
{
    struct entry *entry = find(rolls, gw->key);
    if (entry)
        return entry->rolling;
    json_auto_t *deployment = deployment_of(gw);
    /* Nothing that serves can be lost. */
    if (jx_int(deployment, "available", 0) == 0)
        return true;
    bool now = rolls->rolling < limit(rolls);
    add(rolls, gw->key, now)->called = now;
    set_gauges(rolls);
    return now;
}

static void wake_next(struct rolls *rolls)
{
    while (rolls->waiting && rolls->rolling < limit(rolls)) {
        struct entry *entry = rolls->waiting;
        DL_DELETE(rolls->waiting, entry);
        entry->rolling = true;
        entry->called = true;
        rolls->rolling++;
        rolls->wake(rolls->arg, entry->key);
    }
    set_gauges(rolls);
}

void rolls_look(struct rolls *rolls, const char *key)
{
    struct entry *entry = find(rolls, key);
    if (!entry)
        return;
    const struct store_gateway *gw = store_find(rolls->store, key);
    json_auto_t *deployment = gw ? deployment_of(gw) : NULL;
    bool over = entry->rolling && !entry->called && facts_is_rolled_out(deployment);
    if (deployment && !over)
        return;
    drop(rolls, entry);
    wake_next(rolls);
}

void rolls_passed(struct rolls *rolls, const char *key)
{
    struct entry *entry = find(rolls, key);
    if (entry)
        entry->called = false;
    rolls_look(rolls, key);
}
