/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child process whose standard output is wanted: started without a shell, its output collected
 * by the loop, killed with all its children when it takes too long or writes too much. Standard
 * error is ours. It is always reaped.
 */
#pragma once

#include "base/err.h"
#include "net/loop.h"

#include <stdbool.h>

struct process;

struct process_options {
    const char *const *argv; /* argv[0]: a path, or a name to look up in $PATH */
    const char *const *env;  /* "NAME=value" to add to our environment; later ones win */
    bool terminal;           /* stdin is ours too and Ctrl-C reaches it; else stdin is /dev/null */
    size_t max_output;
    int64_t timeout_ms;
};

/*
 * err NULL: it exited with status 0 and `output` is all it wrote (len bytes and a NUL). Else
 * `output` is NULL; ERR_NOT_FOUND: there is no such program.
 */
typedef void process_done(void *arg, const char *output, size_t len, const struct err *err);

/* The options may go after the call. Borrowed until `done` returned or process_cancel. */
struct process *process_start(struct loop *loop, const struct process_options *options,
                              process_done *done, void *arg);
/* Kills it and waits until it is gone; `done` does not run. */
void process_cancel(struct process *process);
