/* SPDX-License-Identifier: Apache-2.0 */
#include "data/yamlmarks.h"

#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void reserve(struct yamlmarks *marks, size_t extra)
{
    if (marks->count + extra <= marks->cap)
        return;
    marks->cap = (marks->count + extra) * 2;
    marks->nodes = xrealloc(marks->nodes, marks->cap * sizeof(*marks->nodes));
}

static uint32_t add_key(struct yamlmarks *marks, const char *key)
{
    size_t size = strlen(key) + 1;
    if (marks->keys_len + size > marks->keys_cap) {
        marks->keys_cap = (marks->keys_len + size) * 2;
        marks->keys = xrealloc(marks->keys, marks->keys_cap);
    }
    size_t at = marks->keys_len;
    memcpy(marks->keys + at, key, size);
    marks->keys_len += size;
    assert(at < YAMLMARKS_NO_KEY); /* an input is smaller than that */
    return (uint32_t)at;
}

size_t yamlmarks_open(struct yamlmarks *marks, size_t line, const char *key)
{
    reserve(marks, 1);
    marks->nodes[marks->count] = (struct yamlmarks_node){
        .line = (uint32_t)line,
        .key = key ? add_key(marks, key) : YAMLMARKS_NO_KEY,
    };
    return marks->count++;
}

void yamlmarks_close(struct yamlmarks *marks, size_t index)
{
    marks->nodes[index].size = (uint32_t)(marks->count - index);
}

void yamlmarks_copy(struct yamlmarks *marks, size_t from)
{
    size_t count = marks->nodes[from].size - 1;
    reserve(marks, count);
    memcpy(marks->nodes + marks->count, marks->nodes + from + 1, count * sizeof(*marks->nodes));
    marks->count += count;
}

/* One step of a path: ".key", "key", "[3]", "[key]" or "[\"key\"]". */
struct step {
    const char *key;
    size_t len;
    bool bracket;
};

static bool next_step(const char **path, struct step *ret)
{
    const char *p = *path;
    p += *p == '.';
    if (*p == '\0')
        return false;
    const char *end;
    *ret = (struct step){.bracket = *p == '['};
    if (strncmp(p, "[\"", 2) == 0) {
        ret->key = p + 2;
        end = strstr(ret->key, "\"]");
        *path = end ? end + 2 : "";
    } else if (*p == '[') {
        ret->key = p + 1;
        end = strchr(ret->key, ']');
        *path = end ? end + 1 : "";
    } else {
        ret->key = p;
        end = p + strcspn(p, ".[");
        *path = end;
    }
    ret->len = end ? (size_t)(end - ret->key) : strlen(ret->key);
    return true;
}

static bool is_key(const struct yamlmarks *marks, const struct yamlmarks_node *node,
                   const struct step *step)
{
    const char *key = marks->keys + node->key;
    return strncmp(key, step->key, step->len) == 0 && key[step->len] == '\0';
}

/* The child that a step leads to, or NULL. Of equal keys the last counts: it came from a merge. */
static const struct yamlmarks_node *
find(const struct yamlmarks *marks, const struct yamlmarks_node *parent, const struct step *step)
{
    const struct yamlmarks_node *found = NULL;
    const struct yamlmarks_node *end = parent + parent->size;
    bool number = step->bracket && step->len && strspn(step->key, "0123456789") == step->len;
    unsigned long wanted = number ? strtoul(step->key, NULL, 10) : ULONG_MAX;
    unsigned long index = 0;
    for (const struct yamlmarks_node *node = parent + 1; node < end; node += node->size) {
        bool matches = node->key != YAMLMARKS_NO_KEY ? is_key(marks, node, step) : index == wanted;
        if (matches)
            found = node;
        index++;
    }
    return found;
}

int yamlmarks_line(const struct yamlmarks *marks, const char *path)
{
    if (marks->count == 0)
        return 0;
    const struct yamlmarks_node *node = marks->nodes;
    struct step step;
    while (next_step(&path, &step)) {
        const struct yamlmarks_node *child = find(marks, node, &step);
        if (!child)
            break;
        node = child;
    }
    return (int)node->line;
}

void yamlmarks_done(struct yamlmarks *marks)
{
    free(marks->nodes);
    free(marks->keys);
    *marks = (struct yamlmarks){.nodes = NULL};
}
