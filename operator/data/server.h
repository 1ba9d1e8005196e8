/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec.servers: hosts that are served alike. From the spec to canonical JSON (names, ports and
 * certificates complete) and on to structs that the templates read.
 *
 * A host is what an Istio Gateway takes: a DNS name, a wildcard "*.example.com" or "*", each with
 * "namespace/" before it when only that namespace may bind routes. "Bare" is without the namespace.
 */
#pragma once

#include "data/problems.h"

#include <jansson.h>
#include <stdbool.h>

#define SERVER_CERT_MANAGER "cert-manager.io"

/* Of the second Gateway, see templates/hosts.h. Istio takes names of at most 63 characters. */
#define SERVER_APART_SUFFIX   "-redirect"
#define SERVER_APART_NAME_MAX (63 - sizeof(SERVER_APART_SUFFIX) + 1)

/* Everything is borrowed from the canonical spec. */
struct server {
    const char *name;
    const json_t *hosts;    /* array of strings, never empty */
    json_int_t http_port;   /* the Service's; 0: not served by HTTP */
    json_int_t https_port;  /* the same; 0: without TLS */
    bool redirect;          /* HTTP is answered with a redirect to HTTPS */
    const json_t *tls;      /* the group; NULL: without TLS */
    const char *mode;       /* of TLS, as Istio names it; "" without TLS */
    const char *credential; /* Secret with key and certificate; "": this mode needs none */
    /* What cert-manager shall issue, NULL when the Secret is the user's: the spec of a Certificate
     * with issuerRef, secretName and names complete. */
    const json_t *certificate;
    const char *certificate_name; /* of the Certificate; "" without one */
    bool own_issuer;              /* the Issuer of spec.acme issues it */
};

/* How HTTP requests for a host of a server are answered. */
enum server_http {
    SERVER_HTTP_SERVE, /* by the routes that users bind */
    /* The server redirects, before any route is looked at, so nothing under it leaks. */
    SERVER_HTTP_REDIRECT,
    /* A route redirects, with those of ACME challenges before it. Exact hosts only: on a wildcard,
     * a user's route for a host below it would go around the redirect. */
    SERVER_HTTP_REDIRECT_ROUTE,
};

/* The servers without nulls, with the types that the program relies on; new, may be empty. */
json_t *server_fold(const json_t *servers, struct problems *problems);
/*
 * Fills in spec.servers and spec.acme, in a folded spec that keeps the rules: afterwards each
 * server has name and httpsRedirect, httpPort and httpsPort as numbers where it has them, tls is
 * what Istio takes, and `certificate`, moved out of it, is the spec of a Certificate with its
 * `name`.
 */
void server_defaults(json_t *spec, const char *gateway);
/* Of a spec that server_defaults has seen. The caller frees the array. */
struct server *server_read(const json_t *spec, size_t *ret_count);

enum server_http server_http(const struct server *server, const char *host);
/* Whether TLS is not ended here but passed on to what is behind the gateway. */
bool server_passes_tls(const struct server *server);

const char *server_bare(const char *host) __attribute__((returns_nonnull));
bool server_is_wildcard(const char *bare);
/*
 * The next wildcard above a bare host, as what follows its "*": ".b.c" for "a.b.c", ".c" for
 * "*.b.c" or for ".b.c", "" for the wildcard of all hosts, above which there is none: NULL.
 */
const char *server_parent(const char *bare);
/* Whether requests for the bare host, which may be a wildcard too, fit this wildcard. */
bool server_covers(const char *wildcard, const char *bare);
bool server_is_ip(const char *name);
