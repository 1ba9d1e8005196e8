/* SPDX-License-Identifier: Apache-2.0 */
/* What the router makes of a world (support/acmeworld.h), compared with JSON. */
#pragma once

#include "support/acmeworld.h"
#include "support/unit.h"

#define CLEAR(hosts) "{'port':{'number':80,'name':'http','protocol':'HTTP'},'hosts':" hosts "}"
#define REDIRECT(hosts)                                                                            \
    "{'port':{'number':80,'name':'http-r','protocol':'HTTP'},'hosts':" hosts                       \
    ",'tls':{'httpsRedirect':true}}"
#define HTTPS(mode, hosts)                                                                         \
    "{'port':{'number':443,'name':'https','protocol':'HTTPS'},'hosts':" hosts                      \
    ",'tls':{'mode':'" mode "','credentialName':'x'}}"
#define ROUTE(name, challenge, service, more)                                                      \
    "{'dnsName':'" name "','token':'token-" challenge "','service':'cm-acme-http-solver-" service  \
    "','namespace':'default','port':8089" more "}"

/* Routes of a gateway against JSON; NULL: it has none. */
static UNUSED void expect_routes(const struct world *w, const char *ns, const char *name,
                                 const char *want)
{
    const struct router_input input = world_input(w);
    struct router_result result;
    router_make(&input, &result);
    const json_t *routes = router_routes_of(&result, ns, name);
    if (want) {
        json_auto_t *wanted = json_from(want);
        AUTO_FREE char *left = routes ? jx_compact(routes) : xstrdup("none");
        AUTO_FREE char *right = jx_compact(wanted);
        ck_assert_str_eq(left, right);
    } else {
        ck_assert_ptr_null(routes);
    }
    router_done(&result);
}

/* The verdict of a challenge: its word, and a part of its message. */
static UNUSED void expect_verdict(const struct world *w, const char *uid, const char *word,
                                  const char *part)
{
    const struct router_input input = world_input(w);
    struct router_result result;
    router_make(&input, &result);
    const struct router_verdict *verdict =
        router_verdict_of(&result, issuance_find(&w->issuance, ISSUANCE_CHALLENGE, uid));
    ck_assert_ptr_nonnull(verdict);
    ck_assert_str_eq(verdict_name(verdict->reason), word);
    ck_assert_msg(strstr(verdict->message, part) != NULL, "%s", verdict->message);
    ck_assert_uint_eq(json_array_size(verdict->gateways) > 0, verdict_is_routed(verdict->reason));
    router_done(&result);
}

/* A live challenge with its solver, for a name of gateway default/gw. */
static UNUSED void challenge(struct world *w, const char *name)
{
    world_challenge(w, "default", "c1", "o1", name, NULL);
    world_solver(w, "default", "c1", "aaaaa");
}
