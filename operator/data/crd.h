/* SPDX-License-Identifier: Apache-2.0 */
/* crds/meshgateways.yaml, as it was when the program was built: what offline validation goes by. */
#pragma once

#include <stddef.h>

/* YAML text of the CustomResourceDefinition; static. */
const char *crd_text(size_t *ret_len);
