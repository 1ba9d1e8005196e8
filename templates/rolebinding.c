/* SPDX-License-Identifier: Apache-2.0 */
/*
 * istiod hands TLS Secrets only to proxies whose service account may list Secrets in its namespace.
 * That right comes from one ClusterRole, which is installed with the operator; the operator itself
 * holds no more than the right to bind it.
 */
#include "templates/common.h"
#include "templates/kinds.h"

#define SECRET_READER "meshgateway-secret-reader"

json_t *rolebinding_render(const struct meshgateway *gw)
{
    json_t *binding = common_object(gw, &object_role_binding, gw->name, NULL, NULL, NULL);
    json_auto_t *body = OBJ(F("roleRef",
                              OBJ(F("apiGroup", STR(object_role_binding.group)),
                                  F("kind", STR("ClusterRole")),
                                  F("name", STR(SECRET_READER)))),
                            F("subjects",
                              ARR(OBJ(F("kind", STR(object_service_account.kind)),
                                      F("name", STR(gw->service_account)),
                                      F("namespace", STR(gw->ns))))));
    jx_update(binding, body);
    return binding;
}
