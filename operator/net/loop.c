/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include <assert.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

/* 0 comes first; events that say nothing get the middle one, rounded down: 1 (event.h). */
#define PRIORITIES 2

struct loop {
    struct event_base *base;
    bool stopped;
};

struct loop_timer {
    struct event *event;
    loop_cb *cb;
    void *arg;
};

struct loop_signal {
    struct event *event;
    loop_cb *cb;
    void *arg;
};

struct loop *loop_new(void)
{
    /* TLS libraries write with plain write(2): a peer that left must be an error, not a signal. */
    signal(SIGPIPE, SIG_IGN);
    struct event_base *base = event_base_new();
    if (!base || event_base_priority_init(base, PRIORITIES) < 0)
        abort();
    struct loop *loop = xcalloc(1, sizeof(*loop));
    loop->base = base;
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    event_base_free(loop->base);
    free(loop);
}

void loop_run(struct loop *loop)
{
    while (!loop->stopped)
        if (event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
            abort();
    loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
    event_base_loopbreak(loop->base);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

/* The callbacks may free their timer or signal: nothing is touched after the call. */
static void timer_fired(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    const struct loop_timer *timer = arg;
    timer->cb(timer->arg);
}

static void signal_fired(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    const struct loop_signal *signal = arg;
    signal->cb(signal->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_cb *cb, void *arg)
{
    struct loop_timer *timer = xcalloc(1, sizeof(*timer));
    timer->cb = cb;
    timer->arg = arg;
    timer->event = evtimer_new(loop->base, timer_fired, timer);
    if (!timer->event)
        abort();
    return timer;
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms)
{
    assert(delay_ms >= 0);
    const struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};
    if (evtimer_add(timer->event, &delay) < 0)
        abort();
}

void loop_timer_put_first(struct loop_timer *timer)
{
    if (event_priority_set(timer->event, 0) < 0)
        abort();
}

void loop_timer_stop(struct loop_timer *timer)
{
    evtimer_del(timer->event);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    event_free(timer->event);
    free(timer);
}

struct loop_signal *loop_signal_new(struct loop *loop, int number, loop_cb *cb, void *arg)
{
    struct loop_signal *signal = xcalloc(1, sizeof(*signal));
    signal->cb = cb;
    signal->arg = arg;
    signal->event = evsignal_new(loop->base, number, signal_fired, signal);
    if (!signal->event || evsignal_add(signal->event, NULL) < 0)
        abort();
    return signal;
}

void loop_signal_free(struct loop_signal *signal)
{
    if (!signal)
        return;
    event_free(signal->event);
    free(signal);
}
