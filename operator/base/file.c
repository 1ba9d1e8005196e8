/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *path, int error, struct err *err)
{
    enum err_kind kind = error == ENOENT || error == ENOTDIR ? ERR_NOT_FOUND : ERR_UNAVAILABLE;
    return err_set(err, kind, "%s: %s", path, strerror(error));
}

int file_read_open(int fd, const char *name, struct strbuf *ret, struct err *err)
{
    char chunk[8192];
    ssize_t n;
    int result = 0;
    while (result == 0 && (n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            result = fail(name, errno, err);
        else if (strbuf_add(ret, chunk, (size_t)n) < 0)
            result = err_set(err, ERR_INVALID, "%s: is larger than %zu bytes", name, ret->max);
    }
    explicit_bzero(chunk, sizeof(chunk)); /* it may have been a token or a key */
    return result;
}

int file_read(const char *path, struct strbuf *ret, struct err *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(path, errno, err);
    return file_read_open(fd, path, ret, err);
}
