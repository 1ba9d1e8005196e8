/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a change of the status is worth an event: what a person must mend, and a gateway that
 * serves nobody any more, or again. Pure.
 *
 * Scaling, rollouts that go well and single pods that come and go are no news. What was told is not
 * told again while the status says the same.
 */
#pragma once

#include "data/jx.h"

struct news {
    const char *type;          /* static: "Normal" or "Warning" */
    const char *reason, *note; /* borrowed from the status */
};

#define NEWS_MAX 4

/* before: the stored status, NULL when there is none yet. Returns how many. */
size_t news_make(const json_t *before, const json_t *now, struct news ret[NEWS_MAX]);

/* note: only for the time of the call. */
typedef void news_tell(void *arg, const char *type, const char *reason, const char *note);

/* Of status.certificates: CertificateIssued, CertificateFailed, ChallengeRouted. */
void news_of_certificates(const json_t *before, const json_t *now, news_tell *tell, void *arg);
