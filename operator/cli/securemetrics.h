/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --metrics-secure puts in front of the metrics: HTTPS, and the gate that lets in whose bearer
 * token the cluster's RBAC lets `get` the path. Nobody comes in without a token.
 */
#pragma once

#include "base/err.h"

struct httpd_options;
struct kube;
struct securemetrics;

/* The file names are within `cert_path`, which is NULL when a certificate is to be made. */
struct securemetrics *securemetrics_new(struct kube *kube, const char *cert_path,
                                        const char *cert_name, const char *cert_key,
                                        struct err *err) MUST_CHECK;
/* Sets what is its own; borrowed until securemetrics_free. */
void securemetrics_apply(struct securemetrics *secure, struct httpd_options *options);
/* Answers who still waits, so the server goes after securemetrics_stop and before _free. */
void securemetrics_stop(struct securemetrics *secure);
void securemetrics_free(struct securemetrics *secure);
