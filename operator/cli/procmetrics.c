/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/procmetrics.h"

#include "base/metrics.h"
#include "base/now.h"
#include "base/version.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* /proc/self/statm: sizes in pages, all of it and what is resident (proc(5)). */
static void refresh_memory(void)
{
    AUTO_CLOSE int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    char text[128];
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (len <= 0)
        return;
    text[len] = '\0';
    char *rest;
    double page = (double)sysconf(_SC_PAGESIZE);
    unsigned long pages = strtoul(text, &rest, 10);
    unsigned long resident = strtoul(rest, &rest, 10);
    metrics_set(metrics_gauge("process_virtual_memory_bytes", "Virtual memory.", NULL),
                (double)pages * page);
    metrics_set(metrics_gauge("process_resident_memory_bytes", "Resident memory.", NULL),
                (double)resident * page);
}

static void refresh_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return;
    int count = -3; /* ".", ".." and the directory itself */
    while (readdir(dir))
        count++;
    closedir(dir);
    metrics_set(metrics_gauge("process_open_fds", "Open file descriptors.", NULL), count);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metrics_set(metrics_gauge("process_max_fds", "Most open file descriptors.", NULL),
                    (double)limit.rlim_cur);
}

static void refresh(void *arg)
{
    struct metric *cpu = arg;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        metrics_set(cpu, seconds(usage.ru_utime) + seconds(usage.ru_stime));
    refresh_memory();
    refresh_descriptors();
}

void procmetrics_register(void)
{
    struct metric *cpu =
        metrics_counter("process_cpu_seconds_total", "CPU time, user and system.", NULL);
    metrics_set(metrics_gauge("process_start_time_seconds", "Start, since the Unix epoch.", NULL),
                (double)now_wall_us() / 1e6);
    metrics_set(metrics_gauge("meshgateway_build_info",
                              "1; the labels tell what runs.",
                              "version=\"" MESHGATEWAY_VERSION "\""),
                1);
    metrics_on_render(refresh, cpu);
}
