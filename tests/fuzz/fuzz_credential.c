/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exec plugin prints: a credential that can go into a header, or an error that does not
 * quote it. No process is started: this file has the functions of net/process.
 */
#include "fuzz.h"

#include "base/err.h"
#include "base/mem.h"
#include "kube/execplugin.h"
#include "net/process.h"

#include <string.h>

static process_done *plugin_done;
static void *plugin_arg;

struct process *process_start(struct loop *loop UNUSED,
                              const struct process_options *options UNUSED, process_done *done,
                              void *arg)
{
    plugin_done = done;
    plugin_arg = arg;
    return NULL;
}

void process_cancel(struct process *process UNUSED)
{
}

static void on_credential(void *arg, const struct execplugin_credential *credential,
                          const struct err *err)
{
    bool *told = arg;
    require(!*told && !credential == !!err);
    *told = true;
    if (!credential) {
        require(strncmp(err->msg, "exec plugin plugin: ", 20) == 0);
        return;
    }
    require(credential->token || credential->client_cert);
    require(!credential->client_cert == !credential->client_key);
    require(!credential->token || !strpbrk(credential->token, " \t\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char command[] = "plugin";
    static char version[] = "client.authentication.k8s.io/v1";
    const struct kubeconfig_exec exec = {.command = command, .api_version = version};
    struct err err;
    bool told = false;
    require(execplugin_start(NULL, &exec, on_credential, &told, &err) != NULL);
    AUTO_FREE char *output = xmalloc(size + 1);
    memcpy(output, data, size);
    output[size] = '\0';
    plugin_done(plugin_arg, output, size, NULL);
    require(told);
    return 0;
}
