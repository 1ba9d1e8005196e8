/* SPDX-License-Identifier: Apache-2.0 */
/* A kubeconfig is refused with a message that names it, or is one that a client can use as it is.
 */
#include "fuzz.h"

#include "kube/kubeconfig.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_line(const char *text)
{
    return !text || !strpbrk(text, "\r\n");
}

static void check(const struct kubeconfig *c)
{
    bool tls = strncmp(c->server, "https://", 8) == 0;
    bool secret = c->token || c->token_file || c->username || c->password || c->exec ||
                  c->client_cert_file || c->client_cert_data;
    require(tls || strncmp(c->server, "http://", 7) == 0);
    require(c->server[strlen(c->server) - 1] != '/' && is_line(c->server));
    require(tls || !secret);
    require(is_line(c->token) && is_line(c->impersonate_user) && is_line(c->impersonate_uid));
    require(!(c->client_cert_file || c->client_cert_data) ==
            !(c->client_key_file || c->client_key_data));
    require(!c->ca_file || !c->ca_data);
    require(!c->insecure_skip_tls_verify || (!c->ca_file && !c->ca_data));
    for (char **group = c->impersonate_groups; group && *group; group++)
        require(is_line(*group));
    for (char **extra = c->impersonate_extra; extra && *extra; extra++)
        require(is_line(*extra) && strchr(*extra, '='));
    require(!c->exec || (c->exec->command[0] && c->exec->args && c->exec->env));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_CLOSE int fd = memfd_create("kubeconfig", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    AUTO_FREE char *path = xasprintf("/proc/self/fd/%d", fd);
    AUTO(kubeconfig_done) struct kubeconfig config = {.server = NULL};
    struct err err = {.kind = ERR_NONE};
    if (kubeconfig_load(&(struct kubeconfig_source){.path = path}, &config, &err) == 0)
        check(&config);
    else
        require(err.kind != ERR_NONE && strstr(err.msg, path) == err.msg);
    return 0;
}
