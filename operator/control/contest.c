/* SPDX-License-Identifier: Apache-2.0 */
#include "control/contest.h"

#include "base/limits.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define WINDOW_MS     60000
#define COST_MAX      10
#define COST_RESTLESS 5
#define TRY_FIRST_MS  10000
#define TRY_MAX_MS    300000
#define LASTING_MS    30000

struct contest *contest_find(struct contest *list, const struct object_kind *kind, const char *name)
{
    struct contest *contest;
    LL_FOREACH (list, contest)
        if (contest->kind == kind && strcmp(contest->name, name) == 0)
            return contest;
    return NULL;
}

void contest_begin(struct contest *list)
{
    struct contest *contest;
    LL_FOREACH (list, contest)
        contest->held = false;
}

/* From one repair to the next. */
static int64_t pause_of(const struct contest *contest)
{
    int64_t pause = TRY_FIRST_MS;
    for (int i = 0; i < contest->tries && pause < TRY_MAX_MS; i++)
        pause *= 2;
    return pause < TRY_MAX_MS ? pause : TRY_MAX_MS;
}

bool contest_hold(struct contest *contest, const char *field, int64_t now)
{
    if (!contest->fight) {
        if (contest->cost < COST_MAX || now - contest->since > WINDOW_MS)
            return false;
        contest->fight = true;
        if (field) {
            contest->field = xstrndup(field, LIMIT_RECORD_TEXT);
            utf8_trim(contest->field);
        }
    }
    contest->held = now - contest->last < pause_of(contest);
    return contest->held;
}

void contest_repaired(struct contest **list, const struct object_kind *kind, const char *name,
                      bool restless, int64_t now)
{
    struct contest *contest = contest_find(*list, kind, name);
    if (!contest) {
        contest = xcalloc(1, sizeof(*contest) + strlen(name) + 1);
        contest->kind = kind;
        contest->since = now;
        memcpy(contest->name, name, strlen(name) + 1);
        LL_PREPEND(*list, contest);
    }
    if (now - contest->since > WINDOW_MS) {
        contest->since = now;
        contest->cost = 0;
    }
    contest->cost += restless ? COST_RESTLESS : 1;
    contest->restless = restless;
    contest->last = now;
    contest->held = false;
    if (contest->fight)
        contest->tries++;
}

static bool is_over(const struct contest *contest, int64_t now)
{
    if (contest->fight)
        return !contest->held && now - contest->last >= LASTING_MS;
    return now - contest->since > WINDOW_MS;
}

static void drop(struct contest **list, struct contest *contest)
{
    LL_DELETE(*list, contest);
    free(contest->field);
    free(contest);
}

void contest_sweep(struct contest **list, int64_t now)
{
    struct contest *contest, *next;
    LL_FOREACH_SAFE(*list, contest, next)
    {
        if (is_over(contest, now))
            drop(list, contest);
    }
}

void contest_free(struct contest **list)
{
    while (*list)
        drop(list, *list);
}

char *contest_text(const struct contest *contest)
{
    static const char rest[] = "It is put right again now and then only, until that lasts";
    if (!contest->field)
        return xasprintf("somebody else keeps deleting it; the API server's audit log says who. %s",
                         rest);
    if (contest->restless)
        return xasprintf("admission sets %s to another value at every write; a mutating webhook or "
                         "policy does. %s",
                         contest->field,
                         rest);
    return xasprintf(
        "somebody else keeps changing %s back; see its managedFields. %s", contest->field, rest);
}

int64_t contest_next(const struct contest *contest, int64_t now)
{
    int64_t due = contest->last + (contest->held ? pause_of(contest) : LASTING_MS);
    return due > now ? due - now : 1;
}
