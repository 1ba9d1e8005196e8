/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen.h"

#include "base/limits.h"
#include "cli/table.h"
#include "data/jx.h"

#include <string.h>

/* Longer messages are cut unless all is wanted; they must not hide the next line. */
#define MESSAGE_MAX 120

/* Cut at a character. */
static json_t *message(const char *text, bool wide)
{
    size_t len = strlen(text);
    if (wide || len <= MESSAGE_MAX)
        return STR(text);
    len = MESSAGE_MAX;
    while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
        len--;
    return jx_stringf("%.*s…", (int)len, text);
}

static json_t *age(const json_t *object, const char *path, int64_t now_us)
{
    AUTO_FREE char *text = table_age(jx_str(object, path, NULL), now_us);
    return STR(text);
}

static char *join(const json_t *list, const char *path)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_ERROR_BODY);
    size_t i;
    json_t *each;
    json_array_foreach (list, i, each)
        strbuf_addf(&text, "%s%s", i ? ", " : "", jx_str(each, path, ""));
    return strbuf_take(&text);
}

static void write_summary(const json_t *report, int64_t now_us, struct strbuf *out)
{
    AUTO_FREE char *created = table_age(jx_str(report, "created", NULL), now_us);
    AUTO_FREE char *addresses = join(jx_array(report, "addresses"), "value");
    const json_t *pods = jx_object(report, "pods");
    json_auto_t *rows = json_array();
    json_array_append_new(
        rows,
        ARR(STR("Gateway"),
            jx_stringf("%s/%s", jx_str(report, "namespace", ""), jx_str(report, "name", ""))));
    json_array_append_new(
        rows,
        ARR(STR("Type"),
            jx_stringf("%s, Service %s, %s old%s",
                       jx_str(report, "type", "?"),
                       jx_str(report, "serviceType", "not there"),
                       created,
                       jx_bool(report, "paused", false) ? ", PAUSED: only its status is written"
                                                        : "")));
    json_array_append_new(rows, ARR(STR("Addresses"), STR(addresses)));
    json_array_append_new(rows,
                          ARR(STR("Pods"),
                              jx_stringf("%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
                                         " ready, %" JSON_INTEGER_FORMAT
                                         " available, %" JSON_INTEGER_FORMAT " of the new kind",
                                         jx_int(pods, "ready", 0),
                                         jx_int(pods, "wanted", 0),
                                         jx_int(pods, "available", 0),
                                         jx_int(pods, "updated", 0))));
    json_array_append_new(rows, ARR(STR("Rollout"), STR(jx_str(report, "rollout", ""))));
    json_array_append_new(rows, ARR(STR("Proxy"), STR(jx_str(report, "image", ""))));
    if (jx_get(report, "problem"))
        json_array_append_new(rows, ARR(STR("Problem"), STR(jx_str(report, "problem", ""))));
    table_write(rows, out);
}

static void write_conditions(const json_t *report, bool wide, int64_t now_us, struct strbuf *out)
{
    json_auto_t *rows = json_array();
    size_t i;
    json_t *each;
    json_array_append_new(
        rows, ARR(STR("CONDITION"), STR("STATUS"), STR("REASON"), STR("AGE"), STR("MESSAGE")));
    json_array_foreach (jx_array(report, "conditions"), i, each)
        json_array_append_new(rows,
                              ARR(STR(jx_str(each, "type", "")),
                                  STR(jx_str(each, "status", "")),
                                  STR(jx_str(each, "reason", "")),
                                  age(each, "lastTransitionTime", now_us),
                                  message(jx_str(each, "message", ""), wide)));
    strbuf_addc(out, '\n');
    if (i == 0)
        strbuf_adds(out, "No conditions yet: does the operator run?\n");
    else
        table_write(rows, out);
}

/* A certificate may be for a hundred names. */
static json_t *hosts_text(const json_t *certificate, bool wide)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_ERROR_BODY);
    const json_t *hosts = jx_array(certificate, "hosts");
    size_t count = json_array_size(hosts);
    size_t shown = wide || count < 3 ? count : 1;
    for (size_t i = 0; i < shown; i++) {
        const char *name = json_string_value(json_array_get(hosts, i));
        strbuf_addf(&text, "%s%s", i ? ", " : "", name ? name : "");
    }
    if (shown < count)
        strbuf_addf(&text, " and %zu more", count - shown);
    return STR(text.text);
}

static void write_challenges(const json_t *report, bool wide, struct strbuf *out)
{
    json_auto_t *rows =
        ARR(ARR(STR("CHALLENGE"), STR("SERVER"), STR("STATE"), STR("ROUTED"), STR("REASON")));
    size_t i, k;
    const json_t *certificate, *each;
    json_array_foreach (jx_array(report, "certificates"), i, certificate)
        json_array_foreach (jx_array(certificate, "challenges"), k, each)
            json_array_append_new(rows,
                                  ARR(STR(jx_str(each, "dnsName", "")),
                                      STR(jx_str(certificate, "server", "")),
                                      STR(jx_str(each, "state", "")),
                                      STR(jx_bool(each, "routed", false) ? "yes" : "no"),
                                      message(jx_str(each, "reason", ""), wide)));
    if (json_array_size(rows) == 1)
        return;
    strbuf_addc(out, '\n');
    table_write(rows, out);
}

static void write_certificates(const json_t *report, bool wide, struct strbuf *out)
{
    json_auto_t *rows = ARR(ARR(STR("CERTIFICATE"),
                                STR("PHASE"),
                                STR("HOSTS"),
                                STR("UNTIL"),
                                STR("RENEWAL"),
                                STR("MESSAGE")));
    size_t i;
    const json_t *each;
    json_array_foreach (jx_array(report, "certificates"), i, each)
        json_array_append_new(rows,
                              ARR(STR(jx_str(each, "server", "")),
                                  STR(jx_str(each, "phase", "")),
                                  hosts_text(each, wide),
                                  STR(jx_str(each, "notAfter", "")),
                                  STR(jx_str(each, "renewalTime", "")),
                                  message(jx_str(each, "message", ""), wide)));
    if (i == 0)
        return;
    strbuf_addc(out, '\n');
    table_write(rows, out);
    write_challenges(report, wide, out);
}

static void write_objects(const json_t *report, bool wide, int64_t now_us, struct strbuf *out)
{
    json_auto_t *rows = json_array();
    size_t i;
    json_t *each;
    json_array_append_new(rows, ARR(STR("OBJECT"), STR("STATE"), STR("AGE"), STR("DETAIL")));
    json_array_foreach (jx_array(report, "objects"), i, each)
        json_array_append_new(
            rows,
            ARR(jx_stringf("%s/%s", jx_str(each, "kind", ""), jx_str(each, "name", "")),
                STR(jx_str(each, "state", "")),
                age(each, "created", now_us),
                message(jx_str(each, "detail", ""), wide)));
    strbuf_addc(out, '\n');
    table_write(rows, out);
}

/* A number or a name; 0 is no port. */
static json_t *port_text(const json_t *port, const char *key)
{
    json_int_t number = jx_int(port, key, 0);
    return number ? jx_stringf("%" JSON_INTEGER_FORMAT, number) : STR(jx_str(port, key, ""));
}

static void write_ports(const json_t *report, struct strbuf *out)
{
    json_auto_t *rows = json_array();
    size_t i;
    json_t *each;
    json_array_append_new(
        rows, ARR(STR("PORT"), STR("NAME"), STR("PROTOCOL"), STR("TARGET"), STR("NODEPORT")));
    json_array_foreach (jx_array(report, "ports"), i, each)
        json_array_append_new(rows,
                              ARR(port_text(each, "port"),
                                  STR(jx_str(each, "name", "")),
                                  STR(jx_str(each, "protocol", "TCP")),
                                  port_text(each, "targetPort"),
                                  port_text(each, "nodePort")));
    if (i == 0)
        return;
    strbuf_addc(out, '\n');
    table_write(rows, out);
}

static void write_events(const json_t *report, bool wide, int64_t now_us, struct strbuf *out)
{
    json_auto_t *rows = json_array();
    size_t i;
    json_t *each;
    json_array_append_new(
        rows,
        ARR(STR("EVENT"), STR("TYPE"), STR("OBJECT"), STR("TIMES"), STR("AGE"), STR("MESSAGE")));
    json_array_foreach (jx_array(report, "events"), i, each)
        json_array_append_new(rows,
                              ARR(STR(jx_str(each, "reason", "")),
                                  STR(jx_str(each, "type", "")),
                                  STR(jx_str(each, "object", "")),
                                  jx_stringf("%" JSON_INTEGER_FORMAT, jx_int(each, "count", 1)),
                                  age(each, "time", now_us),
                                  message(jx_str(each, "message", ""), wide)));
    strbuf_addc(out, '\n');
    if (jx_get(report, "eventsProblem"))
        strbuf_addf(out, "Events cannot be read: %s\n", jx_str(report, "eventsProblem", ""));
    else if (i == 0)
        strbuf_adds(out, "No events.\n");
    else
        table_write(rows, out);
}

void screen_write(const json_t *report, bool wide, int64_t now_us, struct strbuf *out)
{
    write_summary(report, now_us, out);
    write_conditions(report, wide, now_us, out);
    write_certificates(report, wide, out);
    write_objects(report, wide, now_us, out);
    write_ports(report, out);
    write_events(report, wide, now_us, out);
}
