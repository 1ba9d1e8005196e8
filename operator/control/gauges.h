/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of all gateways together: how many, in which conditions, and not ready for how long. */
#pragma once

#include "control/store.h"

/* The store is borrowed until gauges_unregister. */
void gauges_register(const struct store *store);
void gauges_unregister(const struct store *store);
