/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/security.h"

#include "data/jx.h"

/* The user of Istio's proxy image. */
#define PROXY_USER 1337

static json_int_t user(const struct meshgateway *gw)
{
    return gw->run_as_root ? 0 : PROXY_USER;
}

json_t *security_container(const struct meshgateway *gw)
{
    json_t *own = jx_object(gw->deployment, "securityContext");
    if (own)
        return REF(own);
    /* Root without this capability could bind no more ports than anybody else. */
    json_t *add = gw->run_as_root ? ARR(STR("NET_BIND_SERVICE")) : NULL;
    return OBJ(F("runAsUser", INT(user(gw))),
               F("runAsGroup", INT(user(gw))),
               F("runAsNonRoot", BOOL(!gw->run_as_root)),
               F("privileged", BOOL(false)),
               F("allowPrivilegeEscalation", BOOL(false)),
               F("readOnlyRootFilesystem", BOOL(true)),
               F("capabilities", OBJ(F("drop", ARR(STR("ALL"))), FOPT("add", add))));
}

json_t *security_pod(const struct meshgateway *gw)
{
    json_t *own = jx_object(gw->deployment, "podSecurityContext");
    if (own)
        return REF(own);
    /* Listening below 1024 without being root. Not namespaced on the host's network: refused. */
    json_t *sysctls = NULL;
    if (!jx_bool(gw->deployment, "hostNetwork", false))
        sysctls =
            ARR(OBJ(F("name", STR("net.ipv4.ip_unprivileged_port_start")), F("value", STR("0"))));
    return OBJ(F("fsGroup", INT(user(gw))),
               FOPT("sysctls", sysctls),
               F("seccompProfile", OBJ(F("type", STR("RuntimeDefault")))));
}
