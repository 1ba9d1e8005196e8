/* SPDX-License-Identifier: Apache-2.0 */
#include "net/process.h"

#include "base/strbuf.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct process {
    process_done *done;
    void *arg;
    pid_t pid; /* 0: it could not be started */
    bool own_group;
    int64_t timeout_ms;
    struct strbuf output;
    struct err err; /* why it failed, or ERR_NONE */
    int fd;         /* its standard output, -1 after the end */
    struct event *readable;
    struct loop_timer *timer; /* the deadline; without a process: the time to say so */
    struct loop_signal *child;
};

static void kill_all(const struct process *process)
{
    kill(process->own_group ? -process->pid : process->pid, SIGKILL);
}

static void close_output(struct process *process)
{
    if (process->fd < 0)
        return;
    event_free(process->readable);
    close(process->fd);
    process->fd = -1;
}

static void release(struct process *process)
{
    close_output(process);
    loop_timer_free(process->timer);
    loop_signal_free(process->child);
    explicit_bzero(process->output.text, process->output.len);
    strbuf_done(&process->output);
    free(process);
}

static void finish(struct process *process)
{
    close_output(process);
    if (process->err.kind == ERR_NONE)
        process->done(process->arg, process->output.text, process->output.len, NULL);
    else
        process->done(process->arg, NULL, 0, &process->err);
    release(process);
}

/* Reads what is there. Returns at the end of the output or when there is no more for now. */
static void drain(struct process *process)
{
    char chunk[4096];
    while (process->fd >= 0) {
        ssize_t n = read(process->fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            close_output(process);
        } else if (strbuf_add(&process->output, chunk, (size_t)n) < 0) {
            err_set(
                &process->err, ERR_INVALID, "it wrote more than %zu bytes", process->output.max);
            close_output(process);
            kill_all(process);
        }
    }
}

static void on_readable(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    drain(arg);
}

static void on_timer(void *arg)
{
    struct process *process = arg;
    if (process->pid == 0) {
        finish(process);
        return;
    }
    if (process->err.kind == ERR_NONE)
        err_set(&process->err,
                ERR_UNAVAILABLE,
                "it did not finish within %lld s and was killed",
                (long long)(process->timeout_ms / 1000));
    kill_all(process);
}

static void on_child(void *arg)
{
    struct process *process = arg;
    int status;
    if (process->pid == 0 || waitpid(process->pid, &status, WNOHANG) != process->pid)
        return;
    /* A grandchild may keep the pipe open for ever: what is there now must do. */
    drain(process);
    if (process->err.kind == ERR_NONE && WIFSIGNALED(status))
        err_set(&process->err, ERR_UNAVAILABLE, "it was killed by signal %d", WTERMSIG(status));
    else if (process->err.kind == ERR_NONE && WEXITSTATUS(status) != 0)
        err_set(&process->err, ERR_UNAVAILABLE, "it exited with status %d", WEXITSTATUS(status));
    finish(process);
}

/* Our environment with the additions in the place of what they replace; the strings are shared. */
static char **merge_environment(const char *const *additions)
{
    size_t ours = 0, added = 0;
    while (environ[ours])
        ours++;
    while (additions && additions[added])
        added++;
    char **merged = xcalloc(ours + added + 1, sizeof(char *));
    size_t count = 0;
    for (size_t i = 0; i < ours + added; i++) {
        char *entry;
        if (i < ours)
            entry = environ[i];
        else
            memcpy(&entry, &additions[i - ours], sizeof(entry));
        size_t name = strcspn(entry, "=") + 1;
        size_t at = 0;
        while (at < count && strncmp(merged[at], entry, name) != 0)
            at++;
        merged[at] = entry;
        count += at == count;
    }
    return merged;
}

/* Returns 0 or an error number. */
static int spawn(struct process *process, const struct process_options *options, int output)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes,
                             (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                     (process->own_group ? POSIX_SPAWN_SETPGROUP : 0)));
    posix_spawn_file_actions_init(&actions);
    if (!options->terminal)
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    AUTO_FREE char **env = merge_environment(options->env);
    char *const *argv;
    memcpy(&argv, &options->argv, sizeof(argv));
    int error = posix_spawnp(&process->pid, options->argv[0], &actions, &attributes, argv, env);
    if (error)
        process->pid = 0;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

static int start(struct process *process, struct loop *loop, const struct process_options *options)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    int error = spawn(process, options, ends[1]);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return error;
    }
    process->fd = ends[0];
    fcntl(process->fd, F_SETFL, O_NONBLOCK);
    process->readable =
        event_new(loop_base(loop), process->fd, EV_READ | EV_PERSIST, on_readable, process);
    if (!process->readable || event_add(process->readable, NULL) < 0)
        abort();
    return 0;
}

struct process *process_start(struct loop *loop, const struct process_options *options,
                              process_done *done, void *arg)
{
    struct process *process = xcalloc(1, sizeof(*process));
    process->done = done;
    process->arg = arg;
    process->own_group = !options->terminal;
    process->timeout_ms = options->timeout_ms;
    process->output = (struct strbuf)STRBUF_INIT(options->max_output);
    process->fd = -1;
    process->timer = loop_timer_new(loop, on_timer, process);
    /* Before the start, so that no exit is missed. */
    process->child = loop_signal_new(loop, SIGCHLD, on_child, process);
    int error = start(process, loop, options);
    if (error)
        err_set(&process->err,
                error == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
                "it cannot be started: %s",
                strerror(error));
    loop_timer_start(process->timer, error ? 0 : options->timeout_ms);
    return process;
}

void process_cancel(struct process *process)
{
    if (!process)
        return;
    if (process->pid > 0) {
        kill_all(process);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    release(process);
}
