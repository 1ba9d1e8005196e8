/* SPDX-License-Identifier: Apache-2.0 */
#include "control/injection.h"

#include "base/limits.h"
#include "data/labels.h"
#include "data/object.h"

#include <stdlib.h>
#include <string.h>

#define EXPLICIT_INSTEAD "or use proxy.mode Explicit, which needs no webhook"

static const char *label(const json_t *object, const char *key)
{
    return labels_get(jx_object(object, "metadata.labels"), key);
}

/* "object.sidecar-injector.istio.io", and of vendors "….sidecar-injector.….istio.io". */
static bool is_istios(const char *webhook)
{
    static const char suffix[] = ".istio.io";
    size_t len = strlen(webhook);
    return len >= strlen(suffix) && strcmp(webhook + len - strlen(suffix), suffix) == 0 &&
           strstr(webhook, "sidecar-injector");
}

json_t *injection_of_webhooks(const json_t *configuration)
{
    json_auto_t *webhooks = json_array();
    size_t i;
    json_t *webhook;
    json_array_foreach (jx_array(configuration, "webhooks"), i, webhook) {
        const char *name = jx_str(webhook, "name", "");
        if (is_istios(name))
            json_array_append_new(
                webhooks,
                OBJ(F("name", STR(name)),
                    FOPT("namespaceSelector", REF(jx_object(webhook, "namespaceSelector"))),
                    FOPT("objectSelector", REF(jx_object(webhook, "objectSelector")))));
    }
    if (json_array_size(webhooks) == 0)
        return NULL;
    const char *revision = label(configuration, "istio.io/rev");
    return OBJ(F("name", STR(object_name(configuration))),
               F("revision", STR(revision ? revision : "default")),
               FOPT("tag", STR(label(configuration, "istio.io/tag"))),
               F("webhooks", REF(webhooks)));
}

json_t *injection_of_namespace(const json_t *ns)
{
    json_t *labels = jx_object(ns, "metadata.labels");
    return labels ? json_incref(labels) : json_object();
}

json_t *injection_of_pod(const json_t *pod)
{
    const char *gateway = label(pod, "gateway-name");
    size_t i;
    json_t *container;
    json_array_foreach (jx_array(pod, "spec.containers"), i, container)
        if (gateway && strcmp(jx_str(container, "name", ""), "istio-proxy") == 0 &&
            strcmp(jx_str(container, "image", ""), "auto") == 0)
            return OBJ(F("gateway", STR(gateway)));
    return NULL;
}

const char *injection_tagged(const json_t *injectors, const char *tag)
{
    size_t i;
    json_t *injector;
    json_array_foreach (injectors, i, injector)
        if (strcmp(jx_str(injector, "tag", ""), tag) == 0)
            return jx_str(injector, "revision", "default");
    return NULL;
}

static const json_t *find_match(const struct injection_input *in, const char **ret_webhook)
{
    size_t i, j;
    json_t *injector, *webhook;
    json_array_foreach (in->injectors, i, injector) {
        json_array_foreach (jx_array(injector, "webhooks"), j, webhook) {
            *ret_webhook = jx_str(webhook, "name", "");
            if (labels_match(jx_object(webhook, "namespaceSelector"), in->ns_labels) &&
                labels_match(jx_object(webhook, "objectSelector"), in->pod_labels))
                return injector;
        }
    }
    return NULL;
}

static bool is_installed(const json_t *injectors, const char *revision)
{
    size_t i;
    json_t *injector;
    json_array_foreach (injectors, i, injector)
        if (strcmp(jx_str(injector, "revision", ""), revision) == 0 ||
            strcmp(jx_str(injector, "tag", ""), revision) == 0)
            return true;
    return false;
}

/* "default, 1-31 and tag prod" as "default, 1-31, prod (tag of 1-31)". */
static void list_installed(const json_t *injectors, struct strbuf *out)
{
    size_t i;
    json_t *injector;
    json_array_foreach (injectors, i, injector) {
        const char *tag = jx_str(injector, "tag", "");
        const char *revision = jx_str(injector, "revision", "");
        if (tag[0])
            strbuf_addf(out, "%s%s (tag of %s)", out->len ? ", " : "", tag, revision);
        else
            strbuf_addf(out, "%s%s", out->len ? ", " : "", revision);
    }
}

static void refuse(struct injection_verdict *ret, const char *reason, char *message)
{
    *ret = (struct injection_verdict){
        .answer = INJECTION_NOT_READY, .reason = reason, .message = message};
}

/* Why nothing matches: Istio looks at the namespace first, then at the pod. */
static void explain(const struct injection_input *in, struct injection_verdict *ret)
{
    AUTO_STRBUF struct strbuf installed = STRBUF_INIT(LIMIT_FIELD_PATH);
    list_installed(in->injectors, &installed);
    const char *injection = labels_get(in->ns_labels, "istio-injection");
    const char *of_ns = labels_get(in->ns_labels, "istio.io/rev");
    const char *wanted = of_ns ? of_ns : in->revision;
    if (injection && strcmp(injection, "disabled") == 0)
        refuse(ret,
               "NamespaceDisabled",
               xasprintf("Namespace %s has the label istio-injection=disabled: take it "
                         "away, " EXPLICIT_INSTEAD ".",
                         in->ns));
    else if (wanted[0] && !is_installed(in->injectors, wanted))
        refuse(ret,
               "RevisionNotInstalled",
               xasprintf("The %s asks for the control plane %s, which is not installed (there "
                         "are: %s): install it, name another one, " EXPLICIT_INSTEAD ".",
                         of_ns ? "namespace's label istio.io/rev" : "gateway",
                         wanted,
                         installed.text));
    else
        refuse(ret,
               "NoMatch",
               xasprintf("No webhook of Istio matches the pods in namespace %s (control planes: "
                         "%s): name one by proxy.revision or by the namespace's label "
                         "istio.io/rev, " EXPLICIT_INSTEAD ".",
                         in->ns,
                         installed.text));
}

void injection_check(const struct injection_input *in, struct injection_verdict *ret)
{
    if (json_array_size(in->injectors) == 0) {
        refuse(ret,
               "NoInjector",
               xasprintf("There is no injection webhook of Istio: install istiod, " EXPLICIT_INSTEAD
                         "."));
        return;
    }
    const char *webhook = NULL;
    const json_t *injector = find_match(in, &webhook);
    if (!injector) {
        explain(in, ret);
        return;
    }
    *ret = (struct injection_verdict){
        .answer = INJECTION_READY,
        .reason = "WebhookMatches",
        .message = xasprintf("Webhook %s of %s, revision %s, fills in the pods.",
                             webhook,
                             jx_str(injector, "name", ""),
                             jx_str(injector, "revision", "")),
    };
}

void injection_verdict_done(struct injection_verdict *verdict)
{
    free(verdict->message);
    *verdict = (struct injection_verdict){.message = NULL};
}
