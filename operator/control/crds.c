/* SPDX-License-Identifier: Apache-2.0 */
#include "control/crds.h"

#include "control/mirror.h"
#include "data/object.h"

#include <stdlib.h>
#include <string.h>

struct crds {
    struct mirror *mirror;
};

static bool ends_with(const char *text, const char *suffix)
{
    size_t len = strlen(text), end = strlen(suffix);
    return len >= end && strcmp(text + len - end, suffix) == 0;
}

/* Of most nothing is kept; that one is there is all that is known of the others. */
static json_t *distil(const json_t *crd)
{
    static const char *const groups[] = {".cert-manager.io", ".networking.istio.io"};
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (ends_with(object_name(crd), groups[i]) && !jx_get(crd, "metadata.deletionTimestamp"))
            return json_true();
    return NULL;
}

struct crds *crds_new(struct loop *loop, struct kube *kube, loop_cb *changed, void *arg)
{
    struct crds *crds = xcalloc(1, sizeof(*crds));
    const struct mirror_options options = {.kube = kube,
                                           .kind = &object_crd,
                                           .scope = {.metadata_only = true},
                                           .distil = distil,
                                           .changed = changed,
                                           .arg = arg};
    crds->mirror = mirror_new(loop, &options);
    return crds;
}

void crds_free(struct crds *crds)
{
    if (!crds)
        return;
    mirror_free(crds->mirror);
    free(crds);
}

bool crds_are_known(const struct crds *crds, struct err *err)
{
    *err = *mirror_trouble(crds->mirror);
    return mirror_state(crds->mirror) != MIRROR_FILLING;
}

bool crds_has(const struct crds *crds, const struct object_kind *kind)
{
    AUTO_FREE char *name = xasprintf("%s.%s", kind->resource, kind->group);
    return mirror_find(crds->mirror, NULL, name) != NULL;
}
