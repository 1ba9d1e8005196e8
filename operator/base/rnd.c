/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rnd.h"

#include "base/now.h"

#include <sys/random.h>

/* xorshift64*: Marsaglia 2003, Vigna 2016. Seeded by the kernel once. */
static uint64_t next_u64(void)
{
    static uint64_t state;
    if (state == 0 && getrandom(&state, sizeof(state), GRND_NONBLOCK) != (ssize_t)sizeof(state))
        state = (uint64_t)now_wall_us();
    state |= state == 0;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1dULL;
}

int64_t rnd_between(int64_t low, int64_t high)
{
    uint64_t span = (uint64_t)(high - low) + 1;
    return low + (int64_t)(next_u64() % span);
}
