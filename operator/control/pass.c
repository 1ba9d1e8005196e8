/* SPDX-License-Identifier: Apache-2.0 */
#include "control/pass.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/now.h"
#include "control/arrival.h"
#include "control/certs.h"
#include "control/facts.h"
#include "control/failures.h"
#include "control/fights.h"
#include "control/holds.h"
#include "control/meshes.h"
#include "control/refusals.h"
#include "control/status.h"
#include "control/step.h"
#include "control/tell.h"
#include "data/mesh.h"
#include "templates/templates.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* How far a step of the plan is: waiting, running, over. */
struct slot {
    struct step *running;
    bool over;
};

struct pass {
    struct step_context step_context;
    const struct pass_context *context;
    struct pass_options options;
    char *key;
    json_t *object;
    struct tell tell;
    struct meshgateway gw;
    bool valid; /* gw is set */
    struct problems problems;
    struct plan plan;
    struct slot *slots; /* by index of the plan */
    struct holds holds;
    bool left_over; /* a step has PLAN_EFFECT_LEFT */
    struct failures failures;
    struct loop_timer *start; /* done must not run before pass_start returned */
    struct arrival *arrival;  /* the gateway's children are being asked for */
    json_t *status;           /* as it is to be */
    struct kube_call *status_call;
    struct pass_result result;
    pass_done *done;
    void *arg;
};

static void free_pass(struct pass *pass)
{
    if (pass->valid)
        meshgateway_done(&pass->gw);
    problems_done(&pass->problems);
    plan_done(&pass->plan);
    holds_done(&pass->holds);
    failures_done(&pass->failures);
    loop_timer_free(pass->start);
    json_decref(pass->object);
    json_decref(pass->status);
    free(pass->slots);
    free(pass->key);
    free(pass);
}

static void end(struct pass *pass)
{
    pass->done(pass->arg, pass, &pass->result);
    free_pass(pass);
}

/* The worst reaction wins; the first error is the one that is told. */
static void react(struct pass *pass, enum pass_reaction reaction, const struct err *err)
{
    if (reaction > pass->result.reaction)
        pass->result.reaction = reaction;
    if (!err)
        return;
    if (err->retry_ms > pass->result.retry_ms)
        pass->result.retry_ms = err->retry_ms;
    if (!pass->result.err.kind)
        pass->result.err = *err;
}

static bool is_processed(const struct pass *pass)
{
    return jx_int(pass->object, "status.observedGeneration", 0) ==
           jx_int(pass->object, "metadata.generation", 0);
}

static void tell(const struct pass *pass)
{
    tell_effects(&pass->tell, &pass->plan);
    if (pass->valid && pass->gw.sds_ignored && !is_processed(pass))
        tell_warning(&pass->tell,
                     "FieldHasNoEffect",
                     "spec.sds has no effect: istiod serves the certificates");
}

static struct store_gateway *record(const struct pass *pass)
{
    struct store_gateway *gw = store_find(pass->context->store, pass->key);
    return gw && strcmp(gw->uid, object_uid(pass->object)) == 0 ? gw : NULL;
}

static void status_answered(void *arg, const struct kube_reply *reply)
{
    struct pass *pass = arg;
    struct store_gateway *gw = record(pass);
    if (reply->err.kind == ERR_NOT_FOUND || reply->err.kind == ERR_CONFLICT) {
        LOG_DEBUG("gone before its status was written", LS("object", pass->key));
    } else if (reply->err.kind) {
        struct err err = reply->err;
        err_wrap(&err, "write status of %s", pass->key);
        react(pass, failures_reaction(&err), &err);
    } else if (gw &&
               object_compare_versions(object_resource_version(reply->object), gw->version) > 0) {
        /* Somebody's edit may have come in between, and from now on the watch's word is old. */
        if (!store_same_intent(reply->object, pass->object))
            pass->result.again = true;
        store_put(pass->context->store, reply->object);
    }
    end(pass);
}

static struct kube_request status_request(const struct pass *pass, enum kube_verb verb)
{
    return (struct kube_request){.verb = verb,
                                 .kind = &object_mesh_gateway,
                                 .ns = object_namespace(pass->object),
                                 .name = object_name(pass->object),
                                 .subresource = "status",
                                 .manager = FACTS_MANAGER,
                                 .background = pass->options.background};
}

/* An apply leaves alone what another field manager wrote into the status: that goes by a patch. */
static void status_applied(void *arg, const struct kube_reply *reply)
{
    struct pass *pass = arg;
    json_auto_t *surplus = reply->err.kind ? NULL : status_surplus(reply->object, pass->status);
    if (!surplus) {
        status_answered(pass, reply);
        return;
    }
    json_auto_t *body =
        OBJ(F("metadata", OBJ(F("uid", STR(object_uid(pass->object))))), F("status", REF(surplus)));
    struct kube_request request = status_request(pass, KUBE_PATCH);
    request.body = body;
    pass->status_call = kube_call(pass->context->kube, &request, status_answered, pass);
}

static void write_status(struct pass *pass)
{
    struct store_gateway *gw = record(pass);
    enum pass_reaction reaction = pass->result.reaction;
    bool settled = reaction == PASS_IN_STEP && !pass->result.again;
    bool told =
        reaction == PASS_REFUSED || (reaction == PASS_TRANSIENT && pass->options.tell_transient);
    if (!gw || (!settled && !told)) {
        end(pass);
        return;
    }
    int64_t fight_ms = fights_tell(gw, &pass->failures);
    AUTO_STRBUF struct strbuf names = STRBUF_INIT(LIMIT_ERROR_BODY);
    tell_list(&pass->plan, PLAN_EFFECT_LEFT, &names);
    failures_sort(&pass->failures);
    int64_t now = now_wall_us();
    AUTO(certs_told_done) struct certs_told told_of = {.bypass = NULL};
    if (pass->valid)
        certs_tell(pass->context->around->certs, &pass->gw, now, &told_of);
    int64_t certs_ms = told_of.certificates.recheck_ms;
    pass->result.recheck_ms = fight_ms && (!certs_ms || fight_ms < certs_ms) ? fight_ms : certs_ms;
    struct status_input input = {.object = pass->object,
                                 .gw = pass->valid ? &pass->gw : NULL,
                                 .problems = &pass->problems,
                                 .known = gw,
                                 .failures = pass->failures.items,
                                 .failure_count = pass->failures.count,
                                 .left_over = names.len ? names.text : NULL,
                                 .held_back = pass->holds.paused,
                                 .waits_to_roll = pass->holds.waits_to_roll,
                                 .injection =
                                     pass->holds.injection.message ? &pass->holds.injection : NULL,
                                 .certs = &told_of,
                                 .now = now};
    pass->status = status_make(&input);
    if (status_same(pass->object, pass->status)) {
        end(pass);
        return;
    }
    tell_news(&pass->tell, pass->status);
    json_auto_t *body = OBJ(F("apiVersion", object_api_version(&object_mesh_gateway)),
                            F("kind", STR(object_mesh_gateway.kind)),
                            F("metadata",
                              OBJ(F("name", STR(object_name(pass->object))),
                                  F("namespace", STR(object_namespace(pass->object))),
                                  F("uid", STR(object_uid(pass->object))))),
                            F("status", REF(pass->status)));
    struct kube_request request = status_request(pass, KUBE_APPLY);
    request.body = body;
    pass->status_call = kube_call(pass->context->kube, &request, status_applied, pass);
}

/* Not every apply that might replace pods does: the server may have found nothing to change. */
static bool has_begun_to_roll(const struct pass *pass, const struct plan_step *step)
{
    const struct store_gateway *gw = record(pass);
    json_auto_t *facts =
        gw ? store_facts(store_child_find(gw, &object_deployment, step->name)) : NULL;
    return jx_int(facts, "generation", 0) > jx_int(facts, "observedGeneration", 0);
}

/*
 * What is made anew for a spec that was in place already had been deleted by somebody; but objects
 * of optional kinds come when a challenge, an account or their API does.
 */
static enum plan_effect effect_of(const struct pass *pass, const struct plan_step *step,
                                  bool created)
{
    if (step->verb == PLAN_DELETE || step->verb == PLAN_CLEAR)
        return PLAN_EFFECT_DELETED;
    if (created)
        return is_processed(pass) && !templates_is_optional(step->kind) ? PLAN_EFFECT_REPAIRED
                                                                        : PLAN_EFFECT_CREATED;
    if (step->rolls)
        return is_processed(pass) && has_begun_to_roll(pass, step) ? PLAN_EFFECT_ROLLED
                                                                   : PLAN_EFFECT_NONE;
    return step->repair ? PLAN_EFFECT_REPAIRED : PLAN_EFFECT_NONE;
}

static void fail_step(struct pass *pass, const struct plan_step *step, const struct err *err)
{
    struct store_gateway *gw = record(pass);
    enum pass_reaction reaction = failures_reaction(err);
    failures_add(&pass->failures, step, failures_reason(err), err->msg);
    react(pass, reaction, err);
    if (gw && reaction == PASS_REFUSED)
        refusals_add(&gw->refusals, step, failures_reason(err), err->msg, now_ms());
}

static void send_ready_steps(struct pass *pass);

static void step_answered(void *arg, const struct plan_step *step, const struct step_result *result)
{
    struct pass *pass = arg;
    size_t i = (size_t)(step - pass->plan.steps);
    pass->slots[i].over = true;
    pass->slots[i].running = NULL;
    switch (result->outcome) {
    case STEP_DONE:
        pass->plan.steps[i].effect = effect_of(pass, step, result->created);
        if (record(pass))
            fights_remember(record(pass), step);
        break;
    case STEP_NOTHING:
        break;
    case STEP_AGAIN:
        pass->plan.steps[i].effect = result->taken_over ? PLAN_EFFECT_TAKEN_OVER : PLAN_EFFECT_NONE;
        pass->result.again = true;
        /* Once more helps against a race, and not against admission that denies with 409. */
        if (result->err.kind == ERR_CONFLICT && pass->options.tell_transient)
            fail_step(pass, step, &result->err);
        break;
    case STEP_FOREIGN:
        failures_add(&pass->failures,
                     step,
                     "Conflict",
                     "exists and belongs to somebody else; it is left alone. Remove or rename it, "
                     "or choose another name");
        react(pass, PASS_REFUSED, NULL);
        break;
    case STEP_FAILED:
        if (step->verb == PLAN_CLEAR && result->err.kind == ERR_DENIED) {
            LOG_WARN("left over", LS("object", pass->key), LS("err", result->err.msg));
            pass->plan.steps[i].effect = PLAN_EFFECT_LEFT;
            pass->left_over = true;
            break;
        }
        fail_step(pass, step, &result->err);
        break;
    }
    send_ready_steps(pass);
}

/*
 * istiod remembers a refused look at Secrets, so the right to it comes before the pods. The mark of
 * a takeover is what brings a next try, so it goes last.
 */
static bool must_wait(const struct pass *pass, const struct plan_step *step)
{
    for (size_t i = 0; i < pass->plan.count; i++) {
        const struct plan_step *other = &pass->plan.steps[i];
        if (pass->slots[i].over)
            continue;
        if (step->verb == PLAN_UNMARK && other->verb != PLAN_UNMARK)
            return true;
        if (step->kind == &object_deployment &&
            (other->kind == &object_service_account || other->kind == &object_role_binding))
            return true;
    }
    return false;
}

static bool has_shortfall(const struct pass *pass)
{
    return pass->failures.count > 0 || pass->left_over || pass->result.again;
}

static void skip(struct pass *pass, size_t i, const char *reason, const char *message)
{
    pass->slots[i].over = true;
    failures_add(&pass->failures, &pass->plan.steps[i], reason, message);
}

static void send_step(struct pass *pass, size_t i)
{
    const struct plan_step *step = &pass->plan.steps[i];
    struct store_gateway *gw = record(pass);
    const struct refusal *refusal = gw ? refusals_find(&gw->refusals, step, now_ms()) : NULL;
    bool ends = !pass->options.may_create || pass->result.reaction == PASS_NAMESPACE_ENDS;
    if (!record(pass)) { /* deleted, or another operator's now */
        pass->slots[i].over = true;
    } else if (ends && step->verb == PLAN_CREATE) {
        skip(pass, i, "NamespaceTerminating", "the namespace is being deleted");
        react(pass, PASS_NAMESPACE_ENDS, NULL);
    } else if (refusal) {
        skip(pass, i, refusal->reason, refusal->message);
        react(pass, PASS_REFUSED, NULL);
    } else if (step->verb == PLAN_UNMARK && has_shortfall(pass)) {
        pass->slots[i].over = true;
    } else if (gw && fights_hold(gw, step, is_processed(pass))) {
        pass->slots[i].over = true; /* fights_tell tells why */
        react(pass, PASS_REFUSED, NULL);
    } else {
        pass->slots[i].running = step_start(&pass->step_context, step, step_answered, pass);
    }
}

/* A child that came up during the pass and was not of its making has not been looked at yet. */
static void look_at_early_children(struct pass *pass)
{
    struct store_gateway *gw = record(pass);
    if (!gw)
        return;
    gw->busy = false;
    struct store_child *child;
    LL_FOREACH (gw->children, child) {
        if (child->early && pass->result.reaction == PASS_IN_STEP)
            pass->result.again = true;
        child->early = false;
    }
}

static void send_ready_steps(struct pass *pass)
{
    bool busy = false;
    for (size_t i = 0; i < pass->plan.count; i++) {
        const struct slot *slot = &pass->slots[i];
        if (!slot->over && !slot->running && !must_wait(pass, &pass->plan.steps[i]))
            send_step(pass, i);
        busy = busy || !slot->over;
    }
    if (busy)
        return;
    look_at_early_children(pass);
    if (record(pass))
        tell(pass);
    write_status(pass);
}

/* Returns false when what a pass must know is not known yet. */
static bool make_plan(struct pass *pass, const struct store_gateway *gw)
{
    struct templates_live live;
    certs_live(pass->context->around->certs, &pass->gw, &live);
    plan_make(&pass->gw, &live, gw, &pass->plan);
    certs_live_done(&live);
    struct holds_input input = {.around = pass->context->around,
                                .gw = &pass->gw,
                                .known = gw,
                                .processed = is_processed(pass)};
    return holds_apply(&input, &pass->plan, &pass->failures, &pass->holds);
}

/* The mesh cannot be read: whatever was rendered without it would replace all pods. */
static void hold_for_mesh(struct pass *pass, const struct err *err)
{
    AUTO_FREE char *name = mesh_map_name(MESH_CONFIG_MAP, pass->gw.revision);
    const struct plan_step about = {.kind = &object_config_map, .name = name};
    failures_add(&pass->failures, &about, "MeshUnreadable", err->msg);
    react(pass, PASS_REFUSED, err);
}

static void go_on(struct pass *pass, struct store_gateway *gw)
{
    struct err unknown = {.kind = ERR_NONE};
    const struct config *config =
        meshes_config(pass->context->around->meshes, pass->object, &unknown);
    pass->valid = templates_parse(pass->object,
                                  config ? config : meshes_base(pass->context->around->meshes),
                                  &pass->gw,
                                  &pass->problems) == 0;
    if (pass->valid && !config && unknown.kind)
        hold_for_mesh(pass, &unknown);
    else if (pass->valid && (!config || !make_plan(pass, gw))) {
        end(pass); /* another one is called for when it is known */
        return;
    }
    gw->busy = pass->plan.count > 0;
    contest_begin(gw->contests);
    pass->slots = xcalloc(pass->plan.count, sizeof(*pass->slots));
    send_ready_steps(pass);
}

/* The children of a gateway that was another operator's are known, or one was missed. */
static void arrived(void *arg, const struct err *err)
{
    struct pass *pass = arg;
    struct store_gateway *gw = record(pass);
    pass->arrival = NULL;
    if (gw && err->kind == ERR_NONE && !gw->bereaved) {
        gw->arrived = false;
        go_on(pass, gw);
        return;
    }
    if (gw && err->kind)
        react(pass, failures_reaction(err), err);
    pass->result.again = gw != NULL;
    end(pass);
}

static void begin(void *arg)
{
    struct pass *pass = arg;
    struct store_gateway *gw = record(pass);
    if (!gw || jx_get(pass->object, "metadata.deletionTimestamp")) {
        end(pass);
        return;
    }
    if (!gw->arrived) {
        go_on(pass, gw);
        return;
    }
    const struct arrival_options options = {.kube = pass->context->kube,
                                            .store = pass->context->store,
                                            .around = pass->context->around,
                                            .ns = object_namespace(pass->object),
                                            .name = object_name(pass->object),
                                            .background = pass->options.background};
    gw->bereaved = false;
    pass->arrival = arrival_start(&options, arrived, pass);
}

struct pass *pass_start(const struct pass_context *context, const struct store_gateway *gw,
                        const struct pass_options *options, pass_done *done, void *arg)
{
    struct pass *pass = xcalloc(1, sizeof(*pass));
    pass->context = context;
    pass->options = *options;
    pass->key = xstrdup(gw->key);
    pass->object = store_object(gw);
    pass->tell = (struct tell){context->events, pass->key, pass->object};
    pass->done = done;
    pass->arg = arg;
    pass->step_context = (struct step_context){.kube = context->kube,
                                               .store = context->store,
                                               .around = context->around,
                                               .gw = &pass->gw,
                                               .key = pass->key,
                                               .background = options->background};
    pass->start = loop_timer_new(context->loop, begin, pass);
    loop_timer_start(pass->start, 0);
    return pass;
}

const char *pass_key(const struct pass *pass)
{
    return pass->key;
}

void pass_cancel(struct pass *pass)
{
    for (size_t i = 0; pass->slots && i < pass->plan.count; i++)
        if (pass->slots[i].running)
            step_cancel(pass->slots[i].running);
    if (pass->arrival)
        arrival_cancel(pass->arrival);
    if (pass->status_call)
        kube_cancel(pass->status_call);
    free_pass(pass);
}
