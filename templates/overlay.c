/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/overlay.h"

#include "base/limits.h"
#include "base/strbuf.h"
#include "data/fieldpath.h"
#include "data/jsonmerge.h"
#include "data/jsonpatch.h"
#include "data/jx.h"
#include "data/strategicmerge.h"
#include "templates/common.h"

#include <stdint.h>
#include <string.h>

#define OVERLAY(i) ELEMENT(FIELD(FIELD(NULL, "spec"), "overlays"), i)

/* NULL with a problem added when the patch does not apply. */
static json_t *patched(const json_t *overlay, const struct object_kind *kind, const json_t *object,
                       const struct fieldpath *at, struct problems *problems)
{
    const char *type = jx_str(overlay, "type", "");
    const json_t *patch = json_object_get(overlay, "patch");
    const struct fieldpath *here = FIELD(at, "patch");
    if (strcmp(type, "StrategicMerge") == 0)
        return strategicmerge_apply(kind, object, patch, here, problems);
    if (strcmp(type, "JSONPatch") == 0)
        return jsonpatch_apply(object, patch, here, problems);
    if (strcmp(type, "JSONMerge") != 0)
        fieldpath_problem(
            FIELD(at, "type"), problems, "must be StrategicMerge, JSONMerge or JSONPatch");
    else if (json_is_object(patch))
        return jsonmerge_apply(object, patch);
    else
        fieldpath_problem(here, problems, "must be an object");
    return NULL;
}

/* Equal, or absent in both. */
static bool is_kept(const json_t *before, const json_t *after)
{
    return before && after ? json_equal(before, after) : before == after;
}

static bool check_kept(const json_t *before, const json_t *after, const char *const *path,
                       const struct fieldpath *at, struct problems *problems)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_FIELD_PATH);
    for (size_t i = 0; path[i]; i++) {
        before = json_object_get(before, path[i]);
        after = json_object_get(after, path[i]);
        strbuf_addf(&text, "%s%s", i ? "." : "", path[i]);
    }
    if (is_kept(before, after))
        return true;
    fieldpath_problem(at, problems, "may not change %s", text.text);
    return false;
}

/* Members of metadata that may change; the others identify the object or are the server's. */
static bool is_free(const char *member)
{
    return strcmp(member, "labels") == 0 || strcmp(member, "annotations") == 0 ||
           strcmp(member, "finalizers") == 0;
}

static bool check_metadata(const json_t *before, const json_t *after, const struct fieldpath *at,
                           struct problems *problems)
{
    bool ok = true;
    const json_t *sides[] = {jx_object(before, "metadata"), jx_object(after, "metadata")};
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)(uintptr_t)sides[i], key, value)
            if (!is_free(key))
                ok &= check_kept(
                    before, after, (const char *const[]){"metadata", key, NULL}, at, problems);
    }
    return ok && check_kept(before,
                            after,
                            (const char *const[]){"metadata", "labels", COMMON_MANAGED_BY, NULL},
                            at,
                            problems);
}

static bool check_identity(const json_t *before, const json_t *after, const struct fieldpath *at,
                           struct problems *problems)
{
    static const char *const fixed[][3] = {
        {"apiVersion"}, {"kind"}, {"status"}, {"spec", "selector"}};
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        ok &= check_kept(before, after, fixed[i], at, problems);
    ok &= check_metadata(before, after, at, problems);
    /* What a Deployment selects its pods by. */
    const char *selected;
    json_t *value;
    json_object_foreach (jx_object(before, "spec.selector.matchLabels"), selected, value) {
        const char *const path[] = {"spec", "template", "metadata", "labels", selected, NULL};
        if (jx_object(before, "spec.template"))
            ok &= check_kept(before, after, path, at, problems);
    }
    return ok;
}

json_t *overlay_apply(const struct meshgateway *gw, const struct object_kind *kind, json_t *object,
                      struct problems *problems)
{
    size_t i;
    json_t *overlay;
    json_array_foreach (gw->overlays, i, overlay) {
        if (strcmp(jx_str(overlay, "kind", ""), kind->kind) != 0)
            continue;
        json_auto_t *result = patched(overlay, kind, object, OVERLAY(i), problems);
        if (!result || !check_identity(object, result, FIELD(OVERLAY(i), "patch"), problems))
            continue;
        jx_drop_nulls(result);
        json_decref(object);
        object = TAKE(result);
    }
    return object;
}

/* What to do about an overlay of a kind that this gateway has no object of. */
static const char *remedy(const char *kind)
{
    static const struct {
        const char *kind, *remedy;
    } remedies[] = {
        {"ServiceAccount", "it has one when serviceAccount.create is true"},
        {"HorizontalPodAutoscaler",
         "it has one when autoscaling.minReplicas or autoscaling.maxReplicas is set, and not with "
         "autoscaling.external"},
        {"PodDisruptionBudget",
         "it has one when two replicas are certain, or podDisruptionBudget is set"},
        {"Gateway", "it has one when servers is set"},
        {"VirtualService", "it has one when a server with tls.certificate is redirected"},
        {"Issuer", "it has one when acme.server is set"},
        {"Certificate", "it has one for each server with tls.certificate"},
    };
    for (size_t i = 0; i < ARRAY_LEN(remedies); i++)
        if (strcmp(remedies[i].kind, kind) == 0)
            return remedies[i].remedy;
    return "remove the overlay";
}

void overlay_check_kinds(const struct meshgateway *gw, const struct object_kind *const *rendered,
                         size_t count, struct problems *problems)
{
    size_t i;
    json_t *overlay;
    json_array_foreach (gw->overlays, i, overlay) {
        const char *kind = jx_str(overlay, "kind", "");
        bool found = false;
        for (size_t k = 0; k < count; k++)
            found = found || strcmp(rendered[k]->kind, kind) == 0;
        if (!found)
            fieldpath_problem(FIELD(OVERLAY(i), "kind"),
                              problems,
                              "the gateway has no %s: %s",
                              kind[0] ? kind : "object without a kind",
                              remedy(kind));
    }
}
