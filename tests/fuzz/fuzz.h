/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzz target defines and libFuzzer or standalone.c calls: abort() or a sanitizer is a find.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
