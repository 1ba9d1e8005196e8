/* SPDX-License-Identifier: Apache-2.0 */
/* Which changes of a status are events, one after the other. */
#include "control/news.h"
#include "support/json.h"
#include "support/unit.h"

#define ACCEPTED   "{'type':'Accepted','status':'True','reason':'Accepted'}"
#define PROGRAMMED "{'type':'Programmed','status':'True','reason':'Programmed'}"
#define STATUS(accepted, programmed, available)                                                    \
    "{'conditions':[" accepted "," programmed ",{'type':'Available'," available "}]}"
#define REFUSED(reason, message)                                                                   \
    "{'type':'Programmed','status':'False','reason':'" reason "','message':'" message "'}"
#define AVAILABLE(available) STATUS(ACCEPTED, PROGRAMMED, available)
#define ALL_OF_2             "'status':'True','reason':'Available','message':'2 of 2'"
#define ONE_OF_2             "'status':'False','reason':'Progressing','message':'1 of 2'"
#define NONE_OF_2            "'status':'False','reason':'Unavailable','message':'0 of 2'"
#define STUCK                "'status':'False','reason':'RolloutFailed','message':'quota'"
#define ROLLING              "'status':'True','reason':'RolloutInProgress','message':'2 of 2, rolling'"
#define ZERO                 "'status':'True','reason':'ScaledToZero','message':'0 of 0'"
#define NO_DEPLOYMENT        "'status':'False','reason':'NoDeployment','message':'none'"
#define SERVED(programmed)   STATUS(ACCEPTED, programmed, ALL_OF_2)
#define INVALID                                                                                    \
    "{'type':'Accepted','status':'False','reason':'InvalidSpec','message':'spec.type: bad'}"
#define UNKNOWN "{'type':'Programmed','status':'Unknown','reason':'InvalidSpec','message':'old'}"

struct row {
    const char *status;
    const char *told; /* of this status after the one of the row before */
};

static const struct row rows[] = {
    /* A new gateway, and a rollout. */
    {AVAILABLE(NO_DEPLOYMENT), ""},
    {AVAILABLE(NONE_OF_2), ""},
    {AVAILABLE(ONE_OF_2), "Normal Available: 1 of 2\n"},
    {AVAILABLE(ALL_OF_2), ""},
    {AVAILABLE(ROLLING), ""},
    {AVAILABLE(ONE_OF_2), ""}, /* scaled up, or a pod went */
    {AVAILABLE(ALL_OF_2), ""},
    /* Nobody serves. */
    {AVAILABLE(NONE_OF_2), "Warning Unavailable: 0 of 2\n"},
    {AVAILABLE(NONE_OF_2), ""},
    {AVAILABLE(ALL_OF_2), "Normal Available: 2 of 2\n"},
    {AVAILABLE(ZERO), ""},
    {AVAILABLE(NONE_OF_2), ""},
    {AVAILABLE(ALL_OF_2), "Normal Available: 2 of 2\n"},
    /* A rollout that is stuck. */
    {AVAILABLE(STUCK), "Warning RolloutFailed: quota\n"},
    {AVAILABLE(STUCK), ""},
    {AVAILABLE(NONE_OF_2), ""},
    {AVAILABLE(STUCK), "Warning RolloutFailed: quota\n"},
    {AVAILABLE(ALL_OF_2), "Normal Available: 2 of 2\n"},
    /* What people must mend. */
    {STATUS(INVALID, UNKNOWN, ALL_OF_2), "Warning InvalidSpec: spec.type: bad\n"},
    {STATUS(INVALID, UNKNOWN, ALL_OF_2), ""},
    {SERVED(REFUSED("Conflict", "Service gw")), "Warning Conflict: Service gw\n"},
    {SERVED(REFUSED("Conflict", "Service gw")), ""},
    {SERVED(REFUSED("Conflict", "Service gw; Deployment gw")),
     "Warning Conflict: Service gw; Deployment gw\n"},
    {SERVED(REFUSED("Contested", "Service gw")), "Warning Contested: Service gw\n"},
    {SERVED(REFUSED("Denied", "no")), "Warning Denied: no\n"},
    {SERVED(REFUSED("Rejected", "port")), "Warning Rejected: port\n"},
    {SERVED(REFUSED("QuotaExceeded", "q")), "Warning QuotaExceeded: q\n"},
    {SERVED(REFUSED("ApplyFailed", "webhook")), "Warning ApplyFailed: webhook\n"},
    {SERVED(PROGRAMMED), ""},
    /* What people asked for. */
    {SERVED(REFUSED("Paused", "as asked")), ""},
    {SERVED(REFUSED("NamespaceTerminating", "as asked")), ""},
};

START_TEST(changes_are_told_once)
{
    json_auto_t *before = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *now = json_from(rows[i].status);
        struct news news[NEWS_MAX];
        size_t count = news_make(before, now, news);
        AUTO_FREE char *told = xstrdup("");
        for (size_t n = 0; n < count; n++) {
            char *longer =
                xasprintf("%s%s %s: %s\n", told, news[n].type, news[n].reason, news[n].note);
            free(told);
            told = longer;
        }
        ck_assert_msg(strcmp(told, rows[i].told) == 0, "row %zu: %s", i, told);
        json_decref(before);
        before = json_incref(now);
    }
}
END_TEST

static struct strbuf told;

static void collect(void *arg, const char *type, const char *reason, const char *note)
{
    (void)arg;
    strbuf_addf(&told, "%s %s: %s\n", type, reason, note);
}

START_TEST(certificates)
{
    static const struct {
        const char *before, *now, *told;
    } cases[] = {
        {"{'server':'s'}", "{'server':'s','phase':'Pending'}", ""},
        {"{'server':'s'}",
         "{'server':'s','hosts':['a.b','c.d'],'notAfter':'2027-01-01T00:00:00Z','phase':'Ready'}",
         "Normal CertificateIssued: Certificate for a.b, c.d issued, valid until "
         "2027-01-01T00:00:00Z\n"},
        {"{'server':'s','notAfter':'2027-01-01T00:00:00Z'}",
         "{'server':'s','notAfter':'2027-01-01T00:00:00Z','phase':'Renewing'}",
         ""},
        {"{'server':'s','notAfter':'2027-01-01T00:00:00Z'}",
         "{'server':'s','hosts':['a.b'],'notAfter':'2027-02-01T00:00:00Z','phase':'Ready'}",
         "Normal CertificateIssued: Certificate for a.b issued, valid until "
         "2027-02-01T00:00:00Z\n"},
        {"{'server':'other','phase':'Failed'}",
         "{'server':'s','hosts':['a.b'],'phase':'Failed','message':'no DNS'}",
         "Warning CertificateFailed: Certificate for a.b: no DNS\n"},
        {"{'server':'s','phase':'Failed','message':'no DNS'}",
         "{'server':'s','hosts':['a.b'],'phase':'Failed','message':'no DNS'}",
         ""},
        {"{'server':'s','challenges':[{'routed':false}]}",
         "{'server':'s','hosts':['a.b'],'challenges':[{'routed':false},{'routed':true}]}",
         "Normal ChallengeRouted: Challenges of the certificate for a.b reach their solver\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *before = OBJ(F("certificates", ARR(json_from(cases[i].before))));
        json_auto_t *now = OBJ(F("certificates", ARR(json_from(cases[i].now))));
        told = (struct strbuf)STRBUF_INIT(1000);
        news_of_certificates(before, now, collect, NULL);
        ck_assert_str_eq(told.text, cases[i].told);
        strbuf_done(&told);
    }
}
END_TEST

UNIT_MAIN("news", certificates, changes_are_told_once)
