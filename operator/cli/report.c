/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include "base/limits.h"
#include "base/now.h"
#include "cli/table.h"
#include "control/certs.h"
#include "control/facts.h"
#include "data/meshgateway.h"
#include "kube/apistatus.h"
#include "templates/templates.h"

#include <stdlib.h>
#include <string.h>

/* As many events as fit on a screen below the rest. */
#define EVENTS_MAX 10

static void add_object(struct report_objects *list, const struct object_kind *kind,
                       const char *name, bool wanted)
{
    list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] =
        (struct report_object){.kind = kind, .name = xstrdup(name), .wanted = wanted};
}

static bool has_object(const struct report_objects *list, const struct object_kind *kind,
                       const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].kind == kind && strcmp(list->items[i].name, name) == 0)
            return true;
    }
    return false;
}

/* What is not served is asked for all the same, so that it can be told. */
static void add_wanted(struct report_objects *list, const json_t *gateway,
                       const struct world *world, const struct meshgateway *gw)
{
    struct templates_live live;
    struct templates_list wanted;
    world_live(world, gw, jx_array(gateway, "status.certificates"), &live);
    live.have_istio = live.have_cert_manager = true;
    templates_render(gw, &live, &wanted);
    for (size_t i = 0; i < wanted.count; i++)
        add_object(list, wanted.items[i].kind, object_name(wanted.items[i].object), true);
    templates_list_done(&wanted);
    certs_live_done(&live);
}

static void add_left_overs(struct report_objects *list, const json_t *gateway,
                           const struct world *world)
{
    for (size_t i = 0; templates_kinds[i]; i++)
        if (!has_object(list, templates_kinds[i], object_name(gateway)))
            add_object(list, templates_kinds[i], object_name(gateway), false);
    for (size_t i = 0; templates_optional_kinds[i]; i++) {
        const struct object_kind *kind = templates_optional_kinds[i];
        json_auto_t *names = world_children(world, kind, object_uid(gateway));
        size_t n;
        const json_t *name;
        json_array_foreach (names, n, name)
            if (!has_object(list, kind, json_string_value(name)))
                add_object(list, kind, json_string_value(name), false);
    }
}

void report_objects_of(json_t *gateway, const struct world *world, struct report_objects *ret)
{
    *ret = (struct report_objects){.problems = PROBLEMS_INIT,
                                   .world_known = world->err.kind == ERR_NONE};
    json_auto_t *copy = json_deep_copy(gateway);
    struct config config;
    struct meshgateway gw;
    config_init(&config);
    if (templates_parse(copy, &config, &gw, &ret->problems) == 0) {
        add_wanted(ret, gateway, world, &gw);
        meshgateway_done(&gw);
    }
    add_left_overs(ret, gateway, world);
    config_done(&config);
}

void report_objects_done(struct report_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++) {
        free(objects->items[i].name);
        json_decref(objects->items[i].object);
    }
    free(objects->items);
    problems_done(&objects->problems);
}

static const json_t *find(const struct report_objects *objects, const struct object_kind *kind)
{
    for (size_t i = 0; i < objects->count; i++) {
        if (objects->items[i].kind == kind && objects->items[i].object)
            return objects->items[i].object;
    }
    return NULL;
}

/* Whether an object that is not among the wanted ones is known to be too much. */
static bool is_known(const struct report_objects *objects, const struct object_kind *kind)
{
    return objects->problems.count == 0 && (objects->world_known || !templates_is_optional(kind));
}

/* One object's line; NULL: there is nothing to say. */
static json_t *describe(const struct report_object *item, const json_t *gateway, bool known)
{
    const json_t *owner = object_controller(item->object);
    bool ours = owner && strcmp(jx_str(owner, "uid", ""), object_uid(gateway)) == 0;
    json_auto_t *detail = NULL;
    const char *state = NULL;
    if (item->object && ours && (item->wanted || !known)) {
        state = jx_get(item->object, "metadata.deletionTimestamp") ? "going" : "in place";
    } else if (item->object && ours) {
        state = "left over";
        detail = STR("the spec does not ask for it any more");
    } else if (item->object && item->wanted) {
        state = "foreign";
        detail = owner ? jx_stringf("it belongs to %s %s",
                                    jx_str(owner, "kind", "?"),
                                    jx_str(owner, "name", "?"))
                       : STR("it does not belong to this gateway");
    } else if (item->err.kind != ERR_NONE && item->err.kind != ERR_NOT_FOUND) {
        state = "unknown";
        detail = STR(item->err.msg);
    } else if (item->wanted && strcmp(item->err.reason, APISTATUS_NOT_SERVED) == 0) {
        state = "not installed";
        detail =
            jx_stringf("the cluster does not serve %s/%s", item->kind->group, item->kind->version);
    } else if (item->wanted) {
        state = "missing";
    }
    if (!state)
        return NULL;
    return OBJ(F("kind", STR(item->kind->kind)),
               F("name", STR(item->name)),
               F("state", STR(state)),
               FOPT("created", STR(jx_str(item->object, "metadata.creationTimestamp", NULL))),
               FOPT("detail", REF(detail)));
}

static json_t *describe_all(const struct report_objects *objects, const json_t *gateway)
{
    json_t *list = json_array();
    for (size_t i = 0; i < objects->count; i++) {
        const struct report_object *item = &objects->items[i];
        json_t *line = describe(item, gateway, is_known(objects, item->kind));
        if (line)
            json_array_append_new(list, line);
    }
    return list;
}

static json_t *rollout(const json_t *facts)
{
    json_int_t wanted = jx_int(facts, "wanted", 1);
    json_int_t updated = jx_int(facts, "updated", 0);
    json_int_t replicas = jx_int(facts, "replicas", 0);
    json_int_t available = jx_int(facts, "available", 0);
    const char *problem = jx_str(facts, "problem", "");
    if (!facts)
        return STR("there is no Deployment");
    if (problem[0])
        return jx_stringf("stuck: %s", problem);
    if (jx_int(facts, "observedGeneration", 0) < jx_int(facts, "generation", 0))
        return STR("not begun: the Deployment's controller has not seen the change yet");
    if (updated < wanted)
        return jx_stringf("under way: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
                          " pods are new",
                          updated,
                          wanted);
    if (replicas > updated)
        return jx_stringf("under way: %" JSON_INTEGER_FORMAT " old pods are still there",
                          replicas - updated);
    if (available < wanted)
        return jx_stringf("under way: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
                          " pods are available",
                          available,
                          wanted);
    return STR("complete");
}

static json_t *pods(const json_t *facts)
{
    static const char *const counts[] = {"wanted", "replicas", "updated", "ready", "available"};
    json_t *result = json_object();
    for (size_t i = 0; facts && i < ARRAY_LEN(counts); i++)
        json_object_set_new(result, counts[i], INT(jx_int(facts, counts[i], 0)));
    return result;
}

static const char *image_of(const json_t *deployment)
{
    size_t i;
    json_t *container;
    json_array_foreach (jx_array(deployment, "spec.template.spec.containers"), i, container) {
        if (strcmp(jx_str(container, "name", ""), "istio-proxy") == 0)
            return jx_str(container, "image", NULL);
    }
    return NULL;
}

static const char *time_of(const json_t *event)
{
    static const char *const paths[] = {"series.lastObservedTime",
                                        "deprecatedLastTimestamp",
                                        "eventTime",
                                        "metadata.creationTimestamp"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const char *time = jx_str(event, paths[i], "");
        if (time[0])
            return time;
    }
    return "";
}

static int64_t micros_of(const json_t *event)
{
    int64_t when = 0;
    return now_parse_time(time_of(event), &when) < 0 ? 0 : when;
}

/* Of the gateway, of its objects, of the Deployment's pods. */
static bool concerns(const json_t *event, const json_t *gateway,
                     const struct report_objects *objects)
{
    const char *kind = jx_str(event, "regarding.kind", "");
    const char *name = jx_str(event, "regarding.name", "");
    size_t len = strlen(object_name(gateway));
    if (strcmp(kind, object_mesh_gateway.kind) == 0)
        return strcmp(name, object_name(gateway)) == 0;
    if (strcmp(kind, "Pod") == 0 || strcmp(kind, "ReplicaSet") == 0)
        return strncmp(name, object_name(gateway), len) == 0 && name[len] == '-';
    for (size_t i = 0; i < objects->count; i++) {
        if (strcmp(objects->items[i].kind->kind, kind) == 0 &&
            strcmp(objects->items[i].name, name) == 0)
            return true;
    }
    return false;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = micros_of(*(json_t *const *)a), y = micros_of(*(json_t *const *)b);
    return x < y ? -1 : x > y;
}

static json_t *last_events(const json_t *gateway, const struct report_objects *objects,
                           const json_t *events)
{
    size_t count = 0, i;
    json_t *event;
    AUTO_FREE json_t **found = xcalloc(json_array_size(events) + 1, sizeof(json_t *));
    json_array_foreach (events, i, event) {
        if (concerns(event, gateway, objects))
            found[count++] = event;
    }
    qsort(found, count, sizeof(json_t *), by_time);
    json_t *list = json_array();
    for (i = count > EVENTS_MAX ? count - EVENTS_MAX : 0; i < count; i++) {
        json_int_t times = jx_int(found[i], "series.count", jx_int(found[i], "deprecatedCount", 1));
        json_array_append_new(list,
                              OBJ(F("time", STR(time_of(found[i]))),
                                  F("type", STR(jx_str(found[i], "type", ""))),
                                  F("reason", STR(jx_str(found[i], "reason", ""))),
                                  F("object",
                                    jx_stringf("%s/%s",
                                               jx_str(found[i], "regarding.kind", ""),
                                               jx_str(found[i], "regarding.name", ""))),
                                  F("count", INT(times)),
                                  F("message", STR(jx_str(found[i], "note", "")))));
    }
    return list;
}

json_t *report_make(const json_t *gateway, const struct report_objects *objects,
                    const json_t *events)
{
    const json_t *deployment = find(objects, &object_deployment);
    json_auto_t *facts = deployment ? facts_of(&object_deployment, deployment) : NULL;
    const json_t *annotations = jx_object(gateway, "metadata.annotations");
    const char *paused = json_string_value(json_object_get(annotations, MESHGATEWAY_PAUSED));
    struct err problem = {.kind = ERR_NONE};
    bool wrong = problems_to_err(&objects->problems, &problem) < 0;
    return OBJ(F("namespace", STR(object_namespace(gateway))),
               F("name", STR(object_name(gateway))),
               F("type", STR(jx_str(gateway, "spec.type", ""))),
               FOPT("serviceType", STR(jx_str(find(objects, &object_service), "spec.type", NULL))),
               F("created", STR(jx_str(gateway, "metadata.creationTimestamp", ""))),
               FOPT("paused", paused && strcmp(paused, "true") == 0 ? BOOL(true) : NULL),
               FOPT("problem", wrong ? STR(problem.msg) : NULL),
               FOPT("conditions", REF(jx_array(gateway, "status.conditions"))),
               FOPT("addresses", REF(jx_array(gateway, "status.addresses"))),
               FOPT("ports", REF(jx_array(gateway, "status.ports"))),
               FOPT("certificates", REF(jx_array(gateway, "status.certificates"))),
               FOPT("image", STR(image_of(deployment))),
               F("pods", pods(facts)),
               F("rollout", rollout(facts)),
               F("objects", describe_all(objects, gateway)),
               F("events", last_events(gateway, objects, events)));
}

static const json_t *condition(const json_t *gateway, const char *type)
{
    size_t i;
    json_t *each;
    json_array_foreach (jx_array(gateway, "status.conditions"), i, each) {
        if (strcmp(jx_str(each, "type", ""), type) == 0)
            return each;
    }
    return NULL;
}

static char *addresses_of(const json_t *gateway)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_ERROR_BODY);
    size_t i;
    json_t *address;
    json_array_foreach (jx_array(gateway, "status.addresses"), i, address)
        strbuf_addf(&text, "%s%s", i ? "," : "", jx_str(address, "value", ""));
    return strbuf_take(&text);
}

json_t *report_heads(bool wide)
{
    json_t *row = ARR(STR("NAMESPACE"),
                      STR("NAME"),
                      STR("TYPE"),
                      STR("READY"),
                      STR("REASON"),
                      STR("PODS"),
                      STR("ADDRESSES"),
                      STR("AGE"));
    if (wide) {
        json_array_append_new(row, STR("SERVICE"));
        json_array_append_new(row, STR("CERTIFICATES"));
        json_array_append_new(row, STR("RENEWAL"));
        json_array_append_new(row, STR("MESSAGE"));
    }
    return row;
}

json_t *report_row(const json_t *gateway, bool wide, int64_t now_us)
{
    const json_t *ready = condition(gateway, "Ready");
    AUTO_FREE char *addresses = addresses_of(gateway);
    AUTO_FREE char *age = table_age(jx_str(gateway, "metadata.creationTimestamp", NULL), now_us);
    json_t *row = ARR(STR(object_namespace(gateway)),
                      STR(object_name(gateway)),
                      STR(jx_str(gateway, "spec.type", "")),
                      STR(jx_str(ready, "status", "Unknown")),
                      STR(jx_str(ready, "reason", "NoStatusYet")),
                      jx_stringf("%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
                                 jx_int(gateway, "status.readyReplicas", 0),
                                 jx_int(gateway, "status.replicas", 0)),
                      STR(addresses),
                      STR(age));
    if (wide) {
        json_array_append_new(row, STR(jx_str(gateway, "status.serviceType", "")));
        json_array_append_new(row, STR(jx_str(gateway, "status.certificatesReady", "")));
        json_array_append_new(row, STR(jx_str(gateway, "status.nextRenewal", "")));
        json_array_append_new(row, STR(jx_str(ready, "message", "")));
    }
    return row;
}
