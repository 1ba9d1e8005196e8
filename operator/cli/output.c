/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int output_write(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            /* A reader that left, as in "… | head", needs no explanation. */
            if (errno != EPIPE)
                fprintf(stderr, "meshgateway: cannot write the result: %s\n", strerror(errno));
            return EXIT_FAILURE;
        }
        text += n;
        len -= (size_t)n;
    }
    return EXIT_SUCCESS;
}
