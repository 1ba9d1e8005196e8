/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

uint64_t digest_add(uint64_t digest, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        digest = (digest ^ bytes[i]) * 0x100000001b3ULL;
    return digest;
}
