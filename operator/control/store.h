/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator remembers of the cluster: each MeshGateway as compact text, and of each child
 * no more than its identity, two digests and the few facts that the status reports. Ten thousand
 * gateways must fit into a few dozen megabytes.
 */
#pragma once

#include "control/census.h"
#include "control/contest.h"

#include <uthash.h>

#define STORE_UID_LEN     40 /* a UUID and its NUL */
#define STORE_VERSION_LEN 24 /* a resource version (decimal, 64 bit) and its NUL */

/* An object that is, or should be, a child of a gateway. */
struct store_child {
    struct store_child *next;
    const struct object_kind *kind;
    char uid[STORE_UID_LEN];
    char version[STORE_VERSION_LEN];
    bool owned;       /* its controller reference names the gateway's current uid */
    bool marked;      /* taken over, and left-overs are to be looked at; see control/takeover.h */
    bool early;       /* seen during a pass that most likely made it; see store_gateway.busy */
    bool seen;        /* by the watch, since it began its present full set */
    bool unwanted;    /* ours, and as the last look at it told nothing is desired */
    bool measured;    /* `projection` is valid for the desired object with digest `desired` */
    uint64_t desired; /* digest of the desired object it was last compared with */
    uint64_t projection; /* digest of its projection onto that */
    uint64_t pods;       /* of a Deployment: digest of the projection of its pod template */
    uint64_t settled;    /* digest of a desired object with which it has been in step */
    uint64_t
        vouched; /* digest of the desired object beyond which we own no field of it; 0: not known */
    bool applied; /* our last apply succeeded, with: */
    uint64_t applied_desired;
    uint64_t applied_projection;
    bool restless; /* that apply was answered with yet another value than the one before it */
    char *drifted; /* path of the first field that is not as desired; NULL = none */
    char *facts;   /* compact JSON for control/status, see control/facts.h; NULL = none */
    char name[];
};

struct store_gateway {
    UT_hash_handle hh;
    char *text; /* the MeshGateway, compact JSON without managedFields */
    char uid[STORE_UID_LEN];
    char version[STORE_VERSION_LEN];
    bool seen;   /* as of a child */
    bool served; /* its spec has servers */
    struct census_entry census;
    /*
     * A pass is under way. A new child that the watch shows meanwhile is not looked at: it is what
     * the pass has just made, and the answer about to come says the same and more.
     */
    bool busy;
    bool arrived; /* it was another operator's: its children are not known; see control/arrival.h */
    bool bereaved; /* … and one of them was deleted while they were asked for */
    struct store_child *children;
    struct contest *contests; /* over children; see control/contest.h */
    struct refusal *refusals; /* of steps; see control/refusals.h */
    char key[];               /* "namespace/name" */
};

struct store {
    struct store_gateway *gateways;
    struct census census;
};

/* Key of an object: "namespace/name". The caller frees. */
char *store_key(const char *ns, const char *name);

/* Which object a record stands for, and in which version. */
void store_identify(char uid[STORE_UID_LEN], char version[STORE_VERSION_LEN], const json_t *object);

/* Whether the key is of this namespace; NULL: any. */
bool store_in_scope(const char *scope, const char *key);

struct store_gateway *store_find(const struct store *store, const char *key);
/*
 * Takes in the object: finds or makes its record. A new uid forgets who owned the children. Leaves
 * `seen` alone: the answer to a write may be older than the watch's full set, and does not tell
 * that the object is still there.
 */
struct store_gateway *store_put(struct store *store, const json_t *object);
void store_remove(struct store *store, struct store_gateway *gw);
/* The object, new; NULL only if the text were damaged. */
json_t *store_object(const struct store_gateway *gw);
/* Whether two states of a gateway are the same to a pass, but for their status. */
bool store_same_intent(const json_t *a, const json_t *b);

struct store_child *store_child_find(const struct store_gateway *gw, const struct object_kind *kind,
                                     const char *name);
/* Finds or makes it. */
struct store_child *store_child_put(struct store_gateway *gw, const struct object_kind *kind,
                                    const char *name);
void store_child_remove(struct store_gateway *gw, struct store_child *child);
/* Its facts, new; NULL when there are none. child may be NULL. */
json_t *store_facts(const struct store_child *child);
void store_done(struct store *store);
