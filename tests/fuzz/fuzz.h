/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzz target defines and libFuzzer or standalone.c calls: abort() or a sanitizer is a find.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input. Never inlined, so that the stack of a find has the line. */
static __attribute__((noinline, unused)) void require(bool holds)
{
    if (!holds)
        abort();
}
