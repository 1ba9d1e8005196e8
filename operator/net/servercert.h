/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate of a TLS server: from two PEM files, which are read again when they change, or
 * made in memory and signed by nobody. TLS 1.2 or newer.
 *
 * Files are opened by their path each time, since Secrets that are mounted change by the swap of a
 * symbolic link. There is no timer: a new connection looks when the last look was 10 s ago. What
 * is empty, missing or does not fit together never replaces what worked before.
 */
#pragma once

#include "base/err.h"

#include <openssl/types.h>

struct servercert;

struct servercert_options {
    const char *cert, *key; /* paths, borrowed; NULL: one is made */
    /*
     * The files changed. err NULL: what is in them is in use now; else why it cannot be, told once
     * until that changes. May be NULL.
     */
    void (*changed)(void *arg, const struct err *err);
    void *arg;
};

struct servercert *servercert_new(const struct servercert_options *options,
                                  struct err *err) MUST_CHECK;
/* Sessions may go on. NULL is fine. */
void servercert_free(struct servercert *cert);
/* For a new connection: the caller's. */
SSL *servercert_session(struct servercert *cert);
