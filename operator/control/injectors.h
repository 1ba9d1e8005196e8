/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Istio's injection webhooks, as far as gateways depend on them: tags of control planes, and
 * whether pods in mode Injected will be filled in. Nothing is watched before it is asked for.
 */
#pragma once

#include "control/injection.h"
#include "control/mirror.h"
#include "data/meshgateway.h"

struct injectors;

struct injectors_options {
    struct loop *loop;
    struct kube *kube;
    const char *const *namespaces; /* NULL-terminated; empty: all; borrowed */
    loop_cb *changed;              /* what was asked for may be answered otherwise now */
    void *arg;
};

struct injectors *injectors_new(const struct injectors_options *options);
void injectors_free(struct injectors *injectors);

/*
 * The control plane's revision behind a tag. False while it is not known. *ret_revision, borrowed
 * until the next turn of the loop: NULL when there is no such tag, or none may be read.
 */
bool injectors_tagged(struct injectors *injectors, const char *tag, const char **ret_revision);

/*
 * Whether the pods with these labels will be filled in. False while that is not known yet, and then
 * *ret is untouched; the caller ends it.
 */
bool injectors_check(struct injectors *injectors, const struct meshgateway *gw,
                     const json_t *pod_labels, struct injection_verdict *ret);
