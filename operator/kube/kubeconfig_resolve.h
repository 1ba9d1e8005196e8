/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one entry of a kubeconfig file to what a client uses: paths resolved, data decoded,
 * combinations checked. Errors name file, entry and field.
 */
#pragma once

#include "kube/kubeconfig.h"
#include "kube/kubeconfig_file.h"

int kubeconfig_resolve_cluster(const struct kubeconfig_file_found *found, struct kubeconfig *ret,
                               struct err *err) MUST_CHECK;
/* `ret` already has its cluster. Credentials are left out for a server without TLS. */
int kubeconfig_resolve_user(const struct kubeconfig_file_found *found,
                            const struct kubeconfig_file_found *cluster, struct kubeconfig *ret,
                            struct err *err) MUST_CHECK;
