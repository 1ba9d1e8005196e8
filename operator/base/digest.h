/* SPDX-License-Identifier: Apache-2.0 */
/* A 64-bit digest to notice change with (FNV-1a); it keeps no secret and resists no attacker. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIGEST_START 0xcbf29ce484222325ULL

/* Continues `digest` (DIGEST_START at first) over the bytes. */
uint64_t digest_add(uint64_t digest, const void *data, size_t len);
