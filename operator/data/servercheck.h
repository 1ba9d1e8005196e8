/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with spec.servers as a whole, beyond the rules of the CRD: comparing every host
 * with every other costs more than an API server allows a rule to. Istio would drop one of two
 * servers that clash, without a word to anybody.
 */
#pragma once

#include "data/meshgateway.h"

/* A gateway with everything read; adds problems with their paths. */
void servercheck(const struct meshgateway *gw, struct problems *problems);
