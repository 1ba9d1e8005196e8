/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: a thin layer over libevent, so that the rest of the program knows timers and
 * signals but not the library. One loop, one thread.
 */
#pragma once

#include "base/mem.h"

#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_signal;
struct event_base;

typedef void loop_cb(void *arg);

struct loop *loop_new(void);
/* All timers, signals and users of the base must be gone. */
void loop_free(struct loop *loop);
/* Runs callbacks until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* For files of net/ only. */
struct event_base *loop_base(struct loop *loop);

/* A timer that is not running. Freed by loop_timer_free, also from its own callback. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_cb *cb, void *arg);
/* Fires once, delay_ms from now (0 = on the next turn of the loop); replaces an earlier deadline.
 */
void loop_timer_start(struct loop_timer *timer, int64_t delay_ms);
/* Of all that is due at the same time, this timer comes first; call it before it is started. */
void loop_timer_put_first(struct loop_timer *timer);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

/* Calls cb each time the process gets the signal. */
struct loop_signal *loop_signal_new(struct loop *loop, int number, loop_cb *cb, void *arg);
void loop_signal_free(struct loop_signal *signal);
