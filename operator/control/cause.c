/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cause.h"

#include <stdlib.h>
#include <string.h>

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* The objects of the present attempt, NULL from the one on that is not there. */
struct chain {
    const struct issuance_object *issuer;
    const struct issuance_object *request;
    const struct issuance_object *order;
};

static struct chain chain_of(const struct cause_input *in)
{
    struct chain chain = {.issuer = issuance_issuer(in->issuance, in->gateway->ns, in->wish)};
    if (in->certificate)
        chain.request =
            issuance_child(in->issuance, in->gateway->ns, in->certificate->uid, ISSUANCE_REQUEST);
    if (chain.request)
        chain.order =
            issuance_child(in->issuance, in->gateway->ns, chain.request->uid, ISSUANCE_ORDER);
    return chain;
}

static const struct router_verdict *verdict_for(const struct cause_input *in,
                                                const struct issuance_object *challenge)
{
    return in->router ? router_verdict_of(in->router, challenge) : NULL;
}

/* What stands in the way of a live challenge in our own words; "" when nothing does. */
static const char *own_words(const struct cause_input *in, const struct issuance_object *challenge)
{
    const struct router_verdict *verdict = verdict_for(in, challenge);
    return verdict && !issuance_is_over(challenge) ? verdict->message : "";
}

static bool has_failed(const char *state)
{
    return is(state, "invalid") || is(state, "expired") || is(state, "errored");
}

/* How much a challenge tells about the failure of its certificate. */
static int weight(const struct cause_input *in, const struct issuance_object *challenge)
{
    if (has_failed(challenge->challenge.state))
        return 3;
    if (issuance_is_over(challenge))
        return 0;
    return own_words(in, challenge)[0] ? 2 : 1;
}

static const struct issuance_object *telling_challenge(const struct cause_input *in,
                                                       const struct issuance_object *order)
{
    const struct multimap_values *children =
        order ? issuance_children(in->issuance, order->ns, order->uid) : NULL;
    const struct issuance_object *best = NULL;
    for (size_t i = 0; children && i < children->count; i++) {
        const struct issuance_object *child = children->items[i];
        if (child->kind != ISSUANCE_CHALLENGE || weight(in, child) == 0)
            continue;
        int more = best ? weight(in, child) - weight(in, best) : 1;
        if (more > 0 ||
            (more == 0 && strcmp(child->challenge.dns_name, best->challenge.dns_name) < 0))
            best = child;
    }
    return best;
}

static const char *challenge_word(const struct cause_input *in,
                                  const struct issuance_object *challenge)
{
    const struct router_verdict *verdict = verdict_for(in, challenge);
    if (has_failed(challenge->challenge.state))
        return "Failed";
    if (!verdict || verdict->reason == VERDICT_ROUTED || verdict->reason == VERDICT_WAITING ||
        verdict->reason == VERDICT_NO_SOLVER || verdict->reason == VERDICT_NOT_OURS)
        return "ChallengePending";
    return verdict_name(verdict->reason);
}

static struct cause challenge_cause(const struct cause_input *in,
                                    const struct issuance_object *challenge)
{
    const char *state = challenge->challenge.state;
    const char *theirs = challenge->challenge.reason;
    const char *ours = own_words(in, challenge);
    return (struct cause){
        .reason = challenge_word(in, challenge),
        .message = xasprintf("The challenge for %s is %s%s%s%s%s",
                             challenge->challenge.dns_name,
                             state[0] ? state : "not begun",
                             ours[0] || theirs[0] ? ": " : "",
                             ours,
                             ours[0] && theirs[0] ? " " : "",
                             theirs),
    };
}

static bool has_wildcard(const struct issuance_wish *wish)
{
    size_t i;
    const json_t *host;
    json_array_foreach (wish->hosts, i, host)
        if (json_is_string(host) && json_string_value(host)[0] == '*')
            return true;
    return false;
}

/* What cannot work whatever cert-manager does; reason NULL: nothing. */
static struct cause plain_mistake(const struct cause_input *in, const struct chain *chain)
{
    const struct issuance_object *issuer = chain->issuer;
    const struct issuance_object *certificate = in->certificate;
    bool http_only = issuer && issuer->issuer.http01 && !issuer->issuer.dns01;
    if (http_only && has_wildcard(in->wish))
        return (struct cause){.reason = "WildcardNeedsDNS01",
                              .message = xasprintf("Issuer %s solves HTTP-01 only, which cannot "
                                                   "prove a wildcard: use one with DNS-01.",
                                                   issuer->name),
                              .hopeless = true};
    if (http_only && !in->gateway->port80)
        return (struct cause){
            .reason = "Port80Missing",
            .message = xstrdup("HTTP-01 challenges come to port 80, which is not in spec.ports."),
            .hopeless = true};
    if (certificate && (is(certificate->certificate.ready.reason, "IncorrectCertificate") ||
                        is(certificate->certificate.issuing.reason, "IncorrectCertificate")))
        return (struct cause){.reason = "SecretConflict",
                              .message = xasprintf("Secret %s belongs to another Certificate: set "
                                                   "tls.certificate.secretName.",
                                                   in->wish->secret_name),
                              .hopeless = true};
    return (struct cause){.reason = NULL};
}

int64_t cause_recheck_ms(const struct cause_input *in)
{
    if (!in->certificate || !in->certificate->certificate.silent ||
        !in->certificate->certificate.created)
        return 0;
    int64_t age = (in->now - in->certificate->certificate.created) / 1000;
    return age < 0 ? CAUSE_SILENCE_MS : age < CAUSE_SILENCE_MS ? CAUSE_SILENCE_MS - age : 0;
}

static struct cause certificate_cause(const struct cause_input *in)
{
    const struct issuance_object *certificate = in->certificate;
    const struct issuance_condition *ready = &certificate->certificate.ready;
    const struct issuance_condition *issuing = &certificate->certificate.issuing;
    if (issuing->status == ISSUANCE_FALSE && !is(issuing->reason, "Issued"))
        return (struct cause){.reason = "Failed", .message = xstrdup(issuing->message)};
    if (issuing->status == ISSUANCE_TRUE)
        return (struct cause){.reason = "Issuing", .message = xstrdup(issuing->message)};
    if (ready->status == ISSUANCE_FALSE)
        return (struct cause){.reason = "NotReady", .message = xstrdup(ready->message)};
    if (certificate->certificate.silent && certificate->certificate.created &&
        cause_recheck_ms(in) == 0)
        return (struct cause){.reason = "CertManagerNotResponding",
                              .message = xstrdup("cert-manager has not looked at the Certificate: "
                                                 "is its controller running?"),
                              .hopeless = true};
    return (struct cause){.reason = "NotReady",
                          .message =
                              xstrdup("cert-manager has not looked at the Certificate yet.")};
}

static struct cause issuer_cause(const struct issuance_object *issuer)
{
    return (struct cause){
        .reason = "IssuerNotReady",
        .message = xasprintf("Issuer %s: %s", issuer->name, issuer->issuer.ready.message)};
}

struct cause cause_of(const struct cause_input *in)
{
    const struct chain chain = chain_of(in);
    struct cause mistake = plain_mistake(in, &chain);
    if (mistake.reason)
        return mistake;
    /* One of our own Issuer waits for its account. */
    if (!in->certificate && chain.issuer && chain.issuer->issuer.ready.status == ISSUANCE_FALSE)
        return issuer_cause(chain.issuer);
    if (!in->certificate)
        return (struct cause){.reason = "NotReady",
                              .message = xstrdup("The Certificate has not been made yet.")};
    const struct issuance_object *challenge = telling_challenge(in, chain.order);
    if (challenge)
        return challenge_cause(in, challenge);
    if (chain.order) {
        const char *state = chain.order->order.state;
        const char *reason = chain.order->order.reason;
        return (struct cause){.reason = has_failed(state) ? "Failed" : "Issuing",
                              .message = xasprintf("The order at the ACME server is %s%s%s",
                                                   state[0] ? state : "not placed yet",
                                                   reason[0] ? ": " : "",
                                                   reason)};
    }
    /* A request that waits for its issuer knows less than the issuer. */
    bool refused = chain.request && chain.request->request.ready.status == ISSUANCE_FALSE &&
                   !is(chain.request->request.ready.reason, "Pending");
    if (!refused && chain.issuer && chain.issuer->issuer.ready.status == ISSUANCE_FALSE)
        return issuer_cause(chain.issuer);
    if (chain.request && chain.request->request.ready.message[0])
        return (struct cause){.reason = refused ? "Failed" : "Issuing",
                              .message = xstrdup(chain.request->request.ready.message)};
    return certificate_cause(in);
}

static int compare(const void *left, const void *right)
{
    const struct issuance_object *const *a = left;
    const struct issuance_object *const *b = right;
    int order = strcmp((*a)->challenge.dns_name, (*b)->challenge.dns_name);
    return order ? order : strcmp((*a)->name, (*b)->name);
}

static json_t *challenge_json(const struct cause_input *in, const struct issuance_object *challenge)
{
    const struct router_verdict *verdict = verdict_for(in, challenge);
    const char *ours = own_words(in, challenge);
    const char *reason = ours[0] ? ours : challenge->challenge.reason;
    const char *state = challenge->challenge.state;
    return OBJ(F("dnsName", STR(challenge->challenge.dns_name)),
               FOPT("state", state[0] ? STR(state) : NULL),
               FOPT("reason", reason[0] ? STR(reason) : NULL),
               F("routed", BOOL(verdict && verdict_is_routed(verdict->reason))));
}

json_t *cause_challenges(const struct cause_input *in, bool *ret_live)
{
    const struct chain chain = chain_of(in);
    const struct multimap_values *children =
        chain.order ? issuance_children(in->issuance, chain.order->ns, chain.order->uid) : NULL;
    size_t space = children ? children->count : 0;
    AUTO_FREE const struct issuance_object **list =
        xcalloc(space + 1, sizeof(struct issuance_object *));
    json_t *challenges = json_array();
    size_t count = 0;
    *ret_live = false;
    for (size_t i = 0; i < space; i++) {
        const struct issuance_object *child = children->items[i];
        if (child->kind == ISSUANCE_CHALLENGE)
            list[count++] = child;
    }
    if (count > 1)
        qsort(list, count, sizeof(struct issuance_object *), compare);
    for (size_t i = 0; i < count; i++) {
        *ret_live = *ret_live || !issuance_is_over(list[i]);
        json_array_append_new(challenges, challenge_json(in, list[i]));
    }
    return challenges;
}
