/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/clustermesh.h"

#include "control/injection.h"
#include "data/mesh.h"
#include "data/proxy.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct mesh {
    struct mesh *next;
    char *ns, *revision;
    struct config config;
};

struct clustermesh {
    struct cluster *cluster;
    const struct config *base;
    struct mesh *all;
    json_t *injectors; /* NULL: not asked for yet */
};

/* The two ConfigMaps of a revision; NULL each when there is none. */
struct maps {
    json_t *config, *injector;
};

struct clustermesh *clustermesh_new(struct cluster *cluster, const struct config *base)
{
    struct clustermesh *meshes = xcalloc(1, sizeof(*meshes));
    *meshes = (struct clustermesh){.cluster = cluster, .base = base};
    return meshes;
}

void clustermesh_free(struct clustermesh *meshes)
{
    if (!meshes)
        return;
    struct mesh *mesh, *next;
    LL_FOREACH_SAFE(meshes->all, mesh, next)
    {
        config_done(&mesh->config);
        free(mesh->ns);
        free(mesh->revision);
        free(mesh);
    }
    json_decref(meshes->injectors);
    free(meshes);
}

static void maps_done(struct maps *maps)
{
    json_decref(maps->config);
    json_decref(maps->injector);
    *maps = (struct maps){.config = NULL};
}

static int get_maps(struct clustermesh *meshes, const char *ns, const char *revision,
                    struct maps *ret, struct err *err)
{
    AUTO_FREE char *config = mesh_map_name(MESH_CONFIG_MAP, revision);
    AUTO_FREE char *injector = mesh_map_name(MESH_INJECTOR_MAP, revision);
    const struct kube_request requests[] = {
        {.verb = KUBE_GET, .kind = &object_config_map, .ns = ns, .name = config},
        {.verb = KUBE_GET, .kind = &object_config_map, .ns = ns, .name = injector},
    };
    struct cluster_answer answers[ARRAY_LEN(requests)];
    cluster_ask(meshes->cluster, requests, ARRAY_LEN(requests), answers);
    *ret = (struct maps){.config = answers[0].object, .injector = answers[1].object};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        if (answers[i].err.kind == ERR_NONE || answers[i].err.kind == ERR_NOT_FOUND)
            continue;
        *err = answers[i].err;
        maps_done(ret);
        return err_wrap(err, "the mesh's configuration");
    }
    return 0;
}

/* The revision behind a tag, borrowed; NULL in *ret when it is none. */
static int get_tagged(struct clustermesh *meshes, const char *tag, const char **ret,
                      struct err *err)
{
    if (!meshes->injectors) {
        const struct kube_request request = {.verb = KUBE_GET, .kind = &object_mutating_webhooks};
        struct cluster_answer answer;
        cluster_ask(meshes->cluster, &request, 1, &answer);
        json_auto_t *list = answer.object;
        if (!list) {
            *err = answer.err;
            return err_wrap(err, "the revision tags");
        }
        meshes->injectors = json_array();
        size_t i;
        json_t *configuration;
        json_array_foreach (jx_array(list, "items"), i, configuration) {
            json_t *injector = injection_of_webhooks(configuration);
            if (injector)
                json_array_append_new(meshes->injectors, injector);
        }
    }
    *ret = injection_tagged(meshes->injectors, tag);
    return 0;
}

/* Whose ConfigMaps count: see source_of() in control/meshes.c. */
static int find_maps(struct clustermesh *meshes, const struct proxy_control_plane *plane,
                     struct maps *ret, const char **ret_tagged, struct err *err)
{
    bool named = !proxy_is_default(plane->revision);
    *ret_tagged = NULL;
    if (!named) {
        if (get_maps(meshes, plane->ns, plane->revision, ret, err) < 0)
            return -1;
        if (ret->config || ret->injector)
            return 0;
    }
    if (get_tagged(meshes, named ? plane->revision : "default", ret_tagged, err) < 0)
        return -1;
    if (!named && !*ret_tagged)
        return 0;
    return get_maps(meshes, plane->ns, *ret_tagged ? *ret_tagged : plane->revision, ret, err);
}

static struct mesh *add(struct clustermesh *meshes, const struct proxy_control_plane *plane,
                        const struct config *config)
{
    struct mesh *mesh = xcalloc(1, sizeof(*mesh));
    mesh->ns = xstrdup(plane->ns);
    mesh->revision = xstrdup(plane->revision);
    mesh->config = *config;
    LL_PREPEND(meshes->all, mesh);
    return mesh;
}

const struct config *clustermesh_config(struct clustermesh *meshes, const json_t *gateway,
                                        struct err *err)
{
    struct proxy_control_plane plane;
    proxy_control_plane(gateway, meshes->base, &plane);
    if (plane.injected)
        return meshes->base;
    struct mesh *mesh;
    LL_FOREACH (meshes->all, mesh)
        if (strcmp(mesh->ns, plane.ns) == 0 && strcmp(mesh->revision, plane.revision) == 0)
            return &mesh->config;
    struct maps maps = {.config = NULL};
    const char *tagged;
    struct config config;
    if (find_maps(meshes, &plane, &maps, &tagged, err) < 0)
        return NULL;
    struct mesh_source source = {
        .ns = plane.ns,
        .revision = plane.revision,
        .tagged_revision = tagged ? tagged : "",
        .config_map = maps.config,
        .injector_map = maps.injector,
    };
    int rc = mesh_configure(meshes->base, &source, &config, err);
    maps_done(&maps);
    return rc < 0 ? NULL : &add(meshes, &plane, &config)->config;
}
