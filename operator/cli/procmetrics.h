/* SPDX-License-Identifier: Apache-2.0 */
/* The process_* metrics that Prometheus' client libraries have, read from /proc when asked for. */
#pragma once

/* Registers them; they are computed at each metrics_render(). */
void procmetrics_register(void);
