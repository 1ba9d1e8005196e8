/* SPDX-License-Identifier: Apache-2.0 */
/* After normalizeElementOrder of k8s.io/apimachinery's pkg/util/strategicpatch. */
#include "data/mergelist.h"

#include "base/mem.h"

#include <stdlib.h>

static const json_t *identity(const json_t *element, const char *key)
{
    return key[0] ? json_object_get(element, key) : element;
}

static bool is_same(const json_t *a, const json_t *b, const char *key)
{
    const json_t *left = identity(a, key);
    return left && json_equal(left, identity(b, key));
}

size_t mergelist_index(const json_t *list, const json_t *element, const char *key)
{
    size_t i;
    json_t *other;
    json_array_foreach (list, i, other)
        if (is_same(element, other, key))
            return i;
    return json_array_size(list);
}

bool mergelist_holds(const json_t *list, const json_t *element, const char *key)
{
    return mergelist_index(list, element, key) < json_array_size(list);
}

void mergelist_remove(json_t *list, const json_t *element, const char *key)
{
    for (size_t i = json_array_size(list); i > 0; i--)
        if (is_same(element, json_array_get(list, i - 1), key))
            json_array_remove(list, i - 1);
}

void mergelist_unite(json_t *list, const json_t *values)
{
    size_t i;
    json_t *value;
    json_array_foreach (values, i, value)
        if (!mergelist_holds(list, value, ""))
            json_array_append_new(list, json_deep_copy(value));
}

bool mergelist_follows(const json_t *list, const json_t *order, const char *key)
{
    size_t at = 0;
    for (size_t i = 0; at < json_array_size(list) && i < json_array_size(order); i++)
        if (is_same(json_array_get(list, at), json_array_get(order, i), key))
            at++;
    return at == json_array_size(list);
}

struct place {
    json_t *element;
    size_t rank;   /* in the list that orders it */
    size_t live;   /* place in the live list; its size when it is not there */
    size_t number; /* in the merged list */
};

static int by_rank(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

json_t *mergelist_arrange(const json_t *merged, const json_t *given, const json_t *live,
                          const char *key)
{
    size_t count = json_array_size(merged);
    size_t given_count = 0;
    size_t other_count = 0;
    AUTO_FREE struct place *of_given = xcalloc(count, sizeof(struct place));
    AUTO_FREE struct place *others = xcalloc(count, sizeof(struct place));
    for (size_t i = 0; i < count; i++) {
        struct place place = {.element = json_array_get(merged, i), .number = i};
        size_t rank = mergelist_index(given, place.element, key);
        place.live = mergelist_index(live, place.element, key);
        bool is_given = rank < json_array_size(given);
        place.rank = is_given ? rank : place.live;
        if (is_given)
            of_given[given_count++] = place;
        else
            others[other_count++] = place;
    }
    qsort(of_given, given_count, sizeof(*of_given), by_rank);
    qsort(others, other_count, sizeof(*others), by_rank);
    json_t *result = json_array();
    size_t i = 0;
    size_t j = 0;
    while (i < other_count || j < given_count) {
        bool other = i < other_count && (j == given_count || others[i].live < of_given[j].live);
        if (other && j < given_count)
            other = of_given[j].live < json_array_size(live);
        json_array_append(result, other ? others[i++].element : of_given[j++].element);
    }
    return result;
}
