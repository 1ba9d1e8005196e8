/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/common.h"
#include "templates/kinds.h"

#include <string.h>

/*
 * A shared issuer may solve HTTP-01 with somebody else's ingress class. The hosts are this
 * gateway's, so their challenges have to come here; other issuers and solvers do not look at it.
 */
static json_t *annotations(const struct server *server, const struct templates_live *live)
{
    const char *group = jx_str(server->certificate, "issuerRef.group", "");
    bool shared = !server->own_issuer && strcmp(group, SERVER_CERT_MANAGER) == 0;
    bool temporary = live && common_has(live->temporary, server->name);
    if (!shared && !temporary)
        return NULL;
    return OBJ(FOPT("acme.cert-manager.io/http01-override-ingress-class",
                    shared ? STR(COMMON_SOLVER_CLASS) : NULL),
               FOPT("cert-manager.io/issue-temporary-certificate", temporary ? STR("true") : NULL));
}

json_t *certificate_render(const struct meshgateway *gw, const struct templates_live *live,
                           const char *name)
{
    json_t *list = json_array();
    for (size_t i = 0; i < gw->server_count; i++) {
        const struct server *server = &gw->servers[i];
        if (!server->certificate || !kinds_wants(name, server->certificate_name))
            continue;
        json_auto_t *notes = annotations(server, live);
        json_t *spec = json_copy((json_t *)(uintptr_t)server->certificate);
        json_object_del(spec, "name");
        json_array_append_new(
            list,
            common_object(gw, &object_certificate, server->certificate_name, NULL, notes, spec));
    }
    return list;
}
