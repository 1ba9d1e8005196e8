/* SPDX-License-Identifier: Apache-2.0 */
#include "control/issuance.h"

#include "base/digest.h"
#include "base/now.h"
#include "control/pack.h"
#include "data/object.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(member, value) PACK(issuance_object, member, value)
/* The texts that every record has. */
#define IDENTITY(object)                                                                           \
    TEXT(uid, object_uid(object)), TEXT(ns, object_namespace(object)),                             \
        TEXT(name, object_name(object)), TEXT(owner, owner_of(object, "uid")),                     \
        TEXT(owner_name, owner_of(object, "name"))
#define RECORD(...)                                                                                \
    record_new((const struct pack_text[]){__VA_ARGS__},                                            \
               ARRAY_LEN(((const struct pack_text[]){__VA_ARGS__})))

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static const char *owner_of(const json_t *object, const char *field)
{
    return jx_str(object_controller(object), field, "");
}

static struct issuance_object *record_new(const struct pack_text *texts, size_t count)
{
    struct issuance_object *record = pack_new(sizeof(*record), texts, count);
    if (!record->key)
        record->key = record->uid;
    record->digest = pack_digest(DIGEST_START, texts, count);
    return record;
}

/* The record now holds this too. */
static void note(struct issuance_object *record, int64_t value)
{
    record->digest = digest_add(record->digest, &value, sizeof(value));
}

/* … and these. */
static void note_flags(struct issuance_object *record, bool a, bool b, bool c)
{
    note(record, a);
    note(record, b);
    note(record, c);
}

static int number(const json_t *object, const char *path)
{
    json_int_t value = jx_int(object, path, 0);
    return value < 0 ? 0 : value > INT_MAX ? INT_MAX : (int)value;
}

static const char *annotation(const json_t *object, const char *key)
{
    const char *text =
        json_string_value(json_object_get(jx_object(object, "metadata.annotations"), key));
    return text ? text : "";
}

/* A condition while its record is being made: owns its texts. */
struct condition {
    enum issuance_status status;
    char *reason;
    char *message;
};

#define AUTO_CONDITION AUTO(condition_done)

static void condition_done(struct condition *c)
{
    free(c->reason);
    free(c->message);
}

static const json_t *find_condition(const json_t *object, const char *type)
{
    json_int_t generation = jx_int(object, "metadata.generation", 0);
    size_t i;
    const json_t *each;
    json_array_foreach (jx_array(object, "status.conditions"), i, each)
        if (is(jx_str(each, "type", ""), type) &&
            jx_int(each, "observedGeneration", generation) >= generation)
            return each;
    return NULL;
}

static struct condition condition_of(const json_t *object, const char *type)
{
    const json_t *found = find_condition(object, type);
    const char *status = jx_str(found, "status", "");
    struct condition c = {.status = is(status, "True")    ? ISSUANCE_TRUE
                                    : is(status, "False") ? ISSUANCE_FALSE
                                                          : ISSUANCE_UNKNOWN};
    if (found && !(is(type, "Ready") && c.status == ISSUANCE_TRUE)) {
        c.reason = xstrdup(jx_str(found, "reason", ""));
        c.message = pack_told(jx_str(found, "message", ""), NULL);
    }
    return c;
}

static struct issuance_object *issuer_of(const json_t *object)
{
    AUTO_CONDITION struct condition ready = condition_of(object, "Ready");
    AUTO_FREE char *key = xasprintf("%s/%s", object_namespace(object), object_name(object));
    struct issuance_object *record = RECORD(IDENTITY(object),
                                            TEXT(key, key),
                                            TEXT(issuer.ready.reason, ready.reason),
                                            TEXT(issuer.ready.message, ready.message));
    record->issuer.ready.status = ready.status;
    size_t i;
    const json_t *solver;
    json_array_foreach (jx_array(object, "spec.acme.solvers"), i, solver) {
        record->issuer.http01 = record->issuer.http01 || jx_object(solver, "http01");
        record->issuer.dns01 = record->issuer.dns01 || jx_object(solver, "dns01");
    }
    note(record, ready.status);
    note_flags(record, record->issuer.http01, record->issuer.dns01, false);
    return record;
}

static struct issuance_object *certificate_of(const json_t *object)
{
    AUTO_CONDITION struct condition ready = condition_of(object, "Ready");
    AUTO_CONDITION struct condition issuing = condition_of(object, "Issuing");
    struct issuance_object *record =
        RECORD(IDENTITY(object),
               TEXT(certificate.not_after, jx_str(object, "status.notAfter", "")),
               TEXT(certificate.renewal_time, jx_str(object, "status.renewalTime", "")),
               TEXT(certificate.ready.reason, ready.reason),
               TEXT(certificate.ready.message, ready.message),
               TEXT(certificate.issuing.reason, issuing.reason),
               TEXT(certificate.issuing.message, issuing.message));
    record->certificate.ready.status = ready.status;
    record->certificate.issuing.status = issuing.status;
    record->certificate.revision = number(object, "status.revision");
    record->certificate.attempts = number(object, "status.failedIssuanceAttempts");
    record->certificate.temporary =
        is(annotation(object, "cert-manager.io/issue-temporary-certificate"), "true");
    record->certificate.silent = jx_empty(jx_array(object, "status.conditions"));
    if (now_parse_time(jx_str(object, "metadata.creationTimestamp", ""),
                       &record->certificate.created) < 0)
        record->certificate.created = 0;
    note(record, ready.status);
    note(record, issuing.status);
    note(record, record->certificate.temporary);
    note(record, record->certificate.silent);
    note(record, record->certificate.revision);
    note(record, record->certificate.attempts);
    return record;
}

static struct issuance_object *request_of(const json_t *object)
{
    static const char *const refusals[] = {"Denied", "InvalidRequest"};
    AUTO_CONDITION struct condition ready = condition_of(object, "Ready");
    if (ready.status == ISSUANCE_TRUE)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct condition refusal = condition_of(object, refusals[i]);
        if (refusal.status == ISSUANCE_TRUE) {
            condition_done(&ready);
            ready = refusal;
            ready.status = ISSUANCE_FALSE;
        } else {
            condition_done(&refusal);
        }
    }
    struct issuance_object *record = RECORD(IDENTITY(object),
                                            TEXT(request.ready.reason, ready.reason),
                                            TEXT(request.ready.message, ready.message));
    const char *revision = annotation(object, "cert-manager.io/certificate-revision");
    long value = strtol(revision, NULL, 10);
    record->request.revision = value < 0 || value > INT_MAX ? 0 : (int)value;
    record->request.ready.status = ready.status;
    note(record, record->request.revision);
    note(record, ready.status);
    return record;
}

static struct issuance_object *order_of(const json_t *object)
{
    const char *state = jx_str(object, "status.state", "");
    if (is(state, "valid"))
        return NULL;
    AUTO_FREE char *reason = pack_told(jx_str(object, "status.reason", ""), NULL);
    return RECORD(IDENTITY(object), TEXT(order.state, state), TEXT(order.reason, reason));
}

static enum issuance_solver solver_kind(const json_t *object)
{
    const json_t *solver = jx_object(object, "spec.solver.http01");
    if (jx_object(solver, "gatewayHTTPRoute"))
        return ISSUANCE_BY_GATEWAY_API;
    /* By the old annotation, as our own Issuers do, or by the field: users write both. */
    bool ours = is(jx_str(solver, "ingress.class", ""), ISSUANCE_CLASS) ||
                is(jx_str(solver, "ingress.ingressClassName", ""), ISSUANCE_CLASS);
    return ours ? ISSUANCE_BY_OURS : ISSUANCE_BY_INGRESS;
}

static char *lower(const char *name)
{
    char *copy = xstrdup(name);
    for (char *c = copy; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

static struct issuance_object *challenge_of(const json_t *object)
{
    AUTO_FREE char *name = lower(jx_str(object, "spec.dnsName", ""));
    AUTO_FREE char *reason =
        pack_told(jx_str(object, "status.reason", ""), jx_str(object, "spec.key", NULL));
    struct issuance_object *record =
        RECORD(IDENTITY(object),
               TEXT(challenge.dns_name, name),
               TEXT(challenge.token, jx_str(object, "spec.token", "")),
               TEXT(challenge.state, jx_str(object, "status.state", "")),
               TEXT(challenge.reason, reason));
    record->challenge.solver = solver_kind(object);
    record->challenge.http01 = is(jx_str(object, "spec.type", ""), "HTTP-01");
    record->challenge.processing = jx_bool(object, "status.processing", false);
    record->challenge.deleting = jx_get(object, "metadata.deletionTimestamp") != NULL;
    note(record, record->challenge.solver);
    note_flags(
        record, record->challenge.http01, record->challenge.processing, record->challenge.deleting);
    return record;
}

static struct issuance_object *solver_of(const json_t *object)
{
    int port = number(json_array_get(jx_array(object, "spec.ports"), 0), "port");
    if (jx_get(object, "metadata.deletionTimestamp") || port == 0)
        return NULL;
    struct issuance_object *record = RECORD(IDENTITY(object));
    record->solver.port = port;
    note(record, record->solver.port);
    return record;
}

struct issuance_object *issuance_of(enum issuance_kind kind, const json_t *object)
{
    static struct issuance_object *(*const makers[ISSUANCE_KINDS])(const json_t *) = {
        [ISSUANCE_ISSUER] = issuer_of,
        [ISSUANCE_CERTIFICATE] = certificate_of,
        [ISSUANCE_REQUEST] = request_of,
        [ISSUANCE_ORDER] = order_of,
        [ISSUANCE_CHALLENGE] = challenge_of,
        [ISSUANCE_SOLVER] = solver_of,
    };
    struct issuance_object *record = makers[kind](object);
    if (record)
        record->kind = kind;
    return record;
}

static char *owner_key(const char *ns, const char *uid)
{
    return xasprintf("%s/%s", ns, uid);
}

static void forget(struct issuance *set, struct issuance_object *record)
{
    AUTO_FREE char *owner = owner_key(record->ns, record->owner);
    HASH_DEL(set->objects[record->kind], record);
    multimap_remove(&set->children, owner, record);
    free(record);
}

/* The record that stands for the object now. */
static struct issuance_object *known(const struct issuance *set, enum issuance_kind kind,
                                     const json_t *object)
{
    if (kind != ISSUANCE_ISSUER)
        return issuance_find(set, kind, object_uid(object));
    AUTO_FREE char *key = xasprintf("%s/%s", object_namespace(object), object_name(object));
    return issuance_find(set, kind, key);
}

bool issuance_put(struct issuance *set, enum issuance_kind kind, const json_t *object)
{
    struct issuance_object *old = known(set, kind, object);
    struct issuance_object *record = issuance_of(kind, object);
    if (old && record && old->digest == record->digest) {
        old->seen = true;
        free(record);
        return false;
    }
    if (old)
        forget(set, old);
    if (record) {
        record->seen = true;
        HASH_ADD_KEYPTR(hh, set->objects[kind], record->key, strlen(record->key), record);
        AUTO_FREE char *owner = owner_key(record->ns, record->owner);
        if (record->owner[0])
            multimap_add(&set->children, owner, record);
    }
    return old || record;
}

bool issuance_remove(struct issuance *set, enum issuance_kind kind, const json_t *object)
{
    struct issuance_object *record = known(set, kind, object);
    if (!record || !is(record->uid, object_uid(object)))
        return false;
    forget(set, record);
    return true;
}

void issuance_begin(struct issuance *set, enum issuance_kind kind, const char *scope)
{
    struct issuance_object *record;
    struct issuance_object *next;
    HASH_ITER (hh, set->objects[kind], record, next)
        if (object_in_scope(scope, record->ns))
            record->seen = false;
}

bool issuance_synced(struct issuance *set, enum issuance_kind kind, const char *scope)
{
    struct issuance_object *record;
    struct issuance_object *next;
    bool changed = false;
    HASH_ITER (hh, set->objects[kind], record, next) {
        if (record->seen || !object_in_scope(scope, record->ns))
            continue;
        forget(set, record);
        changed = true;
    }
    return changed;
}

void issuance_done(struct issuance *set)
{
    for (size_t kind = 0; kind < ISSUANCE_KINDS; kind++)
        while (set->objects[kind])
            forget(set, set->objects[kind]);
    multimap_done(&set->children);
}

struct issuance_object *issuance_find(const struct issuance *set, enum issuance_kind kind,
                                      const char *key)
{
    struct issuance_object *record;
    HASH_FIND_STR(set->objects[kind], key, record);
    return record;
}

static bool goes_before(const struct issuance_object *a, const struct issuance_object *b)
{
    if (a->kind == ISSUANCE_REQUEST && a->request.revision != b->request.revision)
        return a->request.revision > b->request.revision;
    return strcmp(a->name, b->name) < 0;
}

const struct multimap_values *issuance_children(const struct issuance *set, const char *ns,
                                                const char *uid)
{
    AUTO_FREE char *owner = owner_key(ns, uid);
    return multimap_find(&set->children, owner);
}

struct issuance_object *issuance_child(const struct issuance *set, const char *ns, const char *uid,
                                       enum issuance_kind kind)
{
    const struct multimap_values *children = issuance_children(set, ns, uid);
    struct issuance_object *first = NULL;
    for (size_t i = 0; children && i < children->count; i++) {
        struct issuance_object *child = children->items[i];
        if (child->kind == kind && (!first || goes_before(child, first)))
            first = child;
    }
    return first;
}

struct issuance_object *issuance_certificate(const struct issuance *set, const char *ns,
                                             const char *gateway_uid, const char *name)
{
    const struct multimap_values *children = issuance_children(set, ns, gateway_uid);
    for (size_t i = 0; children && i < children->count; i++) {
        struct issuance_object *child = children->items[i];
        if (child->kind == ISSUANCE_CERTIFICATE && is(child->name, name))
            return child;
    }
    return NULL;
}

struct issuance_object *issuance_issuer(const struct issuance *set, const char *ns,
                                        const struct issuance_wish *wish)
{
    bool cluster = is(wish->issuer_kind, "ClusterIssuer");
    if (!is(wish->issuer_group, "cert-manager.io") || !(cluster || is(wish->issuer_kind, "Issuer")))
        return NULL;
    AUTO_FREE char *key = xasprintf("%s/%s", cluster ? "" : ns, wish->issuer_name);
    return issuance_find(set, ISSUANCE_ISSUER, key);
}

const struct issuance_object *issuance_head(const struct issuance *set,
                                            const struct issuance_object *object)
{
    while (object && object->kind > ISSUANCE_CERTIFICATE) {
        const struct issuance_object *owner = issuance_find(set, object->kind - 1, object->owner);
        object = owner && is(owner->ns, object->ns) ? owner : NULL;
    }
    return object && object->kind == ISSUANCE_CERTIFICATE ? object : NULL;
}

bool issuance_is_over(const struct issuance_object *challenge)
{
    static const char *const final[] = {"valid", "invalid", "expired", "errored"};
    for (size_t i = 0; i < ARRAY_LEN(final); i++)
        if (is(challenge->challenge.state, final[i]))
            return true;
    return challenge->challenge.deleting;
}

bool issuance_was_issued(const struct issuance_object *certificate)
{
    if (!certificate)
        return false;
    return certificate->certificate.revision >= 1 ||
           (certificate->certificate.ready.status == ISSUANCE_TRUE &&
            certificate->certificate.issuing.status != ISSUANCE_TRUE &&
            certificate->certificate.attempts == 0);
}
