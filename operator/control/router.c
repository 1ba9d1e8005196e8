/* SPDX-License-Identifier: Apache-2.0 */
#include "control/router.h"

#include "control/reach.h"
#include "control/trouble.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* One route of one MeshGateway, before it is sorted and written; everything is borrowed. */
struct route {
    const struct router_gateway *gateway;
    const struct issuance_object *challenge;
    const struct issuance_object *solver;
    const struct istio_gateway *bound;
    const char *host; /* of the VirtualService */
    bool https;
};

struct routes {
    struct route *items;
    size_t count;
    size_t cap;
};

struct work {
    const struct router_input *input;
    struct reach_index index;
    struct multimap processing; /* name → challenge that cert-manager works on */
    struct reach_list reaches;
    struct routes routes;
};

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static void add_route(struct routes *list, const struct route *route)
{
    for (size_t i = list->count; i > 0; i--) {
        const struct route *before = &list->items[i - 1];
        if (before->gateway != route->gateway || before->challenge != route->challenge)
            break;
        if (before->bound == route->bound && is(before->host, route->host))
            return;
    }
    if (list->count == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 16;
        list->items = xrealloc(list->items, list->cap * sizeof(*list->items));
    }
    list->items[list->count++] = *route;
}

/*
 * Host for a VirtualService that shall serve the name below a host of a server: the most specific
 * that has a virtual host, which the server's own host becomes when nobody has made another one.
 */
static const char *virtual_host(const struct work *work, const struct reach *reach,
                                const char *name)
{
    const char *best = istio_host(reach->host);
    const struct multimap_values *bound =
        multimap_find(&work->input->istio->bound, reach->server->gateway->key);
    for (size_t i = 0; best[0] == '*' && bound && i < bound->count; i++) {
        const struct istio_virtual_service *service = bound->items[i];
        if (service->is_private && !is(service->ns, reach->gateway->ns))
            continue;
        for (char **host = service->hosts; *host; host++)
            if (istio_covers(*host, name) &&
                ((*host)[0] != '*' || (best[0] == '*' && strlen(*host) > strlen(best))))
                best = *host;
    }
    return best;
}

/* What the servers of one MeshGateway do with a request for one name. */
struct picture {
    const struct reach *items; /* from the most specific host to the widest */
    size_t count;
    bool served;    /* on some port … */
    bool admitted;  /* … by a host that takes our VirtualServices */
    bool clear;     /* port 80 answers */
    bool redirects; /* … with a redirect to HTTPS */
    bool https;     /* port 443 answers clients without a certificate */
    unsigned int clear_depth;
    unsigned int https_depth;
};

static bool takes_ours(const struct reach *reach)
{
    return istio_admits(reach->server, reach->host, reach->gateway->ns);
}

static bool is_clear(const struct picture *p, const struct reach *reach)
{
    return takes_ours(reach) && reach->server->http && reach->server->port == 80 &&
           reach->depth == p->clear_depth;
}

static bool is_https(const struct picture *p, const struct reach *reach)
{
    return takes_ours(reach) && reach->server->https && reach->server->port == 443 &&
           reach->depth == p->https_depth;
}

static struct picture look(const struct reach *items, size_t count)
{
    struct picture p = {.items = items, .count = count, .served = count > 0};
    for (size_t i = 0; i < count; i++) {
        const struct reach *reach = &items[i];
        const struct istio_server *server = reach->server;
        if (!takes_ours(reach))
            continue;
        p.admitted = true;
        if (server->http && server->port == 80) {
            if (!p.clear)
                p.clear_depth = reach->depth;
            p.clear = reach->gateway->port80;
            p.redirects = p.redirects || (reach->depth == p.clear_depth && server->redirects);
        } else if (server->https && server->port == 443) {
            if (!p.https)
                p.https_depth = reach->depth;
            p.https = reach->gateway->port443;
        }
    }
    return p;
}

static enum verdict trouble_of(const struct picture *p)
{
    return !p->served                  ? VERDICT_NO_GATEWAY
           : !p->admitted              ? VERDICT_NOT_ADMITTED
           : !p->clear                 ? VERDICT_PORT80_MISSING
           : p->redirects && !p->https ? VERDICT_REDIRECT_BLOCKS
                                       : VERDICT_ROUTED;
}

/* The redirect leads to a server for this very name, whose certificate cert-manager has to make. */
static bool lacks_certificate(const struct work *work, const struct picture *p,
                              const struct issuance_object *challenge)
{
    const struct issuance_object *head = issuance_head(work->input->issuance, challenge);
    return p->redirects && p->https_depth == 0 && head && !head->certificate.temporary &&
           !issuance_was_issued(head);
}

static const struct istio_virtual_service *shadow_of(const struct work *work,
                                                     const struct route *route)
{
    return trouble_shadow(route->gateway,
                          work->input->istio,
                          route->bound->key,
                          route->challenge->challenge.dns_name,
                          route->challenge->challenge.token);
}

static enum verdict add_routes(struct work *work, const struct picture *p,
                               const struct issuance_object *challenge,
                               const struct issuance_object *solver)
{
    const char *name = challenge->challenge.dns_name;
    bool shadowed = false;
    for (size_t i = 0; i < p->count; i++) {
        const struct reach *reach = &p->items[i];
        if (!is_clear(p, reach) && !(p->redirects && is_https(p, reach)))
            continue;
        const struct route route = {.gateway = reach->gateway,
                                    .challenge = challenge,
                                    .solver = solver,
                                    .bound = reach->server->gateway,
                                    .host = virtual_host(work, reach, name),
                                    .https = p->redirects};
        add_route(&work->routes, &route);
        shadowed = shadowed || shadow_of(work, &route);
    }
    return shadowed                                ? VERDICT_SHADOWED
           : lacks_certificate(work, p, challenge) ? VERDICT_TEMPORARY_MISSING
                                                   : VERDICT_ROUTED;
}

/* A live challenge that cert-manager works on, while this one waits for its turn. */
static const struct issuance_object *other_challenge(const struct work *work,
                                                     const struct issuance_object *challenge)
{
    const struct multimap_values *others =
        multimap_find(&work->processing, challenge->challenge.dns_name);
    const struct issuance_object *first = NULL;
    for (size_t i = 0; others && !challenge->challenge.processing && i < others->count; i++) {
        const struct issuance_object *other = others->items[i];
        if (!first || strcmp(other->name, first->name) < 0)
            first = other;
    }
    return first;
}

/* What a reason needs to be told: a gateway, another challenge, a VirtualService. */
static char *detail_of(const struct work *work, const struct issuance_object *challenge,
                       enum verdict reason, const struct router_gateway *gateway)
{
    if (reason == VERDICT_WAITING) {
        const struct issuance_object *other = other_challenge(work, challenge);
        return xasprintf("%s/%s", other ? other->ns : "", other ? other->name : "");
    }
    for (size_t i = work->routes.count; reason == VERDICT_SHADOWED && i > 0; i--) {
        const struct route *route = &work->routes.items[i - 1];
        if (route->challenge != challenge)
            break;
        const struct istio_virtual_service *service = shadow_of(work, route);
        if (service)
            return xstrdup(service->key);
    }
    return gateway ? xasprintf("%s/%s", gateway->ns, gateway->name) : xstrdup("");
}

/* The reason of one gateway against the one so far: what got further along is told. */
static bool tells_more(enum verdict reason, enum verdict than)
{
    if (verdict_is_routed(than))
        return verdict_is_routed(reason) && than == VERDICT_ROUTED && reason != VERDICT_ROUTED;
    return verdict_is_routed(reason) || reason > than;
}

/* The first of the reaches from `start` on that is another gateway's. */
static size_t end_of(const struct reach_list *list, size_t start)
{
    size_t end = start + 1;
    while (end < list->count && list->items[end].gateway == list->items[start].gateway)
        end++;
    return end;
}

static void judge(struct work *work, const struct issuance_object *challenge, const char *owner,
                  struct router_verdict *verdict)
{
    const struct issuance *issuance = work->input->issuance;
    const struct issuance_object *solver =
        issuance_child(issuance, challenge->ns, challenge->uid, ISSUANCE_SOLVER);
    const struct reach_list *list = &work->reaches;
    bool any = challenge->challenge.solver == ISSUANCE_BY_OURS;
    const struct router_gateway *at = NULL;
    reach_find(&work->index, challenge->ns, challenge->challenge.dns_name, &work->reaches);
    verdict->reason = VERDICT_NO_GATEWAY;
    for (size_t start = 0, end; start < list->count; start = end) {
        const struct router_gateway *gateway = list->items[start].gateway;
        end = end_of(list, start);
        if (!any && !is(gateway->uid, owner))
            continue;
        const struct picture p = look(&list->items[start], end - start);
        enum verdict reason = trouble_of(&p);
        if (reason == VERDICT_ROUTED && solver) {
            reason = add_routes(work, &p, challenge, solver);
            json_array_append_new(verdict->gateways,
                                  jx_stringf("%s/%s", gateway->ns, gateway->name));
        } else if (reason == VERDICT_ROUTED) {
            reason = other_challenge(work, challenge) ? VERDICT_WAITING : VERDICT_NO_SOLVER;
        }
        if (!tells_more(reason, verdict->reason))
            continue;
        verdict->reason = reason;
        at = gateway;
    }
    if (list->count == 0 && reach_is_anywhere(&work->index, challenge->challenge.dns_name))
        verdict->reason = VERDICT_OTHER_NAMESPACE;
    AUTO_FREE char *detail = detail_of(work, challenge, verdict->reason, at);
    verdict->message = verdict_text(verdict->reason, challenge, detail);
}

/*
 * The name and the token go into a VirtualService, which would be refused as a whole: only what an
 * ACME server gives out (RFC 8555: a token is base64url) gets there.
 */
static bool is_well_formed(const struct issuance_object *challenge)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *name = challenge->challenge.dns_name;
    const char *token = challenge->challenge.token;
    size_t token_len = 0;
    while (token[token_len] && strchr(letters, tolower((unsigned char)token[token_len])))
        token_len++;
    return name[0] && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.:")] == '\0' &&
           token_len > 0 && token[token_len] == '\0';
}

static bool is_ours(const struct issuance_object *challenge, const char *owner)
{
    return challenge->challenge.http01 && is_well_formed(challenge) &&
           challenge->challenge.solver != ISSUANCE_BY_GATEWAY_API &&
           (challenge->challenge.solver == ISSUANCE_BY_OURS || owner[0]);
}

static void route_challenge(struct work *work, const struct issuance_object *challenge,
                            struct router_verdict *verdict)
{
    const struct issuance_object *head = issuance_head(work->input->issuance, challenge);
    const char *owner = head ? head->owner : "";
    *verdict = (struct router_verdict){.challenge = challenge, .gateways = json_array()};
    if (!issuance_is_over(challenge) && is_ours(challenge, owner)) {
        judge(work, challenge, owner, verdict);
        return;
    }
    verdict->reason = issuance_is_over(challenge) ? VERDICT_OVER : VERDICT_NOT_OURS;
    verdict->message = verdict_text(verdict->reason, challenge, "");
}

static int compare_routes(const void *left, const void *right)
{
    const struct route *a = left;
    const struct route *b = right;
    const struct {
        const char *a, *b;
    } keys[] = {
        {a->gateway->ns, b->gateway->ns},
        {a->gateway->name, b->gateway->name},
        {a->challenge->challenge.dns_name, b->challenge->challenge.dns_name},
        {a->challenge->challenge.token, b->challenge->challenge.token},
        {a->challenge->name, b->challenge->name},
        {a->bound->key, b->bound->key},
        {a->host, b->host},
    };
    int order = 0;
    for (size_t i = 0; order == 0 && i < ARRAY_LEN(keys); i++)
        order = strcmp(keys[i].a, keys[i].b);
    return order;
}

static int compare_verdicts(const void *left, const void *right)
{
    const struct router_verdict *a = left;
    const struct router_verdict *b = right;
    int order = strcmp(a->challenge->ns, b->challenge->ns);
    return order ? order : strcmp(a->challenge->name, b->challenge->name);
}

static json_t *route_json(const struct route *route)
{
    const struct issuance_object *challenge = route->challenge;
    bool foreign = route->bound != route->gateway->own;
    bool below = !is(route->host, challenge->challenge.dns_name);
    return OBJ(F("dnsName", STR(challenge->challenge.dns_name)),
               F("token", STR(challenge->challenge.token)),
               F("service", STR(route->solver->name)),
               F("namespace", STR(route->solver->ns)),
               F("port", INT(route->solver->solver.port)),
               FOPT("host", below ? STR(route->host) : NULL),
               FOPT("gateway", foreign ? STR(route->bound->key) : NULL),
               FOPT("https", route->https ? BOOL(true) : NULL));
}

/* Sorted routes into an array for each gateway. */
static void write_routes(struct routes *list, struct router_result *ret)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(*list->items), compare_routes);
    ret->routes = xcalloc(list->count + 1, sizeof(*ret->routes));
    for (size_t i = 0; i < list->count; i++) {
        const struct route *route = &list->items[i];
        struct router_routes *last = &ret->routes[ret->route_count ? ret->route_count - 1 : 0];
        if (last->gateway != route->gateway) {
            last = &ret->routes[ret->route_count++];
            *last = (struct router_routes){.gateway = route->gateway, .routes = json_array()};
        }
        json_array_append_new(last->routes, route_json(route));
    }
}

void router_make(const struct router_input *input, struct router_result *ret)
{
    struct issuance_object *challenges = input->issuance->objects[ISSUANCE_CHALLENGE];
    struct work work = {.input = input};
    struct issuance_object *challenge;
    struct issuance_object *next;
    *ret = (struct router_result){.verdicts =
                                      xcalloc(HASH_COUNT(challenges) + 1, sizeof(*ret->verdicts))};
    if (challenges)
        reach_index_init(&work.index, input);
    HASH_ITER (hh, challenges, challenge, next)
        if (challenge->challenge.processing && !issuance_is_over(challenge))
            multimap_add(&work.processing, challenge->challenge.dns_name, challenge);
    HASH_ITER (hh, challenges, challenge, next)
        route_challenge(&work, challenge, &ret->verdicts[ret->verdict_count++]);
    if (ret->verdict_count > 1)
        qsort(ret->verdicts, ret->verdict_count, sizeof(*ret->verdicts), compare_verdicts);
    write_routes(&work.routes, ret);
    reach_index_done(&work.index);
    multimap_done(&work.processing);
    free(work.reaches.items);
    free(work.routes.items);
}

void router_done(struct router_result *result)
{
    for (size_t i = 0; i < result->route_count; i++)
        json_decref(result->routes[i].routes);
    for (size_t i = 0; i < result->verdict_count; i++) {
        json_decref(result->verdicts[i].gateways);
        free(result->verdicts[i].message);
    }
    free(result->routes);
    free(result->verdicts);
    *result = (struct router_result){.routes = NULL};
}

static int find_routes(const void *key, const void *element)
{
    const struct router_gateway *wanted = key;
    const struct router_routes *routes = element;
    int order = strcmp(wanted->ns, routes->gateway->ns);
    return order ? order : strcmp(wanted->name, routes->gateway->name);
}

const json_t *router_routes_of(const struct router_result *result, const char *ns, const char *name)
{
    const struct router_gateway wanted = {.ns = ns, .name = name};
    const struct router_routes *found =
        bsearch(&wanted, result->routes, result->route_count, sizeof(*result->routes), find_routes);
    return found ? found->routes : NULL;
}

const struct router_verdict *router_verdict_of(const struct router_result *result,
                                               const struct issuance_object *challenge)
{
    const struct router_verdict wanted = {.challenge = challenge};
    return bsearch(&wanted,
                   result->verdicts,
                   result->verdict_count,
                   sizeof(*result->verdicts),
                   compare_verdicts);
}

/* Somebody else's Gateway on the same pods redirects clear text for the host. */
static bool is_redirected_by_others(const struct router_gateway *gateway, const struct istio *istio,
                                    const char *host)
{
    const struct multimap_values *servers = multimap_find(&istio->servers, host);
    for (size_t i = 0; servers && i < servers->count; i++) {
        const struct istio_server *server = servers->items[i];
        if (server->redirects && server->port == 80 &&
            istio_selects(server->gateway, gateway->labels))
            return true;
    }
    return false;
}

json_t *router_temporary(const struct router_gateway *gateway, const struct istio *istio)
{
    json_auto_t *names = json_array();
    for (size_t i = 0; i < gateway->wish_count; i++) {
        const struct issuance_wish *wish = &gateway->wishes[i];
        size_t h;
        const json_t *host;
        json_array_foreach (wish->hosts, h, host) {
            const char *name = json_string_value(host);
            if (!name || !is_redirected_by_others(gateway, istio, name))
                continue;
            json_array_append_new(names, STR(wish->server));
            break;
        }
    }
    return json_array_size(names) > 0 ? TAKE(names) : NULL;
}
