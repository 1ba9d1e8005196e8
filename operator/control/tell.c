/* SPDX-License-Identifier: Apache-2.0 */
#include "control/tell.h"

#include "base/limits.h"
#include "base/log.h"
#include "control/news.h"

#include <stdlib.h>

static void emit(const struct tell *tell, const struct plan_step *child, const char *type,
                 const char *reason, const char *note)
{
    struct events_about about = {.kind = &object_mesh_gateway, .object = tell->object};
    if (child) {
        about.related_kind = child->kind;
        about.related_name = child->name;
    }
    events_emit(tell->events, &about, type, reason, "Reconcile", note);
}

void tell_list(const struct plan *plan, enum plan_effect effect, struct strbuf *names)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_step *step = &plan->steps[i];
        if (step->effect == effect)
            strbuf_addf(names, "%s%s %s", names->len ? ", " : "", step->kind->kind, step->name);
    }
}

/* One event that lists all children with the effect: they are made, or go, together. */
static void emit_listed(const struct tell *tell, const struct plan *plan, enum plan_effect effect,
                        const char *reason, const char *said)
{
    AUTO_STRBUF struct strbuf names = STRBUF_INIT(LIMIT_ERROR_BODY);
    tell_list(plan, effect, &names);
    if (!names.len)
        return;
    LOG_INFO("children changed",
             LS("object", tell->key),
             LS("reason", reason),
             LS("children", names.text));
    AUTO_FREE char *note = xasprintf("%s %s", said, names.text);
    emit(tell, NULL, "Normal", reason, note);
}

/* Repairs are rare, and each tells of somebody's doing: an event of its own for each child. */
static void emit_repairs(const struct tell *tell, const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_step *step = &plan->steps[i];
        if (step->effect != PLAN_EFFECT_REPAIRED)
            continue;
        bool anew = step->verb == PLAN_CREATE;
        AUTO_FREE char *note = xasprintf("%s %s %s, which somebody else had %s",
                                         anew ? "Recreated" : "Repaired",
                                         step->kind->kind,
                                         step->name,
                                         anew ? "deleted" : "changed");
        LOG_INFO("child repaired",
                 LS("object", tell->key),
                 LS("kind", step->kind->kind),
                 LS("reason", anew ? "deleted" : "changed"));
        emit(tell, step, "Normal", "Repaired", note);
    }
}

void tell_effects(const struct tell *tell, const struct plan *plan)
{
    emit_listed(tell, plan, PLAN_EFFECT_CREATED, "Created", "Created");
    emit_listed(tell, plan, PLAN_EFFECT_TAKEN_OVER, "TakenOver", "Took over");
    emit_listed(tell, plan, PLAN_EFFECT_DELETED, "Deleted", "Deleted");
    emit_listed(tell,
                plan,
                PLAN_EFFECT_ROLLED,
                "Rolling",
                "The mesh's or the operator's configuration changed. Replaces the pods of");
    emit_repairs(tell, plan);
}

static void emit_news(void *arg, const char *type, const char *reason, const char *note)
{
    emit(arg, NULL, type, reason, note);
}

void tell_news(const struct tell *tell, const json_t *status)
{
    struct news news[NEWS_MAX];
    const json_t *before = jx_object(tell->object, "status");
    size_t count = news_make(before, status, news);
    news_of_certificates(before, status, emit_news, (void *)(uintptr_t)tell);
    for (size_t i = 0; i < count; i++)
        emit(tell, NULL, news[i].type, news[i].reason, news[i].note);
}

void tell_warning(const struct tell *tell, const char *reason, const char *note)
{
    emit(tell, NULL, "Warning", reason, note);
}
