/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum metric_type { COUNTER, GAUGE, HISTOGRAM };

struct metric {
    struct metric *next;
    const struct family *family;
    char *labels; /* "" when there are none */
    double value; /* sum of a histogram */
    double count;
    double *buckets; /* observations at or below each bound, not cumulative */
};

struct family {
    struct family *next;
    enum metric_type type;
    char *name;
    char *help;
    const double *bounds;
    size_t bound_count;
    struct metric *series;
};

struct refresher {
    struct refresher *next;
    void (*refresh)(void *arg);
    void *arg;
};

static struct family *families;
static struct refresher *refreshers;

struct writer {
    struct writer *next;
    void (*write)(void *arg, struct strbuf *out);
    void *arg;
};

static struct writer *writers;

static struct family *find_family(enum metric_type type, const char *name, const char *help)
{
    struct family *f;
    LL_FOREACH (families, f) {
        if (strcmp(f->name, name) == 0) {
            assert(f->type == type);
            return f;
        }
    }
    f = xcalloc(1, sizeof(*f));
    f->type = type;
    f->name = xstrdup(name);
    f->help = xstrdup(help);
    LL_APPEND(families, f);
    return f;
}

static struct metric *find_series(struct family *f, const char *labels)
{
    struct metric *m;
    const char *wanted = labels ? labels : "";
    LL_FOREACH (f->series, m)
        if (strcmp(m->labels, wanted) == 0)
            return m;
    m = xcalloc(1, sizeof(*m));
    m->family = f;
    m->labels = xstrdup(wanted);
    if (f->bound_count)
        m->buckets = xcalloc(f->bound_count, sizeof(*m->buckets));
    LL_APPEND(f->series, m);
    return m;
}

struct metric *metrics_counter(const char *name, const char *help, const char *labels)
{
    return find_series(find_family(COUNTER, name, help), labels);
}

struct metric *metrics_gauge(const char *name, const char *help, const char *labels)
{
    return find_series(find_family(GAUGE, name, help), labels);
}

struct metric *metrics_histogram(const char *name, const char *help, const char *labels,
                                 const double *bounds, size_t count)
{
    struct family *f = find_family(HISTOGRAM, name, help);
    if (!f->bounds) {
        f->bounds = bounds;
        f->bound_count = count;
    }
    return find_series(f, labels);
}

void metrics_add(struct metric *m, double amount)
{
    m->value += amount;
}

void metrics_set(struct metric *m, double value)
{
    m->value = value;
}

void metrics_observe(struct metric *m, double value)
{
    const struct family *f = m->family;
    m->value += value;
    m->count += 1;
    for (size_t i = 0; i < f->bound_count; i++) {
        if (value <= f->bounds[i]) {
            m->buckets[i] += 1;
            break;
        }
    }
}

void metrics_on_render(void (*refresh)(void *arg), void *arg)
{
    struct refresher *r = xcalloc(1, sizeof(*r));
    r->refresh = refresh;
    r->arg = arg;
    LL_APPEND(refreshers, r);
}

void metrics_off_render(void (*refresh)(void *arg), const void *arg)
{
    struct refresher *r, *next;
    LL_FOREACH_SAFE(refreshers, r, next)
    {
        if (r->refresh != refresh || r->arg != arg)
            continue;
        LL_DELETE(refreshers, r);
        free(r);
    }
}

void metrics_on_write(void (*write)(void *arg, struct strbuf *out), void *arg)
{
    struct writer *w = xcalloc(1, sizeof(*w));
    w->write = write;
    w->arg = arg;
    LL_APPEND(writers, w);
}

void metrics_off_write(void (*write)(void *arg, struct strbuf *out), const void *arg)
{
    struct writer *w, *next;
    LL_FOREACH_SAFE(writers, w, next)
    {
        if (w->write != write || w->arg != arg)
            continue;
        LL_DELETE(writers, w);
        free(w);
    }
}

static void render_head(struct strbuf *out, const char *name, const char *help, const char *type)
{
    strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void render_value(struct strbuf *out, const char *name, const char *suffix,
                         const char *labels, double value)
{
    const char *open = labels[0] ? "{" : "";
    const char *close = labels[0] ? "}" : "";
    strbuf_addf(out, "%s%s%s%s%s %.15g\n", name, suffix, open, labels, close, value);
}

static void render_histogram(struct strbuf *out, const struct family *f, const struct metric *m)
{
    const char *comma = m->labels[0] ? "," : "";
    double cumulative = 0;
    for (size_t i = 0; i <= f->bound_count; i++) {
        AUTO_FREE char *bound = NULL;
        if (i < f->bound_count) {
            cumulative += m->buckets[i];
            bound = xasprintf("%s%sle=\"%.15g\"", m->labels, comma, f->bounds[i]);
        } else {
            cumulative = m->count;
            bound = xasprintf("%s%sle=\"+Inf\"", m->labels, comma);
        }
        render_value(out, f->name, "_bucket", bound, cumulative);
    }
    render_value(out, f->name, "_sum", m->labels, m->value);
    render_value(out, f->name, "_count", m->labels, m->count);
}

int metrics_render(struct strbuf *out)
{
    static const char *const types[] = {
        [COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};
    struct refresher *r;
    LL_FOREACH (refreshers, r)
        r->refresh(r->arg);
    struct family *f;
    LL_FOREACH (families, f) {
        render_head(out, f->name, f->help, types[f->type]);
        struct metric *m;
        LL_FOREACH (f->series, m) {
            if (f->type == HISTOGRAM)
                render_histogram(out, f, m);
            else
                render_value(out, f->name, "", m->labels, m->value);
        }
    }
    struct writer *w;
    LL_FOREACH (writers, w)
        w->write(w->arg, out);
    return out->failed ? -1 : 0;
}

void metrics_write_gauge(struct strbuf *out, const char *name, const char *help)
{
    render_head(out, name, help, "gauge");
}

void metrics_write_sample(struct strbuf *out, const char *name, const char *labels, double value)
{
    render_value(out, name, "", labels, value);
}

void metrics_reset(void)
{
    struct family *f, *next_family;
    LL_FOREACH_SAFE(families, f, next_family)
    {
        struct metric *m, *next;
        LL_FOREACH_SAFE(f->series, m, next)
        {
            free(m->labels);
            free(m->buckets);
            free(m);
        }
        free(f->name);
        free(f->help);
        free(f);
    }
    families = NULL;
    struct refresher *r, *next_refresher;
    LL_FOREACH_SAFE(refreshers, r, next_refresher)
    free(r);
    refreshers = NULL;
    struct writer *w, *next_writer;
    LL_FOREACH_SAFE(writers, w, next_writer)
    free(w);
    writers = NULL;
}
