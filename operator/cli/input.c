/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include "base/file.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_name(struct input_names *names, const char *name)
{
    names->items = xrealloc(names->items, (names->count + 1) * sizeof(*names->items));
    names->items[names->count++] = xstrdup(name);
}

static bool has_suffix(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void close_walk(FTS **walk)
{
    if (*walk)
        fts_close(*walk);
}

/* One entry of the walk. Hidden ones are left out: a mounted ConfigMap keeps its files in "..data".
 */
static int visit(FTS *walk, FTSENT *entry, struct input_names *names, struct err *err)
{
    switch (entry->fts_info) {
    case FTS_D:
        if (entry->fts_level > 0 && entry->fts_name[0] == '.')
            fts_set(walk, entry, FTS_SKIP);
        return 0;
    case FTS_F:
        if (entry->fts_name[0] != '.' && has_suffix(entry->fts_name))
            add_name(names, entry->fts_path);
        return 0;
    case FTS_DC:
        return err_set(err, ERR_INVALID, "%s: the folder contains itself", entry->fts_path);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return err_set(err, ERR_INVALID, "%s: %s", entry->fts_path, strerror(entry->fts_errno));
    case FTS_SLNONE:
        if (has_suffix(entry->fts_name))
            return err_set(err, ERR_INVALID, "%s: the link leads nowhere", entry->fts_path);
        return 0;
    default:
        return 0;
    }
}

static int find_in_folder(const char *path, struct input_names *names, struct err *err)
{
    AUTO_FREE char *root = xstrdup(path);
    char *roots[] = {root, NULL};
    AUTO(close_walk) FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (!walk)
        return err_set(err, ERR_INVALID, "%s: %s", path, strerror(errno));
    size_t before = names->count;
    FTSENT *entry;
    while ((entry = fts_read(walk)) != NULL) {
        if (visit(walk, entry, names, err) < 0)
            return -1;
    }
    if (names->count == before)
        return err_set(err, ERR_INVALID, "%s: no *.yaml, *.yml or *.json file in it", path);
    return 0;
}

int input_find(const char *path, struct input_names *names, struct err *err)
{
    struct stat info;
    if (strcmp(path, "-") != 0) {
        if (stat(path, &info) < 0)
            return err_set(err, ERR_INVALID, "%s: %s", path, strerror(errno));
        if (S_ISDIR(info.st_mode))
            return find_in_folder(path, names, err);
    }
    add_name(names, path);
    return 0;
}

void input_done(struct input_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct input_names){.items = NULL};
}

const char *input_title(const char *name)
{
    return strcmp(name, "-") == 0 ? "<stdin>" : name;
}

int input_load(const char *name, struct strbuf *ret, struct err *err)
{
    if (strcmp(name, "-") == 0)
        return file_read_open(STDIN_FILENO, input_title(name), ret, err);
    return file_read(name, ret, err);
}
