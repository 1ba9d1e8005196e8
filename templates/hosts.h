/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosts that a gateway serves by HTTP, and how each is answered: what Gateway and
 * VirtualServices have to agree on.
 *
 * istiod lets a server's httpsRedirect reach every VirtualService of the same Gateway whose hosts
 * meet the server's, so a redirected *.example.com would also redirect the challenge of an
 * a.example.com that is served by route beside it. Such a wildcard stands `apart`, in a second
 * Gateway that no VirtualService names.
 */
#pragma once

#include "data/meshgateway.h"
#include "templates/live.h"

/* Where ACME servers ask (RFC 8555, section 8.3). */
#define HOSTS_ACME_PORT 80

struct hosts_item {
    const struct server *server;
    const char *host; /* as the spec has it, or the name of a challenge */
    const char *bare;
    enum server_http http;
    bool apart;
};

struct hosts {
    struct hosts_item *items;
    size_t count;
};

#define AUTO_HOSTS AUTO(hosts_done)

/*
 * All of them, in the order of the spec. While a challenge is live, its name is redirected by route
 * even where the server would do it: a listed host, or one below a wildcard, which is added.
 */
struct hosts hosts_of(const struct meshgateway *gw, const struct templates_live *live);
/* Whether a challenge of live->routes comes to our own Gateway. */
bool hosts_is_ours(const json_t *route);
/* The host that requests for the name meet on the port: itself or the longest wildcard; or NULL. */
const struct hosts_item *hosts_find(const struct hosts *hosts, json_int_t port, const char *name);
/*
 * Whether a challenge for the bare host, or for one below it when it is a wildcard, takes the name
 * out of the server's redirect on this port, as hosts_of does when the challenge is live.
 */
bool hosts_yields(const struct hosts *hosts, const struct meshgateway *gw, json_int_t port,
                  const char *bare);
void hosts_done(struct hosts *hosts);
