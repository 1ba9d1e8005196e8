/* SPDX-License-Identifier: Apache-2.0 */
#include "control/meshes.h"

#include "base/limits.h"
#include "base/log.h"
#include "data/mesh.h"
#include "data/object.h"
#include "data/proxy.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* istiod's ConfigMaps change together, a moment apart: gateways shall roll once for both. */
#define SETTLE_MS 2000
/* Reinstalling Istio takes its ConfigMaps away for a while, and nothing shall roll for that. */
#define VANISHED_MS (5 * 60 * 1000)

enum map_index { MAP_CONFIG, MAP_INJECTOR, MAP_COUNT };

static const struct {
    const char *name, *key;
} maps[MAP_COUNT] = {
    [MAP_CONFIG] = {MESH_CONFIG_MAP, "mesh"},
    [MAP_INJECTOR] = {MESH_INJECTOR_MAP, "values"},
};

/* One control plane: a namespace and a revision or tag. */
struct mesh {
    UT_hash_handle hh;
    struct meshes *meshes;
    char *ns, *revision;
    char *behind; /* the revision behind the tag, as looked up last; NULL: it is none */
    struct mirror *mirrors[MAP_COUNT]; /* NULL: not needed so far */
    struct loop_timer *settle;
    bool known; /* `config` is set */
    struct config config;
    struct err trouble; /* why it is not known; ERR_NONE: because it takes a moment */
    char key[];         /* "namespace/revision" */
};

struct meshes {
    struct meshes_options options;
    struct mesh *all;
};

struct meshes *meshes_new(const struct meshes_options *options)
{
    struct meshes *meshes = xcalloc(1, sizeof(*meshes));
    meshes->options = *options;
    return meshes;
}

static void free_mesh(struct mesh *mesh)
{
    HASH_DEL(mesh->meshes->all, mesh);
    for (size_t i = 0; i < MAP_COUNT; i++)
        mirror_free(mesh->mirrors[i]);
    loop_timer_free(mesh->settle);
    if (mesh->known)
        config_done(&mesh->config);
    free(mesh->ns);
    free(mesh->revision);
    free(mesh->behind);
    free(mesh);
}

void meshes_free(struct meshes *meshes)
{
    if (!meshes)
        return;
    struct mesh *mesh, *next;
    HASH_ITER (hh, meshes->all, mesh, next)
        free_mesh(mesh);
    free(meshes);
}

/* Of a ConfigMap the one key that is read; the injector's other one holds 60 KB of templates. */
static json_t *distil(const json_t *map, const char *key)
{
    json_t *text = json_object_get(jx_object(map, "data"), key);
    return OBJ(F("metadata",
                 OBJ(F("name", STR(object_name(map))), F("namespace", STR(object_namespace(map))))),
               F("data", text ? OBJ(F(key, REF(text))) : json_object()));
}

static json_t *distil_config(const json_t *map)
{
    return distil(map, maps[MAP_CONFIG].key);
}

static json_t *distil_injector(const json_t *map)
{
    return distil(map, maps[MAP_INJECTOR].key);
}

static void evaluate(struct mesh *mesh);
static struct mesh *get(struct meshes *meshes, const char *ns, const char *revision);

static const json_t *map_of(const struct mesh *mesh, enum map_index i)
{
    AUTO_FREE char *name = mesh_map_name(maps[i].name, mesh->revision);
    return mesh->mirrors[i] ? mirror_find(mesh->mirrors[i], mesh->ns, name) : NULL;
}

static bool has_maps(const struct mesh *mesh)
{
    return map_of(mesh, MAP_CONFIG) || map_of(mesh, MAP_INJECTOR);
}

static void on_map(void *arg)
{
    struct mesh *mesh = arg;
    if (!mesh->known)
        evaluate(mesh);
    else
        loop_timer_start(mesh->settle, has_maps(mesh) ? SETTLE_MS : VANISHED_MS);
}

static void watch_maps(struct mesh *mesh)
{
    static json_t *(*const distils[MAP_COUNT])(const json_t *) = {distil_config, distil_injector};
    for (size_t i = 0; i < MAP_COUNT && !mesh->mirrors[i]; i++) {
        AUTO_FREE char *name = mesh_map_name(maps[i].name, mesh->revision);
        AUTO_FREE char *fields = xasprintf("metadata.name=%s", name);
        struct mirror_options options = {
            .kube = mesh->meshes->options.kube,
            .kind = &object_config_map,
            .scope = {.ns = mesh->ns, .fields = fields},
            .distil = distils[i],
            .changed = on_map,
            .arg = mesh,
        };
        mesh->mirrors[i] = mirror_new(mesh->meshes->options.loop, &options);
    }
}

/* True once both are complete; else *err may say what keeps them from it. */
static bool maps_complete(struct mesh *mesh, struct err *err)
{
    watch_maps(mesh);
    bool complete = true;
    for (size_t i = 0; i < MAP_COUNT; i++) {
        enum mirror_state state = mirror_state(mesh->mirrors[i]);
        complete = complete && state == MIRROR_READY;
        if (state == MIRROR_REFUSED)
            *err = *mirror_trouble(mesh->mirrors[i]);
    }
    return complete;
}

/*
 * Whose ConfigMaps count: those of the revision behind a tag. Without a name, the default control
 * plane's, or else those of the revision that has the tag "default". NULL: not known yet.
 */
static struct mesh *source_of(struct mesh *mesh, struct err *err)
{
    bool named = !proxy_is_default(mesh->revision);
    const char *tagged = NULL;
    if (!named) {
        if (!maps_complete(mesh, err))
            return NULL;
        if (has_maps(mesh)) {
            free(TAKE(mesh->behind));
            return mesh;
        }
    }
    if (!injectors_tagged(
            mesh->meshes->options.injectors, named ? mesh->revision : "default", &tagged))
        return NULL;
    free(mesh->behind);
    mesh->behind = xstrdup(tagged);
    struct mesh *source = tagged ? get(mesh->meshes, mesh->ns, tagged) : mesh;
    return source && maps_complete(source, err) ? source : NULL;
}

/* Takes over what is known now. Returns whether that is news. */
static bool take(struct mesh *mesh, const struct mesh *source)
{
    struct mesh_source from = {
        .ns = mesh->ns,
        .revision = mesh->revision,
        .tagged_revision = mesh->behind ? mesh->behind : "",
        .config_map = map_of(source, MAP_CONFIG),
        .injector_map = map_of(source, MAP_INJECTOR),
    };
    struct config config;
    struct err err = {.kind = ERR_NONE};
    if (mesh_configure(mesh->meshes->options.config, &from, &config, &err) < 0) {
        LOG_WARN(
            "the mesh's configuration cannot be read", LS("object", mesh->key), LS("err", err.msg));
        mesh->trouble = err;
        return !mesh->known; /* what is known already stays */
    }
    mesh->trouble = (struct err){.kind = ERR_NONE};
    bool news = !mesh->known || !config_equal(&mesh->config, &config);
    if (news)
        LOG_INFO("mesh",
                 LS("object", mesh->key),
                 LS("source", has_maps(source) ? source->key : "the operator's configuration"),
                 LS("image", config.proxy_image));
    if (mesh->known)
        config_done(&mesh->config);
    mesh->config = config;
    mesh->known = true;
    return news;
}

static bool is_tag_of(const struct mesh *mesh, const struct mesh *target)
{
    return mesh != target && strcmp(mesh->ns, target->ns) == 0 && mesh->behind &&
           strcmp(mesh->behind, target->revision) == 0;
}

static void evaluate_tags_of(struct mesh *target)
{
    struct mesh *mesh, *next;
    HASH_ITER (hh, target->meshes->all, mesh, next)
        if (is_tag_of(mesh, target))
            evaluate(mesh);
}

static void evaluate(struct mesh *mesh)
{
    struct err err = {.kind = ERR_NONE};
    const struct mesh *source = source_of(mesh, &err);
    bool news;
    if (source) {
        news = take(mesh, source);
    } else {
        news = err.kind != mesh->trouble.kind;
        mesh->trouble = err;
    }
    if (!news)
        return;
    mesh->meshes->options.changed(mesh->meshes->options.arg, mesh->ns, mesh->revision);
    evaluate_tags_of(mesh);
}

static void on_settled(void *arg)
{
    struct mesh *mesh = arg;
    evaluate(mesh);
}

/* Finds or makes it; NULL when there are too many. */
static struct mesh *get(struct meshes *meshes, const char *ns, const char *revision)
{
    AUTO_FREE char *key = xasprintf("%s/%s", ns, revision);
    struct mesh *mesh;
    HASH_FIND_STR(meshes->all, key, mesh);
    if (mesh || HASH_COUNT(meshes->all) >= LIMIT_MESHES)
        return mesh;
    mesh = xcalloc(1, sizeof(*mesh) + strlen(key) + 1);
    memcpy(mesh->key, key, strlen(key) + 1);
    mesh->meshes = meshes;
    mesh->ns = xstrdup(ns);
    mesh->revision = xstrdup(revision);
    mesh->settle = loop_timer_new(meshes->options.loop, on_settled, mesh);
    HASH_ADD_STR(meshes->all, key, mesh);
    loop_timer_start(mesh->settle, 0);
    return mesh;
}

const struct config *meshes_base(const struct meshes *meshes)
{
    return meshes->options.config;
}

const struct config *meshes_config(struct meshes *meshes, const json_t *gateway, struct err *err)
{
    struct proxy_control_plane wanted;
    proxy_control_plane(gateway, meshes->options.config, &wanted);
    if (!meshes->options.kube || wanted.injected)
        return meshes->options.config;
    struct mesh *mesh = get(meshes, wanted.ns, wanted.revision);
    if (!mesh) {
        err_set(err, ERR_INVALID, "MeshGateways name more than %d control planes", LIMIT_MESHES);
        return NULL;
    }
    if (mesh->known)
        return &mesh->config;
    *err = mesh->trouble;
    return NULL;
}

bool meshes_settled(const struct meshes *meshes)
{
    struct mesh *mesh, *next;
    HASH_ITER (hh, meshes->all, mesh, next)
        if (!mesh->known && !mesh->trouble.kind)
            return false;
    return true;
}

void meshes_tags_changed(struct meshes *meshes)
{
    struct mesh *mesh, *next;
    HASH_ITER (hh, meshes->all, mesh, next)
        loop_timer_start(mesh->settle, mesh->known ? SETTLE_MS : 0);
}

static bool is_behind_a_tag(const struct mesh *target)
{
    struct mesh *mesh, *next;
    HASH_ITER (hh, target->meshes->all, mesh, next)
        if (is_tag_of(mesh, target))
            return true;
    return false;
}

void meshes_keep(struct meshes *meshes,
                 bool (*used)(void *arg, const char *ns, const char *revision), void *arg)
{
    struct mesh *mesh, *next;
    HASH_ITER (hh, meshes->all, mesh, next)
        if (!used(arg, mesh->ns, mesh->revision) && !is_behind_a_tag(mesh))
            free_mesh(mesh);
}

size_t meshes_count(const struct meshes *meshes)
{
    return HASH_COUNT(meshes->all);
}
