/* SPDX-License-Identifier: Apache-2.0 */
/* After k8s.io/apimachinery: pkg/api/validation/objectmeta.go and pkg/util/validation. */
#include "data/objectmeta.h"

#include "base/limits.h"
#include "data/fieldpath.h"
#include "data/jx.h"

#include <ctype.h>
#include <string.h>

#define LABEL_MAX       63
#define SUBDOMAIN_MAX   253
#define ANNOTATIONS_MAX LIMIT_KIB(256) /* all keys and values together */

#define SUBDOMAIN_TEXT                                                                             \
    "must be lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define ALNUM LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* Only these characters, the first and last of them alphanumeric. */
static bool is_token(const char *text, size_t len, const char *allowed)
{
    return len > 0 && strspn(text, allowed) >= len && text[0] != '-' && text[len - 1] != '-' &&
           strchr(ALNUM, text[0]) && strchr(ALNUM, text[len - 1]);
}

static bool is_dns_label(const char *text, size_t len)
{
    return len <= LABEL_MAX && is_token(text, len, LOWER "0123456789-");
}

/* A DNS-1123 subdomain; its labels have no length limit of their own. */
static bool is_subdomain(const char *text, size_t len)
{
    if (len == 0 || len > SUBDOMAIN_MAX)
        return false;
    for (const char *label = text, *end = text + len; label <= end;) {
        size_t n = strcspn(label, ".");
        if (label + n > end)
            n = (size_t)(end - label);
        if (!is_token(label, n, LOWER "0123456789-"))
            return false;
        label += n + 1;
    }
    return true;
}

bool objectmeta_is_key(const char *text, bool any_case)
{
    const char *slash = strchr(text, '/');
    const char *name = slash ? slash + 1 : text;
    size_t len = strlen(name);
    if (len > LABEL_MAX || !is_token(name, len, ALNUM "-_."))
        return false;
    if (!slash)
        return true;
    AUTO_FREE char *prefix = xstrndup(text, (size_t)(slash - text));
    for (char *c = prefix; any_case && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return is_subdomain(prefix, strlen(prefix));
}

static bool is_label_value(const char *text)
{
    size_t len = strlen(text);
    return len == 0 || (len <= LABEL_MAX && is_token(text, len, ALNUM "-_."));
}

/* The API server puts something behind a prefix that ends with a dash. */
static bool is_prefix(const char *text)
{
    size_t len = strlen(text);
    return is_subdomain(text, len > 1 && text[len - 1] == '-' ? len - 1 : len);
}

static bool check_names(const json_t *metadata, struct problems *problems)
{
    const char *name = jx_str(metadata, "name", "");
    const char *prefix = jx_str(metadata, "generateName", "");
    const char *ns = jx_str(metadata, "namespace", "");
    bool named = name[0] != '\0' || prefix[0] != '\0';
    if (!named)
        problems_add(problems, "metadata.name", "is required");
    if (name[0] != '\0' && !is_subdomain(name, strlen(name)))
        problems_add(problems, "metadata.name", SUBDOMAIN_TEXT);
    if (prefix[0] != '\0' && !is_prefix(prefix))
        problems_add(problems, "metadata.generateName", SUBDOMAIN_TEXT);
    if (ns[0] != '\0' && !is_dns_label(ns, strlen(ns)))
        problems_add(problems,
                     "metadata.namespace",
                     "must be at most 63 lower-case letters, digits and '-', beginning and ending "
                     "with a letter or digit");
    return named;
}

static void check_labels(const json_t *labels, const struct fieldpath *path,
                         struct problems *problems)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)labels, key, value) {
        if (!objectmeta_is_key(key, false))
            fieldpath_problem(FIELD(path, key), problems, "is not a valid label key");
        if (json_is_string(value) && !is_label_value(json_string_value(value)))
            fieldpath_problem(FIELD(path, key),
                              problems,
                              "must be at most 63 letters, digits, '-', '_' and '.', beginning and "
                              "ending with a letter or digit");
    }
}

static bool check_annotations(const json_t *annotations, const struct fieldpath *path,
                              struct problems *problems)
{
    size_t total = 0;
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)annotations, key, value) {
        total += strlen(key) + json_string_length(value);
        if (!objectmeta_is_key(key, true))
            fieldpath_problem(FIELD(path, key), problems, "is not a valid annotation key");
    }
    if (total > ANNOTATIONS_MAX)
        fieldpath_problem(path, problems, "must have at most %zu bytes", ANNOTATIONS_MAX);
    return total <= ANNOTATIONS_MAX;
}

/* The API server drops repeated owners before it looks at them. */
static bool is_repeated(const json_t *owners, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (json_equal(json_array_get(owners, i), json_array_get(owners, index)))
            return true;
    return false;
}

static bool check_owners(const json_t *owners, const struct fieldpath *path,
                         struct problems *problems)
{
    static const char *const required[] = {"apiVersion", "kind", "name", "uid"};
    size_t controllers = 0, i;
    const json_t *owner;
    bool complete = true;
    json_array_foreach (owners, i, owner) {
        for (size_t k = 0; k < ARRAY_LEN(required); k++) {
            if (jx_str(owner, required[k], "")[0] != '\0')
                continue;
            fieldpath_problem(FIELD(ELEMENT(path, i), required[k]), problems, "is required");
            complete = false;
        }
        if (jx_bool(owner, "controller", false) && !is_repeated(owners, i))
            controllers++;
    }
    if (controllers > 1)
        fieldpath_problem(path, problems, "only one owner may have controller: true");
    return complete;
}

static void check_finalizers(const json_t *finalizers, const struct fieldpath *path,
                             struct problems *problems)
{
    size_t i;
    const json_t *finalizer;
    json_array_foreach (finalizers, i, finalizer) {
        const char *name = json_string_value(finalizer);
        if (name && !objectmeta_is_key(name, false))
            fieldpath_problem(ELEMENT(path, i), problems, "is not a valid finalizer name");
    }
}

bool objectmeta_check(const json_t *object, struct problems *problems)
{
    const json_t *metadata = jx_object(object, "metadata");
    const struct fieldpath *path = FIELD(NULL, "metadata");
    bool goes_on = check_names(metadata, problems);
    check_labels(jx_object(metadata, "labels"), FIELD(path, "labels"), problems);
    goes_on &=
        check_annotations(jx_object(metadata, "annotations"), FIELD(path, "annotations"), problems);
    goes_on &= check_owners(
        jx_array(metadata, "ownerReferences"), FIELD(path, "ownerReferences"), problems);
    check_finalizers(jx_array(metadata, "finalizers"), FIELD(path, "finalizers"), problems);
    return goes_on;
}
