/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary directory of one test: made with tmpdir_new, gone with everything in it after
 * tmpdir_free. */
#pragma once

#include "base/mem.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *tmpdir_new(void)
{
    char *path = xstrdup("/tmp/mg-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    return path;
}

static int tmpdir_remove(const char *path, const struct stat *status UNUSED, int type UNUSED,
                         struct FTW *at UNUSED)
{
    return remove(path);
}

static void tmpdir_free(char **path)
{
    nftw(*path, tmpdir_remove, 8, FTW_DEPTH | FTW_PHYS);
    free(*path);
}

#define AUTO_TMPDIR AUTO(tmpdir_free)

/* Writes the file by rename, as the kubelet does; returns its path, which the caller frees. */
static UNUSED char *tmpdir_write(const char *dir, const char *name, const char *text, mode_t mode)
{
    AUTO_FREE char *draft = xasprintf("%s/.draft", dir);
    char *path = xasprintf("%s/%s", dir, name);
    AUTO_CLOSE int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(rename(draft, path), 0);
    return path;
}
