/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a health endpoint answers, as those of Kubernetes' own servers do: its checks together
 * (/readyz), each in a line of its own (/readyz?verbose), without some (?exclude=NAME, may be
 * repeated), or one alone (/readyz/NAME). A failure is told in full in any case.
 */
#pragma once

#include "net/httpd.h"

#include <stdbool.h>

struct probes_check {
    const char *name; /* letters, digits and hyphens; NULL ends the table */
    /* Whether all is well; if not, one line why goes to `reason`. */
    bool (*passes)(void *arg, struct strbuf *reason);
};

struct probes {
    const char *path; /* "/readyz"; as a route, "/readyz/" leads here as well */
    int failed;       /* the HTTP status when a check fails */
    const struct probes_check *checks;
    void *arg; /* of the checks */
};

/* Whether all checks pass now. */
bool probes_pass(const struct probes *probes);
/* An httpd_handler; its argument is a struct probes. */
int probes_serve(void *arg, const struct httpd_request *request, struct strbuf *body);
