/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/common.h"
#include "templates/kinds.h"

json_t *serviceaccount_render(const struct meshgateway *gw)
{
    if (!gw->service_account_create)
        return NULL;
    return common_object(gw,
                         &object_service_account,
                         gw->service_account,
                         NULL,
                         gw->service_account_annotations,
                         NULL);
}
