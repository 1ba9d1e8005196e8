/* SPDX-License-Identifier: Apache-2.0 */
/* A report (cli/report.h) as text: one screen, the most important things first. */
#pragma once

#include "base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* wide: also what is as it should be in full length. */
void screen_write(const json_t *report, bool wide, int64_t now_us, struct strbuf *out);
