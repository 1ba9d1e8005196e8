/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648, section 4: the standard alphabet with padding. */
#pragma once

#include "base/mem.h"

/* The caller frees. */
char *base64_encode(const void *data, size_t len) __attribute__((returns_nonnull));
/*
 * The bytes, a NUL added behind them, in memory that the caller frees; NULL when it is not base64.
 * White space between the characters is ignored; padding must be complete and its unused bits 0.
 */
char *base64_decode(const char *text, size_t len, size_t *ret_len) MUST_CHECK;
