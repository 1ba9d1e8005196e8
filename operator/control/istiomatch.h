/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matches of a VirtualService's HTTP routes, as far as they can take a request away from ours.
 * Istio sorts routes that catch all behind all others, so these are left out, with what follows
 * them: nothing gets there.
 */
#pragma once

#include "data/jx.h"

enum istiomatch_uri { ISTIOMATCH_PREFIX, ISTIOMATCH_EXACT, ISTIOMATCH_REGEX };

struct istiomatch {
    char *uri;
    char *authority; /* an exact one; NULL: any, or a pattern */
    char **gateways; /* "namespace/name"; NULL: those of the VirtualService */
    enum istiomatch_uri kind;
    int port; /* 0: any */
    bool ignore_case;
    bool challenge; /* the request of an ACME server may have the rest of it */
    bool clear;     /* answers clear text otherwise than with a redirect to https */
};

/* http: spec.http, whatever it holds; ns: of the VirtualService. Free with istiomatch_free(). */
struct istiomatch *istiomatch_list(const json_t *http, const char *ns, size_t *ret_count);
void istiomatch_free(struct istiomatch *matches, size_t count);

/* Whether a request that comes to this port of this gateway ("namespace/name") may match. */
bool istiomatch_hears(const struct istiomatch *match, const char *gateway, int port);
/* Whether the request of an ACME server for this path of this name, on port 80, may match. */
bool istiomatch_takes(const struct istiomatch *match, const char *gateway, const char *name,
                      const char *path);
