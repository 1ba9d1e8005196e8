/* SPDX-License-Identifier: Apache-2.0 */
/* The difference of two texts, line by line, in the unified format of diff(1). Pure. */
#pragma once

#include "base/strbuf.h"

/*
 * Appends the hunks, with three lines of context and no heads; nothing for equal texts. A shortest
 * difference, unless the texts differ in more lines than LIMIT_DIFF_CELLS allows to compare: then
 * all of the differing part is replaced.
 */
void linediff(const char *before, const char *after, struct strbuf *out);
