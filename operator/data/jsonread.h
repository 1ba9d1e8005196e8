/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON, as json_loadb() does it but several times faster: what an API server sends is most
 * of what the operator spends its time on, and jansson looks at each byte through four functions.
 *
 * Only the everyday is read here: structure, ASCII strings without escapes, small integers. All
 * else, each string with an escape, each fraction, and any text that is wrong, is jansson's to
 * read. So there is one meaning of JSON, jansson's, and the fuzz target jsonread compares.
 */
#pragma once

#include <jansson.h>

/*
 * An object or array; strings may hold NUL (JSON_ALLOW_NUL), of equal keys the last one counts. New
 * reference, or NULL with *error filled.
 */
json_t *jsonread_bytes(const char *text, size_t len, json_error_t *error);
