/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACME account as a cert-manager Issuer. Nobody serves the class of its solvers' Ingresses, and
 * an Istio that serves Ingresses of every class leaves one with the old annotation alone: the
 * operator routes challenges itself.
 */
#include "templates/common.h"
#include "templates/kinds.h"

static json_t *solver(const struct meshgateway *gw)
{
    const json_t *wait = jx_get(gw->acme, "solver.waitInsteadOfSelfCheck");
    return OBJ(F("http01",
                 OBJ(F("ingress",
                       OBJ(F("class", STR(COMMON_SOLVER_CLASS)),
                           F("serviceType", STR("ClusterIP")),
                           FOPT("podTemplate", REF(jx_get(gw->acme, "solver.podTemplate"))))))),
               FOPT("waitInsteadOfSelfCheck", REF((json_t *)(uintptr_t)wait)));
}

json_t *issuer_render(const struct meshgateway *gw, const struct templates_live *live UNUSED,
                      const char *name)
{
    static const char *const same[] = {
        "server", "email", "preferredChain", "profile", "caBundle", "externalAccountBinding"};
    AUTO_FREE char *own = xasprintf("%s-acme", gw->name);
    json_t *list = json_array();
    if (!gw->acme || !kinds_wants(name, own))
        return list;
    json_t *acme = json_object();
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        jx_set(acme, same[i], REF(jx_get(gw->acme, same[i])));
    jx_set(acme, "privateKeySecretRef.name", REF(jx_get(gw->acme, "privateKeySecretName")));
    json_object_set_new(acme, "solvers", ARR(solver(gw)));
    json_array_append_new(list,
                          common_object(gw, &object_issuer, own, NULL, NULL, OBJ(F("acme", acme))));
    return list;
}
