/* SPDX-License-Identifier: Apache-2.0 */
#include "control/news.h"

#include "base/limits.h"
#include "control/conditions.h"
#include "control/status.h"

#include <string.h>

static bool has(const json_t *condition, const char *key, const char *value)
{
    return strcmp(jx_str(condition, key, ""), value) == 0;
}

static void add(struct news *list, size_t *count, const char *type, const char *reason,
                const json_t *condition)
{
    list[(*count)++] =
        (struct news){.type = type, .reason = reason, .note = jx_str(condition, "message", "")};
}

/* Somebody asked for these two, and knows. */
static bool is_asked_for(const json_t *condition)
{
    return has(condition, "reason", "Paused") || has(condition, "reason", "NamespaceTerminating");
}

/* As far as the condition Available tells: at least one pod takes requests. */
static bool serves_somebody(const json_t *available)
{
    return has(available, "reason", "Progressing") ||
           (has(available, "status", "True") && !has(available, "reason", "ScaledToZero"));
}

static const json_t *entry_of(const json_t *certificates, const char *server)
{
    size_t i;
    const json_t *entry;
    json_array_foreach (certificates, i, entry)
        if (has(entry, "server", server))
            return entry;
    return NULL;
}

static bool is_routed(const json_t *entry)
{
    size_t i;
    const json_t *challenge;
    json_array_foreach (jx_array(entry, "challenges"), i, challenge)
        if (jx_bool(challenge, "routed", false))
            return true;
    return false;
}

size_t news_make(const json_t *before, const json_t *now, struct news ret[NEWS_MAX])
{
    static const char *const mended_by_people[] = {"Accepted", "Programmed", "InjectionReady"};
    const json_t *old_list = jx_array(before, "conditions");
    const json_t *list = jx_array(now, "conditions");
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(mended_by_people); i++) {
        const json_t *condition = conditions_find(list, mended_by_people[i]);
        bool to_mend =
            has(condition, "status", "False") || has(condition, "reason", STATUS_LEFT_OVER);
        if (to_mend && !is_asked_for(condition) &&
            !json_equal(condition, conditions_find(old_list, mended_by_people[i])))
            add(ret, &count, "Warning", jx_str(condition, "reason", ""), condition);
    }
    const json_t *available = conditions_find(list, "Available");
    const json_t *was_available = conditions_find(old_list, "Available");
    bool served = serves_somebody(was_available);
    if (has(available, "reason", "RolloutFailed") && !has(was_available, "reason", "RolloutFailed"))
        add(ret, &count, "Warning", "RolloutFailed", available);
    else if (has(available, "reason", "Unavailable") && served)
        add(ret, &count, "Warning", "Unavailable", available);
    else if (serves_somebody(available) && !served)
        add(ret, &count, "Normal", "Available", available);
    return count;
}

/* "a.example.com, b.example.com" */
static void list_hosts(const json_t *entry, struct strbuf *out)
{
    size_t i;
    const json_t *host;
    json_array_foreach (jx_array(entry, "hosts"), i, host)
        strbuf_addf(out, "%s%s", i ? ", " : "", json_string_value(host));
}

/* Of one certificate: issued (also anew), failed, or its challenge is answered from now on. */
static void tell_certificate(const json_t *before, const json_t *now, news_tell *tell, void *arg)
{
    AUTO_STRBUF struct strbuf hosts = STRBUF_INIT(LIMIT_EVENT_NOTE);
    const char *ends = jx_str(now, "notAfter", "");
    const char *why = jx_str(now, "message", "");
    list_hosts(now, &hosts);
    bool failed_before =
        has(before, "phase", "Failed") && strcmp(jx_str(before, "message", ""), why) == 0;
    if (ends[0] && strcmp(ends, jx_str(before, "notAfter", "")) != 0) {
        AUTO_FREE char *note =
            xasprintf("Certificate for %s issued, valid until %s", hosts.text, ends);
        tell(arg, "Normal", "CertificateIssued", note);
    } else if (has(now, "phase", "Failed") && !failed_before) {
        AUTO_FREE char *note = xasprintf("Certificate for %s: %s", hosts.text, why);
        tell(arg, "Warning", "CertificateFailed", note);
    } else if (is_routed(now) && !is_routed(before)) {
        AUTO_FREE char *note =
            xasprintf("Challenges of the certificate for %s reach their solver", hosts.text);
        tell(arg, "Normal", "ChallengeRouted", note);
    }
}

void news_of_certificates(const json_t *before, const json_t *now, news_tell *tell, void *arg)
{
    size_t i;
    const json_t *entry;
    json_array_foreach (jx_array(now, "certificates"), i, entry)
        tell_certificate(entry_of(jx_array(before, "certificates"), jx_str(entry, "server", "")),
                         entry,
                         tell,
                         arg);
}
