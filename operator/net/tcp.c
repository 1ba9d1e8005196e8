/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp.h"

#include "base/mem.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* See tcp(7). */
#define DEAD_PEER_MS       45000
#define KEEPALIVE_IDLE_S   30
#define KEEPALIVE_REPEAT_S 5
#define KEEPALIVE_COUNT    3

int tcp_open(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    if (fd < 0 || (family != AF_INET && family != AF_INET6))
        return fd;
    /* Each is an improvement only: a connection without it works too. */
    const struct {
        int level, option, value;
    } options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
                   {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_REPEAT_S},
                   {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT},
                   {IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_PEER_MS}};
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        (void)setsockopt(
            fd, options[i].level, options[i].option, &options[i].value, sizeof(options[i].value));
    return fd;
}

int tcp_reset(int fd)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0}; /* socket(7) */
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    return close(fd);
}
