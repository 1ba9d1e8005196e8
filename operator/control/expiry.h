/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of the certificates of MeshGateways: when they end, when they are renewed, are they good.
 */
#pragma once

#include "base/strbuf.h"
#include "control/issuance.h"
#include "control/store.h"

/* Appends the families, with one series a certificate. */
void expiry_write(const struct issuance *set, const struct store *store, struct strbuf *out);
