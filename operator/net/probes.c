/* SPDX-License-Identifier: Apache-2.0 */
#include "net/probes.h"

#include "base/limits.h"

#include <string.h>

/* Whether the query has this parameter, with this value if one is given. */
static bool has(const char *query, const char *name, const char *value)
{
    while (*query) {
        size_t len = strcspn(query, "&");
        size_t name_len = strcspn(query, "=&");
        const char *given = query + name_len + (query[name_len] == '=');
        size_t given_len = (size_t)(query + len - given);
        if (name_len == strlen(name) && strncmp(query, name, name_len) == 0 &&
            (!value || (given_len == strlen(value) && strncmp(given, value, given_len) == 0)))
            return true;
        query += len + (query[len] == '&');
    }
    return false;
}

static bool look(const struct probes *probes, const struct probes_check *check, struct strbuf *out)
{
    AUTO_STRBUF struct strbuf reason = STRBUF_INIT(LIMIT_ERROR_BODY);
    bool passed = check->passes(probes->arg, &reason);
    if (passed)
        strbuf_addf(out, "[+]%s ok\n", check->name);
    else
        strbuf_addf(out, "[-]%s failed: %s\n", check->name, reason.text);
    return passed;
}

static int serve_one(const struct probes *probes, const char *name, struct strbuf *body)
{
    for (const struct probes_check *check = probes->checks; check->name; check++) {
        if (strcmp(check->name, name) != 0)
            continue;
        AUTO_STRBUF struct strbuf line = STRBUF_INIT(LIMIT_ERROR_BODY);
        bool passed = look(probes, check, &line);
        strbuf_adds(body, passed ? "ok\n" : line.text);
        return passed ? 200 : probes->failed;
    }
    strbuf_addf(body, "there is no check of this name below %s\n", probes->path);
    return 404;
}

bool probes_pass(const struct probes *probes)
{
    AUTO_STRBUF struct strbuf reasons = STRBUF_INIT(LIMIT_ERROR_BODY);
    bool passed = true;
    for (const struct probes_check *check = probes->checks; check->name; check++)
        passed = passed && check->passes(probes->arg, &reasons);
    return passed;
}

int probes_serve(void *arg, const struct httpd_request *request, struct strbuf *body)
{
    const struct probes *probes = arg;
    const char *name = request->path + strlen(probes->path);
    if (name[0] == '/' && name[1])
        return serve_one(probes, name + 1, body);
    AUTO_STRBUF struct strbuf lines = STRBUF_INIT(LIMIT_ERROR_BODY);
    bool passed = true;
    for (const struct probes_check *check = probes->checks; check->name; check++) {
        if (has(request->query, "exclude", check->name))
            strbuf_addf(&lines, "[+]%s excluded: ok\n", check->name);
        else
            passed = look(probes, check, &lines) && passed;
    }
    if (!passed || has(request->query, "verbose", NULL))
        strbuf_addf(
            body, "%s%s check %s\n", lines.text, probes->path + 1, passed ? "passed" : "failed");
    else
        strbuf_adds(body, "ok\n");
    return passed ? 200 : probes->failed;
}
