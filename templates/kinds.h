/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function a kind; each lives in the file it is named after, and templates.c has the table of
 * them.
 */
#pragma once

#include "data/meshgateway.h"
#include "templates/live.h"

#include <string.h>

/* The one object that a gateway wants, new, or NULL when it wants none. */
json_t *serviceaccount_render(const struct meshgateway *gw);
json_t *rolebinding_render(const struct meshgateway *gw);
json_t *deployment_render(const struct meshgateway *gw);
json_t *service_render(const struct meshgateway *gw);
json_t *hpa_render(const struct meshgateway *gw);
json_t *pdb_render(const struct meshgateway *gw);

/* A new array of all objects of the kind or, with a name, of that one at most. */
json_t *gateway_render(const struct meshgateway *gw, const struct templates_live *live,
                       const char *name);
json_t *virtualservice_render(const struct meshgateway *gw, const struct templates_live *live,
                              const char *name);
json_t *issuer_render(const struct meshgateway *gw, const struct templates_live *live,
                      const char *name);
json_t *certificate_render(const struct meshgateway *gw, const struct templates_live *live,
                           const char *name);

/* Whether an object of this name is asked for. */
static inline bool kinds_wants(const char *asked, const char *name)
{
    return !asked || strcmp(asked, name) == 0;
}
