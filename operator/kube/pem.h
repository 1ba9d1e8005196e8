/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a text can be what it is meant to be, judged by its PEM boundaries (RFC 7468). The TLS
 * library has the last word; this keeps an empty or half-written file from replacing a good one.
 */
#pragma once

#include <stdbool.h>

/* At least one complete CERTIFICATE, and nothing that begins without its end. */
bool pem_has_certificate(const char *text);
/* At least one complete private key of any kind (PKCS #8, RSA, EC). */
bool pem_has_private_key(const char *text);
