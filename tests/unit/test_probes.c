/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "net/probes.h"
#include "support/unit.h"

#include <string.h>

static bool fails;

static bool holds(void *arg UNUSED, struct strbuf *reason UNUSED)
{
    return true;
}

static bool varies(void *arg UNUSED, struct strbuf *reason)
{
    if (fails)
        strbuf_adds(reason, "it rains");
    return !fails;
}

static const struct probes_check checks[] = {
    {"watches", varies},
    {"shutdown", holds},
    {.name = NULL},
};

static void expect(const char *path, const char *query, int status, const char *text)
{
    struct probes probes = {"/readyz", 503, checks, NULL};
    const struct httpd_request request = {.path = path, .query = query};
    AUTO_STRBUF struct strbuf body = STRBUF_INIT(LIMIT_METRICS_TEXT);
    ck_assert_msg(probes_serve(&probes, &request, &body) == status, "%s?%s", path, query);
    ck_assert_str_eq(body.text, text);
}

START_TEST(all_is_well)
{
    static const char all[] = "[+]watches ok\n[+]shutdown ok\nreadyz check passed\n";
    fails = false;
    expect("/readyz", "", 200, "ok\n");
    expect("/readyz/", "", 200, "ok\n");
    expect("/readyz", "timeout=1s", 200, "ok\n");
    expect("/readyz", "verbose", 200, all);
    expect("/readyz", "timeout=1s&verbose=true", 200, all);
    expect("/readyz", "verbose2&exclude=strange", 200, "ok\n");
    expect("/readyz/watches", "", 200, "ok\n");
    expect("/readyz/strange", "", 404, "there is no check of this name below /readyz\n");
    expect("/readyz/watches/", "", 404, "there is no check of this name below /readyz\n");
}
END_TEST

START_TEST(what_fails_is_told)
{
    fails = true;
    expect(
        "/readyz", "", 503, "[-]watches failed: it rains\n[+]shutdown ok\nreadyz check failed\n");
    expect("/readyz/watches", "", 503, "[-]watches failed: it rains\n");
    expect("/readyz/shutdown", "", 200, "ok\n");
    expect("/readyz",
           "exclude=watch",
           503,
           "[-]watches failed: it rains\n[+]shutdown ok\nreadyz check failed\n");
    expect("/readyz", "exclude=watches", 200, "ok\n");
    expect("/readyz",
           "exclude=shutdown&exclude=watches&verbose",
           200,
           "[+]watches excluded: ok\n[+]shutdown excluded: ok\nreadyz check passed\n");
}
END_TEST

UNIT_MAIN("probes", all_is_well, what_fails_is_told)
