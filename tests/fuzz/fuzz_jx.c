/* SPDX-License-Identifier: Apache-2.0 */
/* What jx_parse accepts survives a dump, and equal values have equal digests. */
#include "fuzz.h"

#include "data/jx.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *value = jx_parse((const char *)data, size, NULL);
    if (!value)
        return 0;
    AUTO_FREE char *text = jx_canonical(value);
    json_auto_t *again = jx_parse(text, strlen(text), NULL);
    if (!again || !json_equal(value, again) || jx_digest(value) != jx_digest(again))
        abort();
    json_auto_t *merged = jx_merge(value, again);
    if (!json_equal(merged, value))
        abort();
    return 0;
}
