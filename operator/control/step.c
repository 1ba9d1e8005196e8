/* SPDX-License-Identifier: Apache-2.0 */
#include "control/step.h"

#include "control/facts.h"
#include "control/observe.h"
#include "control/takeover.h"

#include <stdlib.h>
#include <string.h>

struct step {
    const struct step_context *context;
    const struct plan_step *plan;
    struct kube_call *call;
    step_done *done;
    void *arg;
    bool released;       /* what excludes our fields was taken away, once */
    bool tracked;        /* the server was made to say who owns what, once */
    bool taken_over;     /* the object's fields are no longer the original operator's */
    struct err conflict; /* why it cannot be created */
};

static void finish(struct step *step, enum step_outcome outcome, const struct kube_reply *reply)
{
    struct step_result result = {
        .outcome = outcome,
        .created = outcome == STEP_DONE && reply->http == 201,
        .taken_over = step->taken_over,
        .err = reply->err,
    };
    step->done(step->arg, step->plan, &result);
    free(step);
}

static void call(struct step *step, const struct kube_request *request, kube_done *done)
{
    step->call = kube_call(step->context->kube, request, done, step);
}

static struct kube_request request_for(const struct step *step, enum kube_verb verb)
{
    return (struct kube_request){.verb = verb,
                                 .kind = step->plan->kind,
                                 .ns = step->plan->cluster_scoped ? NULL : step->context->gw->ns,
                                 .name = step->plan->name,
                                 .manager = FACTS_MANAGER,
                                 .background = step->context->background};
}

static struct store_gateway *record(const struct step *step)
{
    struct store_gateway *gw = store_find(step->context->store, step->context->key);
    return gw && strcmp(gw->uid, step->context->gw->uid) == 0 ? gw : NULL;
}

/* The body with one more member of metadata, which the server checks against the live object. */
static json_t *body_with(const struct step *step, const char *member, const char *value)
{
    json_t *body = json_copy(step->plan->body);
    json_t *metadata = json_copy(json_object_get(body, "metadata"));
    json_object_set_new(metadata, member, json_string(value));
    json_object_set_new(body, "metadata", metadata);
    return body;
}

/* The child is not the object we knew: forget that one. */
static void forget_child(const struct step *step)
{
    struct store_gateway *gw = record(step);
    struct store_child *child =
        gw ? store_child_find(gw, step->plan->kind, step->plan->name) : NULL;
    if (child)
        store_child_remove(gw, child);
}

/* An object that we did not know is ours: the next plan knows it. */
static void adopt(struct step *step, const struct kube_reply *reply)
{
    observe_changed(step->context->store, step->context->around, step->plan->kind, reply->object);
    finish(step, STEP_AGAIN, reply);
}

static void owner_changed(void *arg, const struct kube_reply *reply)
{
    struct step *step = arg;
    if (reply->err.kind == ERR_NOT_FOUND || reply->err.kind == ERR_CONFLICT) {
        finish(step, STEP_AGAIN, reply);
    } else if (reply->err.kind) {
        finish(step, STEP_FAILED, reply);
    } else {
        step->taken_over = true;
        adopt(step, reply);
    }
}

static void send_read(struct step *step);

static void tracked(void *arg, const struct kube_reply *reply)
{
    struct step *step = arg;
    if (reply->err.kind == ERR_CONFLICT)
        finish(step, STEP_AGAIN, reply);
    else if (reply->err.kind)
        finish(step, STEP_FAILED, reply);
    else
        send_read(step);
}

/* The first apply ever makes the API server say who owns what; this one changes nothing but that.
 */
static void send_mark(struct step *step, const json_t *object)
{
    json_auto_t *body = OBJ(F("apiVersion", object_api_version(step->plan->kind)),
                            F("kind", STR(step->plan->kind->kind)),
                            F("metadata",
                              OBJ(F("name", STR(step->plan->name)),
                                  F("namespace", STR(step->context->gw->ns)),
                                  F("uid", STR(object_uid(object))),
                                  F("annotations", OBJ(F(TAKEOVER_MARK, STR("pending")))))));
    struct kube_request request = request_for(step, KUBE_APPLY);
    request.manager = TAKEOVER_MANAGER;
    request.body = body;
    step->tracked = true;
    call(step, &request, tracked);
}

static void existing_read(void *arg, const struct kube_reply *reply)
{
    struct step *step = arg;
    const struct meshgateway *gw = step->context->gw;
    if (reply->err.kind == ERR_NOT_FOUND) {
        /* It was deleted just now; or the conflict is admission's word for no. */
        struct kube_reply conflict = *reply;
        conflict.err = step->conflict;
        finish(step, STEP_AGAIN, &conflict);
        return;
    }
    if (reply->err.kind) {
        finish(step, STEP_FAILED, reply);
        return;
    }
    enum observe_owner owner = observe_owner(reply->object, gw->name, gw->uid);
    json_auto_t *patch = owner == OBSERVE_OURS ? takeover_patch(reply->object, gw->uid) : NULL;
    if (owner == OBSERVE_FOREIGN) {
        finish(step, STEP_FOREIGN, reply);
    } else if (owner == OBSERVE_OURS && !step->tracked && takeover_is_untracked(reply->object)) {
        send_mark(step, reply->object);
    } else if (patch) {
        struct kube_request request = request_for(step, KUBE_PATCH);
        request.body = patch;
        call(step, &request, owner_changed);
    } else {
        adopt(step, reply);
    }
}

static void send_read(struct step *step)
{
    struct kube_request request = request_for(step, KUBE_GET);
    call(step, &request, existing_read);
}

static void applied(struct step *step, const struct kube_reply *reply)
{
    struct store_gateway *gw = record(step);
    const struct plan_step *plan = step->plan;
    if (gw && plan->verb == PLAN_APPLY && !store_child_find(gw, plan->kind, plan->name)) {
        /* The watch told of its end before this answer, which is older, came in. */
        finish(step, STEP_AGAIN, reply);
        return;
    }
    if (gw)
        observe_applied(gw, plan->kind, plan->body, plan->desired, reply->object);
    finish(step, STEP_DONE, reply);
}

static void create_answered(void *arg, const struct kube_reply *reply)
{
    struct step *step = arg;
    if (reply->err.kind == ERR_CONFLICT) {
        step->conflict = reply->err;
        send_read(step);
    } else if (reply->err.kind) {
        finish(step, STEP_FAILED, reply);
    } else {
        applied(step, reply);
    }
}

static void send_apply(struct step *step);

static void released(void *arg, const struct kube_reply *reply)
{
    struct step *step = arg;
    if (reply->err.kind && reply->err.kind != ERR_CONFLICT)
        finish(step, STEP_FAILED, reply);
    else
        send_apply(step);
}

/*
 * minAvailable and maxUnavailable exclude each other, but apply leaves alone what another field
 * manager owns: when somebody swapped one for the other, ours is refused until theirs is gone.
 */
static void release_excluded(struct step *step)
{
    bool min = jx_get(step->plan->body, "spec.minAvailable") != NULL;
    json_auto_t *body =
        OBJ(F("metadata", OBJ(F("uid", STR(step->plan->uid)))),
            F("spec", OBJ(F(min ? "maxUnavailable" : "minAvailable", json_null()))));
    struct kube_request request = request_for(step, KUBE_PATCH);
    request.body = body;
    step->released = true;
    call(step, &request, released);
}

static void apply_answered(void *arg, const struct kube_reply *reply)
{
    struct step *step = arg;
    if (reply->err.kind == ERR_INVALID && step->plan->kind == &object_pdb && !step->released) {
        release_excluded(step);
    } else if (reply->err.kind == ERR_CONFLICT) {
        forget_child(step);
        finish(step, STEP_AGAIN, reply);
    } else if (reply->err.kind) {
        finish(step, STEP_FAILED, reply);
    } else {
        applied(step, reply);
    }
}

/*
 * Resource version "1" is older than any object's: the API server creates an absent object, and
 * refuses an existing one with a conflict, atomically.
 */
static void send_create(struct step *step)
{
    json_auto_t *body = body_with(step, "resourceVersion", "1");
    struct kube_request request = request_for(step, KUBE_APPLY);
    request.body = body;
    call(step, &request, create_answered);
}

/* The uid makes sure that a foreign object made anew under this name is not overwritten. */
static void send_apply(struct step *step)
{
    json_auto_t *body = body_with(step, "uid", step->plan->uid);
    struct kube_request request = request_for(step, KUBE_APPLY);
    request.body = body;
    call(step, &request, apply_answered);
}

static void handed_over(void *arg, const struct kube_reply *reply)
{
    struct step *step = arg;
    if (reply->err.kind == ERR_NONE)
        send_apply(step);
    else
        apply_answered(step, reply);
}

/* managedFields say who set a field last (KEP-555). */
static bool owns_replicas(const json_t *deployment)
{
    size_t i;
    json_t *entry;
    json_array_foreach (jx_array(deployment, "metadata.managedFields"), i, entry)
        if (strcmp(jx_str(entry, "manager", ""), FACTS_MANAGER) == 0 &&
            strcmp(jx_str(entry, "operation", ""), "Apply") == 0 &&
            jx_get(entry, "fieldsV1.f:spec.f:replicas"))
            return true;
    return false;
}

static void owner_read(void *arg, const struct kube_reply *reply)
{
    struct step *step = arg;
    if (reply->err.kind == ERR_NOT_FOUND) {
        forget_child(step);
        finish(step, STEP_AGAIN, reply);
        return;
    }
    if (reply->err.kind) {
        finish(step, STEP_FAILED, reply);
        return;
    }
    if (!owns_replicas(reply->object)) {
        send_apply(step);
        return;
    }
    const struct plan_step *plan = step->plan;
    json_auto_t *body =
        OBJ(F("apiVersion", object_api_version(plan->kind)),
            F("kind", STR(plan->kind->kind)),
            F("metadata",
              OBJ(F("name", STR(plan->name)),
                  F("namespace", STR(step->context->gw->ns)),
                  F("uid", STR(plan->uid)))),
            F("spec", OBJ(F("replicas", INT(jx_int(reply->object, "spec.replicas", 1))))));
    struct kube_request request = request_for(step, KUBE_APPLY);
    request.manager = FACTS_REPLICAS_MANAGER;
    request.body = body;
    call(step, &request, handed_over);
}

/*
 * Dropping spec.replicas from our intent while we are its only owner makes the API server default
 * it to 1. So the live value is handed to another field manager first, if it is ours.
 */
static void send_hand_over(struct step *step)
{
    struct kube_request request = request_for(step, KUBE_GET);
    call(step, &request, owner_read);
}

static void delete_answered(void *arg, const struct kube_reply *reply)
{
    struct step *step = arg;
    bool gone = reply->err.kind == ERR_NOT_FOUND || reply->err.kind == ERR_CONFLICT;
    if (reply->err.kind && !gone) {
        finish(step, STEP_FAILED, reply);
        return;
    }
    forget_child(step);
    finish(step, reply->err.kind == ERR_CONFLICT ? STEP_AGAIN : STEP_DONE, reply);
}

static void send_delete(struct step *step, const char *uid)
{
    struct kube_request request = request_for(step, KUBE_DELETE);
    request.uid = uid;
    call(step, &request, delete_answered);
}

static void left_over_read(void *arg, const struct kube_reply *reply)
{
    struct step *step = arg;
    const struct meshgateway *gw = step->context->gw;
    if (reply->err.kind && reply->err.kind != ERR_NOT_FOUND)
        finish(step, STEP_FAILED, reply);
    else if (!reply->object || observe_owner(reply->object, gw->name, gw->uid) != OBSERVE_OURS)
        finish(step, STEP_NOTHING, reply);
    else
        send_delete(step, object_uid(reply->object));
}

static void send_clear(struct step *step)
{
    struct kube_request request = request_for(step, KUBE_GET);
    call(step, &request, left_over_read);
}

static void unmarked(void *arg, const struct kube_reply *reply)
{
    struct step *step = arg;
    if (reply->err.kind == ERR_NOT_FOUND || reply->err.kind == ERR_CONFLICT) {
        forget_child(step);
        finish(step, STEP_AGAIN, reply);
    } else if (reply->err.kind) {
        finish(step, STEP_FAILED, reply);
    } else {
        observe_changed(
            step->context->store, step->context->around, step->plan->kind, reply->object);
        finish(step, STEP_DONE, reply);
    }
}

static void send_unmark(struct step *step)
{
    json_auto_t *body = OBJ(F(
        "metadata",
        OBJ(F("uid", STR(step->plan->uid)), F("annotations", OBJ(F(TAKEOVER_MARK, json_null()))))));
    struct kube_request request = request_for(step, KUBE_PATCH);
    request.body = body;
    call(step, &request, unmarked);
}

struct step *step_start(const struct step_context *context, const struct plan_step *plan,
                        step_done *done, void *arg)
{
    struct step *step = xcalloc(1, sizeof(*step));
    *step = (struct step){.context = context, .plan = plan, .done = done, .arg = arg};
    switch (plan->verb) {
    case PLAN_CREATE:
        send_create(step);
        break;
    case PLAN_APPLY:
        if (plan->leaves_replicas)
            send_hand_over(step);
        else
            send_apply(step);
        break;
    case PLAN_DELETE:
        send_delete(step, plan->uid);
        break;
    case PLAN_CLEAR:
        send_clear(step);
        break;
    case PLAN_UNMARK:
        send_unmark(step);
        break;
    }
    return step;
}

void step_cancel(struct step *step)
{
    kube_cancel(step->call);
    free(step);
}
