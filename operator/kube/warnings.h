/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warning headers of API servers (RFC 7234 5.5, KEP-1693): `299 - "text"`, several in one value or
 * in several headers. Each distinct text is told once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WARNINGS_REMEMBERED 256

typedef void warnings_cb(void *arg, const char *text);

struct warnings {
    uint64_t seen[WARNINGS_REMEMBERED]; /* digests; the oldest gives way */
    size_t count;
};

/* Calls cb for each text of the header's value that was not told lately. Junk is skipped. */
void warnings_read(struct warnings *warnings, const char *value, warnings_cb *cb, void *arg);
