/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output, which carries a command's result and nothing else. */
#pragma once

#include <stddef.h>

/* Writes all of it. Returns the exit status: 1 after saying on stderr why it could not be written.
 */
int output_write(const char *text, size_t len);
