/* SPDX-License-Identifier: Apache-2.0 */
#include "control/namespaces.h"

#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

const char **namespaces_each_once(const char *const *names)
{
    size_t count = 0, kept = 0;
    while (names[count])
        count++;
    const char **list = xcalloc(count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        bool repeated = false;
        for (size_t k = 0; k < kept; k++)
            repeated = repeated || strcmp(list[k], names[i]) == 0;
        if (!repeated)
            list[kept++] = names[i];
    }
    return list;
}
