/* SPDX-License-Identifier: Apache-2.0 */
#include "control/certstatus.h"

#include "base/limits.h"
#include "base/now.h"
#include "control/cause.h"

#include <stdlib.h>
#include <string.h>

/* In the order in which they are told when there are several. */
enum phase { READY, RENEWING, PENDING, ISSUING, CHALLENGING, FAILED };

static const char *const phase_names[] = {
    [READY] = "Ready",
    [RENEWING] = "Renewing",
    [PENDING] = "Pending",
    [ISSUING] = "Issuing",
    [CHALLENGING] = "Challenging",
    [FAILED] = "Failed",
};

/* One certificate while its entry is being made. */
struct entry {
    const struct issuance_wish *wish;
    const struct issuance_object *certificate;
    const json_t *old;
    enum phase phase;
    bool issued;
    bool serves; /* a valid certificate is there, whatever else goes on */
    struct cause cause;
    json_t *challenges;
};

static const json_t *old_entry(const json_t *old, const struct issuance_wish *wish)
{
    size_t i;
    const json_t *each;
    json_array_foreach (old, i, each)
        if (strcmp(jx_str(each, "server", ""), wish->server) == 0 &&
            strcmp(jx_str(each, "secretName", ""), wish->secret_name) == 0)
            return each;
    return NULL;
}

bool certstatus_was_issued(const struct issuance_object *certificate,
                           const struct issuance_wish *wish, const json_t *old)
{
    return issuance_was_issued(certificate) ||
           jx_str(old_entry(old, wish), "notAfter", "")[0] != '\0';
}

static enum phase phase_of(const struct entry *e, bool live)
{
    if (!e->certificate)
        return e->cause.hopeless ? FAILED : PENDING;
    const struct issuance_condition *ready = &e->certificate->certificate.ready;
    const struct issuance_condition *issuing = &e->certificate->certificate.issuing;
    bool failed = issuing->status == ISSUANCE_FALSE && strcmp(issuing->reason, "Issued") != 0;
    if (e->serves)
        return issuing->status == ISSUANCE_TRUE || failed ? RENEWING : READY;
    if (e->cause.hopeless || failed)
        return FAILED;
    if (issuing->status == ISSUANCE_TRUE)
        return e->issued ? RENEWING : live ? CHALLENGING : ISSUING;
    return ready->status == ISSUANCE_TRUE ? ISSUING : PENDING;
}

static void read_entry(struct entry *e, const struct certstatus_input *in,
                       const struct issuance_wish *wish, int64_t *recheck_ms)
{
    struct cause_input cause = {.gateway = in->gateway,
                                .issuance = in->issuance,
                                .router = in->router,
                                .wish = wish,
                                .certificate = issuance_certificate(
                                    in->issuance, in->gateway->ns, in->gateway->uid, wish->name),
                                .now = in->now};
    bool live;
    *e = (struct entry){.wish = wish, .certificate = cause.certificate};
    e->old = old_entry(in->old, wish);
    e->issued = certstatus_was_issued(e->certificate, wish, in->old);
    e->serves =
        e->issued && e->certificate && e->certificate->certificate.ready.status == ISSUANCE_TRUE;
    e->challenges = cause_challenges(&cause, &live);
    if (in->cert_manager)
        e->cause = cause_of(&cause);
    else
        e->cause = (struct cause){.reason = "CertManagerNotInstalled",
                                  .message = xstrdup("cert-manager is not installed.")};
    e->phase = phase_of(e, live);
    int64_t recheck = in->cert_manager ? cause_recheck_ms(&cause) : 0;
    if (recheck > 0 && (*recheck_ms == 0 || recheck < *recheck_ms))
        *recheck_ms = recheck;
}

static void entry_done(struct entry *e)
{
    free(e->cause.message);
    json_decref(e->challenges);
}

/* A time of the Certificate, or while there is none the one told before; NULL: neither. */
static json_t *time_json(const struct entry *e, const char *of_certificate, const char *field)
{
    const char *text =
        e->certificate && of_certificate[0] ? of_certificate : jx_str(e->old, field, "");
    int64_t time;
    return now_parse_time(text, &time) == 0 ? STR(text) : NULL;
}

static json_t *entry_json(const struct entry *e)
{
    const struct issuance_wish *wish = e->wish;
    const struct issuance_object *certificate = e->certificate;
    const char *not_after = certificate ? certificate->certificate.not_after : "";
    const char *renewal = certificate ? certificate->certificate.renewal_time : "";
    int attempts = certificate ? certificate->certificate.attempts : 0;
    bool told = e->phase != READY;
    return OBJ(
        F("server", STR(wish->server)),
        F("hosts", json_deep_copy(wish->hosts)),
        F("secretName", STR(wish->secret_name)),
        F("issuerRef",
          OBJ(F("name", STR(wish->issuer_name)),
              F("kind", STR(wish->issuer_kind)),
              F("group", STR(wish->issuer_group)))),
        F("phase", STR(phase_names[e->phase])),
        FOPT("notAfter", e->issued ? time_json(e, not_after, "notAfter") : NULL),
        FOPT("renewalTime", e->issued ? time_json(e, renewal, "renewalTime") : NULL),
        FOPT("attempts", attempts > 0 ? INT(attempts) : NULL),
        FOPT("reason", told ? STR(e->cause.reason) : NULL),
        FOPT("message", told ? STR(e->cause.message) : NULL),
        FOPT("challenges", told && json_array_size(e->challenges) > 0 ? REF(e->challenges) : NULL));
}

/* What several certificates come to: the worst gives the reason, each that is not there is told. */
struct summary {
    const struct certstatus_input *in;
    struct strbuf missing;
    struct strbuf failing; /* renewals of certificates that are still valid */
    const char *reason;
    enum phase worst;
};

static void add_to(struct strbuf *text, const struct entry *e)
{
    strbuf_addf(text, "%sserver %s: %s", text->len ? "; " : "", e->wish->server, e->cause.message);
}

static void summarize(struct summary *s, const struct entry *e)
{
    if (!e->serves) {
        add_to(&s->missing, e);
        if (!s->reason || e->phase > s->worst) {
            s->worst = e->phase;
            s->reason = e->cause.reason;
        }
    } else if (e->certificate->certificate.issuing.status == ISSUANCE_FALSE &&
               e->phase == RENEWING) {
        add_to(&s->failing, e);
    }
}

static void conclude(struct summary *s, struct certstatus *ret)
{
    ret->status = s->missing.len > 0 ? CONDITION_FALSE : CONDITION_TRUE;
    if (s->missing.len > 0 && s->in->cert_manager && !s->in->istio) {
        ret->reason = "IstioNotInstalled";
        ret->message = xstrdup("Istio is not installed: challenges cannot be routed.");
    } else if (s->missing.len > 0) {
        ret->reason = s->reason;
        ret->message = strbuf_take(&s->missing);
    } else if (s->failing.len > 0) {
        ret->reason = "RenewalFailed";
        ret->message = strbuf_take(&s->failing);
    } else {
        ret->reason = "Issued";
        ret->message = xstrdup("All certificates are issued.");
    }
}

void certstatus_make(const struct certstatus_input *in, struct certstatus *ret)
{
    *ret = (struct certstatus){.status = CONDITION_TRUE};
    if (in->gateway->wish_count == 0)
        return;
    struct summary s = {.in = in,
                        .missing = STRBUF_INIT(LIMIT_ERROR_BODY),
                        .failing = STRBUF_INIT(LIMIT_ERROR_BODY)};
    ret->certificates = json_array();
    for (size_t i = 0; i < in->gateway->wish_count; i++) {
        struct entry e;
        read_entry(&e, in, &in->gateway->wishes[i], &ret->recheck_ms);
        json_array_append_new(ret->certificates, entry_json(&e));
        summarize(&s, &e);
        entry_done(&e);
    }
    conclude(&s, ret);
    strbuf_done(&s.missing);
    strbuf_done(&s.failing);
}

void certstatus_done(struct certstatus *status)
{
    json_decref(status->certificates);
    free(status->message);
    *status = (struct certstatus){.reason = NULL};
}
