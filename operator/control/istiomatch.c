/* SPDX-License-Identifier: Apache-2.0 */
#include "control/istiomatch.h"

#include "control/pack.h"

#include <stdlib.h>
#include <string.h>

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* What Envoy adds to a request, or every client sends. */
static bool is_usual_header(const char *name)
{
    static const char *const usual[] = {
        "accept", "accept-encoding", "connection", "user-agent", "x-request-id"};
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        if (strcasecmp(name, usual[i]) == 0)
            return true;
    return strncasecmp(name, "x-forwarded-", 12) == 0 || strncasecmp(name, "x-envoy-", 8) == 0;
}

/* Whether a StringMatch may hold for the text: only an exact one is looked at. */
static bool may_be(const json_t *string_match, const char *text)
{
    return strcasecmp(jx_str(string_match, "exact", text), text) == 0;
}

/* Whether only requests that came by HTTPS have it. */
static bool wants_https(const json_t *match)
{
    const char *name;
    json_t *value;
    json_object_foreach (jx_object(match, "headers"), name, value)
        if (strcasecmp(name, "x-forwarded-proto") == 0 && !may_be(value, "http"))
            return true;
    return !may_be(jx_get(match, "scheme"), "http");
}

/* An ACME server sends GET by http, no query and no headers of its own. */
static bool suits_challenge(const json_t *match)
{
    const char *name;
    json_t *value;
    json_object_foreach (jx_object(match, "headers"), name, value)
        if (!is_usual_header(name))
            return false;
    return !wants_https(match) && may_be(jx_get(match, "method"), "GET") &&
           jx_empty(jx_get(match, "queryParams"));
}

static bool catches_all(const json_t *match)
{
    static const char *const narrower[] = {
        "headers", "withoutHeaders", "method", "authority", "scheme", "queryParams"};
    for (size_t i = 0; i < ARRAY_LEN(narrower); i++)
        if (!jx_empty(jx_get(match, narrower[i])))
            return false;
    return jx_empty(jx_get(match, "uri")) || is(jx_str(match, "uri.prefix", ""), "/") ||
           is(jx_str(match, "uri.regex", ""), ".*");
}

static char **gateways_of(const json_t *match, const char *ns)
{
    const json_t *names = jx_array(match, "gateways");
    if (jx_empty(names))
        return NULL;
    json_auto_t *keys = json_array();
    size_t i;
    const json_t *each;
    json_array_foreach (names, i, each) {
        const char *name = json_string_value(each);
        if (name)
            json_array_append_new(keys,
                                  strchr(name, '/') ? STR(name) : jx_stringf("%s/%s", ns, name));
    }
    return pack_list(keys);
}

static struct istiomatch match_of(const json_t *match, const json_t *route, const char *ns)
{
    const char *exact = jx_str(match, "uri.exact", NULL);
    const char *regex = jx_str(match, "uri.regex", NULL);
    const char *uri = exact ? exact : regex ? regex : jx_str(match, "uri.prefix", "/");
    json_int_t port = jx_int(match, "port", 0);
    return (struct istiomatch){
        .uri = xstrdup(uri),
        .authority = xstrdup(jx_str(match, "authority.exact", NULL)),
        .gateways = gateways_of(match, ns),
        .kind = exact   ? ISTIOMATCH_EXACT
                : regex ? ISTIOMATCH_REGEX
                        : ISTIOMATCH_PREFIX,
        .port = port > 0 && port <= 65535 ? (int)port : 0,
        .ignore_case = jx_bool(match, "ignoreUriCase", false),
        .challenge = suits_challenge(match),
        .clear = !wants_https(match) && !is(jx_str(route, "redirect.scheme", ""), "https"),
    };
}

/* Adds the matches of one route. False: nothing gets past it. */
static bool add_route(struct istiomatch **list, size_t *count, const json_t *route, const char *ns)
{
    const json_t *matches = jx_array(route, "match");
    size_t i;
    const json_t *match;
    json_array_foreach (matches, i, match) {
        if (catches_all(match)) {
            if (jx_empty(jx_get(match, "port")) && jx_empty(jx_get(match, "gateways")))
                return false;
            continue;
        }
        *list = xrealloc(*list, (*count + 1) * sizeof(**list));
        (*list)[(*count)++] = match_of(match, route, ns);
    }
    return !jx_empty(matches);
}

struct istiomatch *istiomatch_list(const json_t *http, const char *ns, size_t *ret_count)
{
    struct istiomatch *list = NULL;
    size_t count = 0;
    size_t i;
    const json_t *route;
    json_array_foreach (http, i, route)
        if (!add_route(&list, &count, route, ns))
            break;
    *ret_count = count;
    return list;
}

void istiomatch_free(struct istiomatch *matches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(matches[i].uri);
        free(matches[i].authority);
        free(matches[i].gateways);
    }
    free(matches);
}

bool istiomatch_hears(const struct istiomatch *match, const char *gateway, int port)
{
    if (match->port != 0 && match->port != port)
        return false;
    if (!match->gateways)
        return true;
    for (char **each = match->gateways; *each; each++)
        if (is(*each, gateway))
            return true;
    return false;
}

/*
 * Whether a regular expression may match: false only when the literal text that it begins with is
 * not the text's. It is not compiled: others write it, and a short one can need all memory.
 */
static bool regex_may_match(const char *regex, const char *text)
{
    size_t literal = strcspn(regex, "\\^$.|?*+()[]{}");
    if (strchr(regex, '|'))
        return true;
    if (literal > 0 && regex[literal] != '\0' && strchr("?*{", regex[literal]))
        literal--;
    return strncmp(regex, text, literal) == 0 && (regex[literal] != '\0' || is(regex, text));
}

static bool covers_path(const struct istiomatch *match, const char *path)
{
    size_t len = match->kind == ISTIOMATCH_PREFIX ? strlen(match->uri) : strlen(path) + 1;
    if (match->kind == ISTIOMATCH_REGEX)
        return match->ignore_case || regex_may_match(match->uri, path);
    return match->ignore_case ? strncasecmp(match->uri, path, len) == 0
                              : strncmp(match->uri, path, len) == 0;
}

bool istiomatch_takes(const struct istiomatch *match, const char *gateway, const char *name,
                      const char *path)
{
    return match->challenge && istiomatch_hears(match, gateway, 80) &&
           (!match->authority || strcasecmp(match->authority, name) == 0) &&
           covers_path(match, path);
}
