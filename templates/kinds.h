/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function a kind: the object that a gateway wants, new, or NULL when it wants none. Each
 * lives in the file it is named after; templates.c has the table of them.
 */
#pragma once

#include "data/meshgateway.h"

json_t *serviceaccount_render(const struct meshgateway *gw);
json_t *rolebinding_render(const struct meshgateway *gw);
json_t *deployment_render(const struct meshgateway *gw);
json_t *service_render(const struct meshgateway *gw);
json_t *hpa_render(const struct meshgateway *gw);
json_t *pdb_render(const struct meshgateway *gw);
