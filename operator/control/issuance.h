/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of cert-manager's objects: the few fields that routing challenges and telling
 * the state of certificates need. Each has a controller reference to the one before it:
 *
 *     MeshGateway → Certificate → CertificateRequest → Order → Challenge → solver Service
 *
 * Issuers stand beside the chain and are found by name. Requests and Orders that ended well are
 * not remembered, so that in the steady state a gateway costs its Certificates and its Issuer. A
 * Secret is never read, and the key of a challenge is in no record (control/pack.h).
 */
#pragma once

#include "base/multimap.h"
#include "data/jx.h"

#include <uthash.h>

/* The ingress class of the solvers that are ours to route to; nobody serves it. */
#define ISSUANCE_CLASS "meshgateway-acme"

enum issuance_kind {
    ISSUANCE_ISSUER, /* Issuer and ClusterIssuer, which has no namespace */
    ISSUANCE_CERTIFICATE,
    ISSUANCE_REQUEST,
    ISSUANCE_ORDER,
    ISSUANCE_CHALLENGE,
    ISSUANCE_SOLVER, /* a Service */
    ISSUANCE_KINDS,
};

enum issuance_status { ISSUANCE_UNKNOWN, ISSUANCE_TRUE, ISSUANCE_FALSE };

/* A condition; one that is about an earlier generation is unknown. True ones keep no texts. */
struct issuance_condition {
    const char *reason;
    const char *message;
    enum issuance_status status;
};

/* How the solver of a challenge is reached. */
enum issuance_solver {
    ISSUANCE_BY_OURS,        /* Ingress of our class */
    ISSUANCE_BY_INGRESS,     /* another class */
    ISSUANCE_BY_GATEWAY_API, /* HTTPRoute, which istiod binds to gateways of its own */
};

struct issuance_object {
    UT_hash_handle hh; /* within its kind */
    const char *key;   /* uid; of issuers "namespace/name" */
    const char *uid;
    const char *ns;
    const char *name;
    const char *owner; /* uid of its controller, "" */
    const char *owner_name;
    uint64_t digest; /* of all that is in the record */
    enum issuance_kind kind;
    bool seen; /* by the watch, since it began its present full set */
    union {
        struct {
            struct issuance_condition ready;
            bool http01; /* some solver is that */
            bool dns01;
        } issuer;
        struct {
            struct issuance_condition ready, issuing;
            const char *not_after;
            const char *renewal_time;
            int64_t created; /* wall clock, microseconds */
            int revision;    /* 0: never issued */
            int attempts;    /* that failed in a row */
            bool temporary;  /* a self-signed one serves until it is issued */
            bool silent;     /* cert-manager has written no condition, not even an earlier one */
        } certificate;
        struct {
            struct issuance_condition ready; /* also Denied and InvalidRequest, as False */
            int revision;
        } request;
        struct {
            const char *state; /* as the ACME server has it: pending, ready, invalid, … */
            const char *reason;
        } order;
        struct {
            const char *dns_name;
            const char *token;
            const char *state;
            const char *reason;
            enum issuance_solver solver;
            bool http01;
            bool processing; /* cert-manager works on it; one at a time for a name */
            bool deleting;
        } challenge;
        struct {
            int port;
        } solver;
    };
};

struct issuance {
    struct issuance_object *objects[ISSUANCE_KINDS];
    struct multimap children; /* "namespace/uid" of the owner → struct issuance_object */
};

/* What one certificate of a MeshGateway shall be; everything is borrowed. */
struct issuance_wish {
    const char *server; /* name of the entry of spec.servers */
    const char *name;   /* of the Certificate */
    const char *secret_name;
    const json_t *hosts; /* array: names in the certificate */
    const char *issuer_name;
    const char *issuer_kind;  /* "Issuer" … */
    const char *issuer_group; /* "cert-manager.io" … */
};

/* A record of the object, whatever it holds; NULL when there is nothing to remember. */
struct issuance_object *issuance_of(enum issuance_kind kind, const json_t *object);

/* The object was added or changed. False: nothing that is remembered changed. */
bool issuance_put(struct issuance *set, enum issuance_kind kind, const json_t *object);
/* … is gone. False: it was not remembered. */
bool issuance_remove(struct issuance *set, enum issuance_kind kind, const json_t *object);
/*
 * A watch begins a new full set of a kind, and has seen it: what did not come again is removed.
 * scope: see object_in_scope(); each scope of a kind has a watch of its own.
 */
void issuance_begin(struct issuance *set, enum issuance_kind kind, const char *scope);
bool issuance_synced(struct issuance *set, enum issuance_kind kind, const char *scope);
void issuance_done(struct issuance *set);

/* By uid, issuers by "namespace/name" ("/name" for a ClusterIssuer); NULL when not known. */
struct issuance_object *issuance_find(const struct issuance *set, enum issuance_kind kind,
                                      const char *key);
/*
 * What an object controls; NULL: nothing. Owners are of the same namespace: a reference from
 * another one is a lie.
 */
const struct multimap_values *issuance_children(const struct issuance *set, const char *ns,
                                                const char *uid);
/*
 * The child of this kind; of several requests the one with the highest revision, of others the
 * one whose name comes first. NULL: none.
 */
struct issuance_object *issuance_child(const struct issuance *set, const char *ns, const char *uid,
                                       enum issuance_kind kind);
/* The Certificate of this name that the MeshGateway with this uid controls. */
struct issuance_object *issuance_certificate(const struct issuance *set, const char *ns,
                                             const char *gateway_uid, const char *name);
/* The issuer of a wish, when it is one of cert-manager's own kinds. */
struct issuance_object *issuance_issuer(const struct issuance *set, const char *ns,
                                        const struct issuance_wish *wish);
/* The Certificate at the head of the chain of any object in it; NULL while a part is unknown. */
const struct issuance_object *issuance_head(const struct issuance *set,
                                            const struct issuance_object *object);

/* Nothing more happens to the challenge: valid, invalid, expired, errored, or deleted. */
bool issuance_is_over(const struct issuance_object *challenge);
/*
 * Whether a certificate was issued once, so that HTTPS may be served: a missing Secret holds up
 * all of a starting Envoy. A temporary certificate does not count, though it makes Ready True.
 * certificate may be NULL.
 */
bool issuance_was_issued(const struct issuance_object *certificate);
