/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128

/* Splits "host:port", "[v6]:port" or ":port"; the host is "" for every address. */
static int split_address(const char *address, char **ret_host, char **ret_port, struct err *err)
{
    const char *colon = strrchr(address, ':');
    const char *port = colon ? colon + 1 : "";
    size_t digits = strspn(port, "0123456789");
    if (digits == 0 || digits > 5 || port[digits] != '\0' || strtol(port, NULL, 10) > 65535) {
        return err_set(
            err, ERR_INVALID, "bad address \"%s\": want HOST:PORT, :PORT, or 0 for none", address);
    }
    size_t len = (size_t)(colon - address);
    const char *host = address;
    bool bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    if (bracketed) {
        host++;
        len -= 2;
    }
    if (!bracketed && memchr(host, ':', len)) {
        return err_set(err,
                       ERR_INVALID,
                       "bad address \"%s\": an IPv6 address stands in brackets, [::1]:8080",
                       address);
    }
    *ret_host = xstrndup(host, len);
    *ret_port = xstrdup(port);
    return 0;
}

/* A listening descriptor, or -1 with errno. */
static int open_socket(const struct addrinfo *ai)
{
    AUTO_CLOSE int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    int off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return -1;
    int listening = fd;
    fd = -1;
    return listening;
}

int listen_open(const char *address, struct err *err)
{
    AUTO_FREE char *host = NULL;
    AUTO_FREE char *port = NULL;
    if (split_address(address, &host, &port, err) < 0)
        return -1;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    /* "::" also takes IPv4; machines without IPv6 fall back to 0.0.0.0. */
    static const char *const everywhere[] = {"::", "0.0.0.0"};
    size_t tries = host[0] ? 1 : ARRAY_LEN(everywhere);
    int fd = -1;
    int failed = 0;
    for (size_t i = 0; i < tries && fd < 0 && failed != EADDRINUSE; i++) {
        int rc = getaddrinfo(host[0] ? host : everywhere[i], port, &hints, &found);
        if (rc != 0)
            return err_set(err, ERR_INVALID, "bad address \"%s\": %s", address, gai_strerror(rc));
        for (const struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next) {
            fd = open_socket(ai);
            failed = errno;
        }
        freeaddrinfo(found);
    }
    if (fd < 0)
        return err_set(
            err, ERR_UNAVAILABLE, "cannot listen on \"%s\": %s", address, strerror(failed));
    return fd;
}

int listen_port(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof(name);
    getsockname(fd, (struct sockaddr *)&name, &len);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, &name, sizeof(v4));
    memcpy(&v6, &name, sizeof(v6));
    return ntohs(name.ss_family == AF_INET6 ? v6.sin6_port : v4.sin_port);
}
