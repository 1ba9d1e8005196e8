/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays inputs through a fuzz target without libFuzzer, so that every compiler and every test
 * run checks the corpus: each argument is a file or a directory of files.
 */
#include "fuzz.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void fail(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(EXIT_FAILURE);
}

/* The input lives in a block of exactly its size: one byte read too far is seen. */
static void replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail(path);
    AUTO_FREE uint8_t *data = xmalloc(size);
    if (fread(data, 1, size, file) != size)
        fail(path);
    fclose(file);
    printf("%s\n", path);
    fflush(stdout); /* the last line names the input that ended the process */
    LLVMFuzzerTestOneInput(data, size);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Returns how many files it replayed. */
static size_t replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        fail(path);
    if (!S_ISDIR(st.st_mode)) {
        replay_file(path, (size_t)st.st_size);
        return 1;
    }
    struct dirent **entries;
    int n = scandir(path, &entries, is_visible, alphasort);
    if (n < 0)
        fail(path);
    size_t count = 0;
    for (int i = 0; i < n; i++) {
        AUTO_FREE char *inner = xasprintf("%s/%s", path, entries[i]->d_name);
        count += replay(inner);
        free(entries[i]);
    }
    free(entries);
    return count;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    if (count == 0) {
        fprintf(stderr, "usage: %s FILE|DIRECTORY...; no input found\n", argv[0]);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
