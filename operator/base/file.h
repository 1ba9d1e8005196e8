/* SPDX-License-Identifier: Apache-2.0 */
/* Reading whole files. */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

/*
 * Adds the file's bytes to `ret`, whose ceiling holds. The error names the path: ERR_NOT_FOUND when
 * there is no such file, ERR_INVALID when it is too large, else ERR_UNAVAILABLE; `ret` may then
 * hold a part.
 */
int file_read(const char *path, struct strbuf *ret, struct err *err) MUST_CHECK;
/* The same of what is open already, up to its end; `name` is what errors call it. */
int file_read_open(int fd, const char *name, struct strbuf *ret, struct err *err) MUST_CHECK;
