/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes mean to jsonread what they mean to jansson. */
#include "fuzz.h"

#include "data/jsonread.h"
#include "data/jx.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_error_t error;
    json_auto_t *ours = jsonread_bytes((const char *)data, size, &error);
    json_auto_t *theirs = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
    if (!ours != !theirs)
        abort();
    if (!ours)
        return 0;
    AUTO_FREE char *our_text = jx_compact(ours);
    AUTO_FREE char *their_text = jx_compact(theirs);
    if (strcmp(our_text, their_text) != 0 || jx_digest(ours) != jx_digest(theirs))
        abort();
    return 0;
}
