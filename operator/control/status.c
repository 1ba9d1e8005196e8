/* SPDX-License-Identifier: Apache-2.0 */
#include "control/status.h"

#include "base/limits.h"
#include "control/conditions.h"

#include <string.h>
#include <utlist.h>

static json_t *facts_of_child(const struct status_input *in, const struct object_kind *kind)
{
    const char *name = object_name(in->object);
    const struct store_child *child = store_child_find(in->known, kind, name);
    return child && child->owned ? store_facts(child) : NULL;
}

static void add_accepted(struct conditions *c, const struct status_input *in)
{
    if (in->gw) {
        conditions_add(c, "Accepted", CONDITION_TRUE, "Accepted", "The spec is valid.");
        return;
    }
    struct err err = {0};
    problems_to_err(in->problems, &err);
    conditions_add(c, "Accepted", CONDITION_FALSE, "InvalidSpec", err.msg);
}

static void add_programmed(struct conditions *c, const struct status_input *in)
{
    if (!in->gw) {
        conditions_add(c,
                       "Programmed",
                       CONDITION_UNKNOWN,
                       "InvalidSpec",
                       "The spec is invalid; what was made before stays as it is.");
        return;
    }
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_ERROR_BODY);
    if (in->failure_count > 0) {
        for (size_t i = 0; i < in->failure_count; i++) {
            const struct status_failure *f = &in->failures[i];
            strbuf_addf(&text, "%s%s %s: %s", i ? "; " : "", f->kind->kind, f->name, f->message);
        }
        conditions_add(c, "Programmed", CONDITION_FALSE, in->failures[0].reason, text.text);
        return;
    }
    if (in->held_back) {
        conditions_add(
            c,
            "Programmed",
            CONDITION_FALSE,
            "Paused",
            "The gateway is paused: its objects differ from the spec and are left alone.");
        return;
    }
    if (in->left_over) {
        strbuf_addf(&text,
                    "All objects are in step. %s may be left of the original operator; the right "
                    "to look at and delete them is missing (manifests/migration).",
                    in->left_over);
        conditions_add(c, "Programmed", CONDITION_TRUE, STATUS_LEFT_OVER, text.text);
        return;
    }
    conditions_add(c, "Programmed", CONDITION_TRUE, "Programmed", "All objects are in step.");
}

static void add_available(struct conditions *c, const json_t *deployment)
{
    if (!deployment) {
        conditions_add(
            c, "Available", CONDITION_FALSE, "NoDeployment", "There is no Deployment yet.");
        return;
    }
    json_int_t wanted = jx_int(deployment, "wanted", 0);
    json_int_t available = jx_int(deployment, "available", 0);
    bool current =
        jx_int(deployment, "observedGeneration", 0) >= jx_int(deployment, "generation", 0);
    bool updated = current && jx_int(deployment, "updated", 0) >= wanted &&
                   jx_int(deployment, "replicas", 0) <= wanted;
    const char *problem = jx_str(deployment, "problem", NULL);
    AUTO_FREE char *count =
        xasprintf("%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " replicas are available",
                  available,
                  wanted);
    AUTO_FREE char *text = xasprintf("%s%s%s.",
                                     count,
                                     problem   ? ": "
                                     : updated ? ""
                                               : ", a rollout is under way",
                                     problem ? problem : "");
    if (available >= wanted && (updated || !problem))
        conditions_add(c,
                       "Available",
                       CONDITION_TRUE,
                       wanted == 0 ? "ScaledToZero"
                       : updated   ? "Available"
                                   : "RolloutInProgress",
                       text);
    else
        conditions_add(c,
                       "Available",
                       CONDITION_FALSE,
                       problem          ? "RolloutFailed"
                       : available == 0 ? "Unavailable"
                                        : "Progressing",
                       text);
}

static void add_injection(struct conditions *c, const struct injection_verdict *injection)
{
    static const enum conditions_status statuses[] = {
        [INJECTION_READY] = CONDITION_TRUE,
        [INJECTION_NOT_READY] = CONDITION_FALSE,
        [INJECTION_STUCK] = CONDITION_FALSE,
        [INJECTION_UNKNOWN] = CONDITION_UNKNOWN,
    };
    conditions_add(
        c, "InjectionReady", statuses[injection->answer], injection->reason, injection->message);
}

/* Why an object that cert-manager shall see was not written; NULL: all were. */
static const struct status_failure *unwritten(const struct status_input *in)
{
    for (size_t i = 0; i < in->failure_count; i++)
        if (in->failures[i].kind == &object_issuer || in->failures[i].kind == &object_certificate)
            return &in->failures[i];
    return NULL;
}

/* What cert-manager has not got it cannot tell of. */
static void add_unwritten(struct conditions *c, const struct status_failure *f)
{
    AUTO_FREE char *text = xasprintf("%s %s: %s", f->kind->kind, f->name, f->message);
    bool webhook = strstr(f->message, "failed calling webhook") != NULL;
    conditions_add(
        c, "CertificatesReady", CONDITION_FALSE, webhook ? "CertManagerWebhook" : f->reason, text);
}

/* Whether spec.servers has an effect; and what of it the operator cannot see. */
static void add_hosts(struct conditions *c, const struct status_input *in)
{
    AUTO_STRBUF struct strbuf secrets = STRBUF_INIT(LIMIT_ERROR_BODY);
    for (size_t i = 0; i < in->gw->server_count; i++) {
        const struct server *server = &in->gw->servers[i];
        if (server->credential[0] && !server->certificate)
            strbuf_addf(&secrets, "%s%s", secrets.len ? ", " : "", server->credential);
    }
    AUTO_FREE char *text =
        xasprintf("Istio's Gateway has the hosts of spec.servers.%s%s%s",
                  secrets.len ? " The operator cannot see Secrets: until " : "",
                  secrets.text,
                  secrets.len ? " is in the gateway's namespace, HTTPS fails and "
                                "new pods start late."
                              : "");
    if (in->certs->istio_missing)
        conditions_add(c,
                       "HostsServed",
                       CONDITION_FALSE,
                       "IstioNotInstalled",
                       "Istio's Gateway and VirtualService are not installed, or may not be read: "
                       "spec.servers takes effect when they are.");
    else if (in->gw->server_count > 0)
        conditions_add(
            c, "HostsServed", CONDITION_TRUE, secrets.len ? "SecretsOfUser" : "HostsServed", text);
}

static void add_certificates(struct conditions *c, const struct status_input *in)
{
    const struct certs_told *told = in->certs;
    const struct status_failure *failure = unwritten(in);
    add_hosts(c, in);
    if (told->certificates.reason && told->certificates.status == CONDITION_FALSE && failure)
        add_unwritten(c, failure);
    else if (told->certificates.reason)
        conditions_add(c,
                       "CertificatesReady",
                       told->certificates.status,
                       told->certificates.reason,
                       told->certificates.message);
}

/* No part of Ready, and there only while it holds: what others' objects take away. */
static void add_troubles(struct conditions *c, const struct certs_told *told)
{
    if (told->bypass)
        conditions_add(c, "RedirectBypassed", CONDITION_TRUE, "RedirectBypassed", told->bypass);
    if (told->conflict)
        conditions_add(c, "HostConflict", CONDITION_TRUE, "HostConflict", told->conflict);
}

/* No part of Ready: a gateway that waits for its turn serves as before. */
static void add_up_to_date(struct conditions *c, const struct status_input *in)
{
    if (in->waits_to_roll)
        conditions_add(c,
                       "UpToDate",
                       CONDITION_FALSE,
                       "WaitingForTurn",
                       "The mesh's or the operator's configuration has changed. The pods are "
                       "replaced when it is this gateway's turn.");
    else if (in->gw && in->failure_count == 0 && !in->held_back)
        conditions_add(c,
                       "UpToDate",
                       CONDITION_TRUE,
                       "UpToDate",
                       "The Deployment has the present configuration.");
    else
        conditions_add(c,
                       "UpToDate",
                       CONDITION_UNKNOWN,
                       "NotProgrammed",
                       "Not all objects are in step; see Programmed.");
}

/* The tag of an image; of one that is named by digest, the digest. */
static const char *image_version(const char *image)
{
    const char *digest = strchr(image, '@');
    const char *name = strrchr(image, '/');
    const char *tag = strchr(name ? name : image, ':');
    return digest ? digest + 1 : tag ? tag + 1 : "latest";
}

/* Of an injected pod istiod chooses the image, and the Deployment does not tell which. */
static json_t *proxy_of(const struct status_input *in, const json_t *deployment)
{
    const char *image = jx_str(deployment, "image", "");
    bool known = image[0] && strcmp(image, "auto") != 0;
    if (!known && !(in->gw && in->gw->control_plane[0]))
        return NULL;
    return OBJ(
        FOPT("version", known ? STR(image_version(image)) : NULL),
        FOPT("image", known ? STR(image) : NULL),
        FOPT("revision", in->gw && in->gw->control_plane[0] ? STR(in->gw->control_plane) : NULL));
}

static void append_ips(json_t *addresses, const json_t *ips)
{
    size_t i;
    json_t *ip;
    json_array_foreach (ips, i, ip) {
        const char *text = json_string_value(ip);
        if (text && text[0] && strcmp(text, "None") != 0)
            json_array_append_new(addresses,
                                  OBJ(F("type", STR("IPAddress")), F("value", STR(text))));
    }
}

/* Where clients reach the gateway, by the type of its Service. */
static json_t *addresses_of(const json_t *service)
{
    json_t *addresses = json_array();
    if (strcmp(jx_str(service, "type", ""), "LoadBalancer") == 0)
        json_array_extend(addresses, jx_array(service, "ingress"));
    else
        append_ips(addresses, jx_array(service, "clusterIPs"));
    append_ips(addresses, jx_array(service, "externalIPs"));
    return addresses;
}

static void add_address(struct conditions *c, const json_t *service, const json_t *addresses)
{
    static const char type[] = "AddressAssigned";
    if (!service)
        conditions_add(c, type, CONDITION_FALSE, "NoService", "There is no Service yet.");
    else if (json_array_size(addresses) > 0)
        conditions_add(c, type, CONDITION_TRUE, "AddressAssigned", "The gateway has an address.");
    else if (strcmp(jx_str(service, "type", ""), "LoadBalancer") == 0)
        conditions_add(c,
                       type,
                       CONDITION_FALSE,
                       "LoadBalancerPending",
                       "The load balancer has assigned no address yet.");
    else
        conditions_add(c,
                       type,
                       CONDITION_TRUE,
                       "Headless",
                       "The Service is headless: its name leads to the pods.");
}

/* Ready comes first in the list, though it follows from the others. */
static void add_ready(struct conditions *c)
{
    const json_t *not_true = conditions_first_not_true(c);
    if (not_true)
        conditions_add(c,
                       "Ready",
                       CONDITION_FALSE,
                       jx_str(not_true, "reason", ""),
                       jx_str(not_true, "message", ""));
    else
        conditions_add(c, "Ready", CONDITION_TRUE, "Ready", "The gateway is ready.");
    size_t last = json_array_size(c->list) - 1;
    json_auto_t *ready = json_incref(json_array_get(c->list, last));
    json_array_remove(c->list, last);
    json_array_insert(c->list, 0, ready);
}

/* The one word of the original API. Waiting is not failing. */
static const char *state_word(const struct conditions *c, const struct status_input *in)
{
    const json_t *ready = json_array_get(c->list, 0);
    if (strcmp(jx_str(ready, "status", ""), "True") == 0)
        return "Available";
    bool failed = !in->gw || in->failure_count > 0 ||
                  strcmp(jx_str(ready, "reason", ""), "RolloutFailed") == 0;
    return failed ? "ReconcileFailed" : "Reconciling";
}

static json_t *address_values(const json_t *addresses)
{
    json_t *values = json_array();
    size_t i;
    json_t *address;
    json_array_foreach (addresses, i, address)
        json_array_append(values, json_object_get(address, "value"));
    return values;
}

static json_t *nonempty(json_t *value)
{
    return jx_empty(value) ? NULL : json_incref(value);
}

/* What an invalid spec wants is not known; that a certificate was issued must not be forgotten. */
static json_t *certificates_of(const struct status_input *in)
{
    if (!in->gw)
        return json_incref(jx_array(in->object, "status.certificates"));
    return in->certs ? json_incref(in->certs->certificates.certificates) : NULL;
}

/* Whether the certificate that serves is a good one, also while it is renewed. */
static bool is_good(const json_t *entry)
{
    const char *phase = jx_str(entry, "phase", "");
    return strcmp(phase, "Ready") == 0 || strcmp(phase, "Renewing") == 0;
}

/* "1/2", for a column. */
static json_t *certificate_count(const json_t *certificates)
{
    size_t good = 0, i;
    const json_t *entry;
    json_array_foreach (certificates, i, entry)
        good += is_good(entry);
    size_t all = json_array_size(certificates);
    return all ? jx_stringf("%zu/%zu", good, all) : NULL;
}

/* RFC 3339 in UTC sorts as text. */
static const char *next_renewal(const json_t *certificates)
{
    const char *next = NULL;
    size_t i;
    const json_t *entry;
    json_array_foreach (certificates, i, entry) {
        const char *time = jx_str(entry, "renewalTime", NULL);
        if (time && (!next || strcmp(time, next) < 0))
            next = time;
    }
    return next;
}

json_t *status_make(const struct status_input *in)
{
    json_int_t generation = jx_int(in->object, "metadata.generation", 0);
    json_auto_t *deployment = facts_of_child(in, &object_deployment);
    json_auto_t *service = facts_of_child(in, &object_service);
    json_auto_t *addresses = addresses_of(service);
    struct conditions c;
    conditions_init(&c, jx_array(in->object, "status.conditions"), generation, in->now);
    add_accepted(&c, in);
    add_programmed(&c, in);
    if (in->injection)
        add_injection(&c, in->injection);
    add_available(&c, deployment);
    add_address(&c, service, addresses);
    if (in->certs && in->gw)
        add_certificates(&c, in);
    add_ready(&c);
    add_up_to_date(&c, in);
    if (in->certs)
        add_troubles(&c, in->certs);
    json_auto_t *conditions = c.list;
    json_auto_t *values = address_values(addresses);
    const char *state = state_word(&c, in);
    bool failed = strcmp(state, "ReconcileFailed") == 0;
    const json_t *ready = json_array_get(conditions, 0);
    json_auto_t *certificates = certificates_of(in);
    return OBJ(F("observedGeneration", INT(generation)),
               F("conditions", REF(conditions)),
               FOPT("addresses", nonempty(addresses)),
               F("replicas", INT(jx_int(deployment, "replicas", 0))),
               F("readyReplicas", INT(jx_int(deployment, "ready", 0))),
               FOPT("proxy", proxy_of(in, deployment)),
               FOPT("serviceType", STR(jx_str(service, "type", NULL))),
               FOPT("ports", nonempty(jx_array(service, "ports"))),
               FOPT("certificates", REF(certificates)),
               FOPT("certificatesReady", certificate_count(certificates)),
               FOPT("nextRenewal", STR(next_renewal(certificates))),
               F("Status", STR(state)),
               FOPT("GatewayAddress", nonempty(values)),
               F("ErrorMessage", STR(failed ? jx_str(ready, "message", "") : "")));
}

/* Our conditions of a stored status, in our order; others' are left out. */
static json_t *own_conditions(const json_t *stored, const json_t *ours)
{
    json_t *own = json_array();
    size_t i;
    json_t *condition;
    json_array_foreach (ours, i, condition) {
        const json_t *same = conditions_find(stored, jx_str(condition, "type", ""));
        if (same)
            json_array_append(own, (json_t *)(uintptr_t)same);
    }
    return own;
}

/* Of our own, those that are not always there. */
static bool has_outdated(const json_t *stored, const json_t *ours)
{
    static const char *const types[] = {
        "InjectionReady", "HostsServed", "CertificatesReady", "RedirectBypassed", "HostConflict"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (conditions_find(stored, types[i]) && !conditions_find(ours, types[i]))
            return true;
    return false;
}

bool status_same(const json_t *object, const json_t *status)
{
    const json_t *stored = jx_object(object, "status");
    if (!stored || has_outdated(jx_array(stored, "conditions"), jx_array(status, "conditions")))
        return false;
    json_auto_t *comparable = json_copy((json_t *)(uintptr_t)stored);
    json_object_set_new(
        comparable,
        "conditions",
        own_conditions(jx_array(stored, "conditions"), jx_array(status, "conditions")));
    return json_equal(comparable, status);
}

json_t *status_surplus(const json_t *object, const json_t *status)
{
    json_auto_t *surplus = json_object();
    const char *key;
    json_t *value;
    json_object_foreach (jx_object(object, "status"), key, value)
        if (!json_object_get(status, key))
            json_object_set_new(surplus, key, json_null());
    return json_object_size(surplus) > 0 ? TAKE(surplus) : NULL;
}
