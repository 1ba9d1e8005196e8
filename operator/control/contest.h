/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fights over a child: somebody changes it back, or deletes it, after every repair. Pure.
 *
 * Ten repairs within a minute are a fight. Where the answer to a repair holds yet another value
 * than the one before, it is admission that writes (a mutating webhook, a policy), and every repair
 * may replace pods: then two are. In a fight a repair is tried after ten seconds, twenty, … five
 * minutes. It is over when a repair has lasted for half a minute.
 */
#pragma once

#include "data/object.h"

/* The repairs of one child; those of a gateway are a list. */
struct contest {
    struct contest *next;
    const struct object_kind *kind;
    int64_t since; /* when its present minute began; all times are ms, monotonic */
    int64_t last;  /* when it was repaired */
    int cost;      /* of the repairs in that minute */
    int tries;     /* repairs since it is a fight */
    bool restless; /* the last repair was answered with yet another value */
    bool fight;    /* the rest is of fights only: */
    bool held;     /* a repair is due, but not yet tried */
    char *field;   /* what was changed when it began, as the path of a field; NULL: deleted */
    char name[];
};

/* NULL when it has not been repaired lately. */
struct contest *contest_find(struct contest *list, const struct object_kind *kind,
                             const char *name);
/* A pass begins: what is due shows while it goes on. */
void contest_begin(struct contest *list);
/* Whether a repair that is due must wait. field: what differs now, or NULL, as in the struct. */
bool contest_hold(struct contest *contest, const char *field, int64_t now);
/* The child has been repaired. */
void contest_repaired(struct contest **list, const struct object_kind *kind, const char *name,
                      bool restless, int64_t now);
/* At the end of a pass: forgets what is over. */
void contest_sweep(struct contest **list, int64_t now);
void contest_free(struct contest **list);

/* Of a fight: what there is to say, new; it says the same as long as the fight goes on. */
char *contest_text(const struct contest *contest) __attribute__((returns_nonnull));
/* Of a fight: ms until a pass has something to do or to tell. */
int64_t contest_next(const struct contest *contest, int64_t now);
