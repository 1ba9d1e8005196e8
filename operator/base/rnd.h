/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers for jitter and names; not for secrets. */
#pragma once

#include <stdint.h>

/* Uniform in [low, high]; low <= high. */
int64_t rnd_between(int64_t low, int64_t high);
