/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters, gauges and histograms, and their text for Prometheus (exposition format 0.0.4).
 *
 * One registry for the process; a series lives until metrics_reset(). Label sets are bounded: no
 * object names. Asking for a series a second time gives the same one, so callers may look it up
 * once or each time.
 */
#pragma once

#include "base/strbuf.h"

struct metric;

/*
 * name: of the family; help: one line; labels: ready made, e.g. "method=\"GET\",code=\"200\"", or
 * NULL. help and a histogram's bounds are taken from the family's first series. Borrowed by the
 * caller, never freed by it.
 */
struct metric *metrics_counter(const char *name, const char *help, const char *labels);
struct metric *metrics_gauge(const char *name, const char *help, const char *labels);
/* bounds: upper bounds in rising order, static, without +Inf. */
struct metric *metrics_histogram(const char *name, const char *help, const char *labels,
                                 const double *bounds, size_t count);

void metrics_add(struct metric *m, double amount);
void metrics_set(struct metric *m, double value);
/* One observation of a histogram, in its unit (seconds for times). */
void metrics_observe(struct metric *m, double value);

/* A gauge's value may be computed when it is read: called by metrics_render before it writes. */
void metrics_on_render(void (*refresh)(void *arg), void *arg);
/* Takes it back: due before what `arg` points to goes. */
void metrics_off_render(void (*refresh)(void *arg), const void *arg);
/*
 * One series an object, of objects that come and go: `write` is called by metrics_render behind the
 * families, and appends whole families of its own by the two functions below.
 */
void metrics_on_write(void (*write)(void *arg, struct strbuf *out), void *arg);
void metrics_off_write(void (*write)(void *arg, struct strbuf *out), const void *arg);
void metrics_write_gauge(struct strbuf *out, const char *name, const char *help);
/* labels: as of metrics_gauge; values of labels are names of Kubernetes objects or the like. */
void metrics_write_sample(struct strbuf *out, const char *name, const char *labels, double value);
/* Appends all families in the order they were made. */
int metrics_render(struct strbuf *out);
/* Frees everything. */
void metrics_reset(void);
