/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened, as lines of text to compare: an asynchronous test runs the loop until a line of
 * its trace comes, then looks at all of them.
 */
#pragma once

#include "base/strbuf.h"
#include "net/loop.h"

#include <check.h>
#include <string.h>

#define TRACE_TOO_LONG_MS 20000 /* the test hangs */

struct trace {
    struct loop *loop;
    struct strbuf text;
    const char *until; /* the loop stops after this line */
    int left;          /* … came so many times */
};

static inline void trace_add(struct trace *trace, const char *line)
{
    strbuf_addf(&trace->text, "%s\n", line);
    if (trace->until && strcmp(line, trace->until) == 0 && --trace->left <= 0)
        loop_stop(trace->loop);
}

static inline void trace_hangs(void *arg)
{
    const struct trace *trace = arg;
    ck_abort_msg("waited in vain for \"%s\" after:\n%s", trace->until, trace->text.text);
}

/* Runs the loop until the line comes for the n-th time from now on. */
static inline void trace_until(struct trace *trace, const char *line, int n)
{
    struct loop_timer *guard = loop_timer_new(trace->loop, trace_hangs, trace);
    loop_timer_start(guard, TRACE_TOO_LONG_MS);
    trace->until = line;
    trace->left = n;
    loop_run(trace->loop);
    trace->until = NULL;
    loop_timer_free(guard);
}

static inline void trace_stop(void *arg)
{
    loop_stop(arg);
}

/* Runs the loop for a while, so that what must not come has time to come. */
static inline void trace_linger(struct trace *trace, int64_t ms)
{
    struct loop_timer *end = loop_timer_new(trace->loop, trace_stop, trace->loop);
    loop_timer_start(end, ms);
    loop_run(trace->loop);
    loop_timer_free(end);
}

/* Compares what happened since the last time. */
static inline void trace_check(struct trace *trace, const char *want)
{
    ck_assert_str_eq(trace->text.text, want);
    strbuf_clear(&trace->text);
}
