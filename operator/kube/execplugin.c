/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/execplugin.h"

#include "base/limits.h"
#include "base/now.h"
#include "data/jx.h"
#include "kube/pem.h"
#include "net/process.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct execplugin {
    const struct kubeconfig_exec *exec;
    execplugin_done *done;
    void *arg;
    struct process *process;
};

/* The value of KUBERNETES_EXEC_INFO. */
static char *exec_info(const struct kubeconfig_exec *exec, bool interactive)
{
    const char *cluster = exec->cluster_info;
    json_auto_t *info =
        OBJ(F("kind", STR("ExecCredential")),
            F("apiVersion", STR(exec->api_version)),
            F("spec",
              OBJ(FOPT("cluster", cluster ? jx_parse(cluster, strlen(cluster), NULL) : NULL),
                  F("interactive", BOOL(interactive)))));
    return jx_compact(info);
}

static int check(const struct kubeconfig_exec *exec, const json_t *answer, struct err *err)
{
    if (strcmp(jx_str(answer, "kind", ""), "ExecCredential") != 0)
        return err_set(err, ERR_INVALID, "its output is not an ExecCredential");
    if (strcmp(jx_str(answer, "apiVersion", ""), exec->api_version) != 0)
        return err_set(
            err, ERR_INVALID, "it answers in another API version than %s", exec->api_version);
    if (!jx_object(answer, "status"))
        return err_set(err, ERR_INVALID, "its answer has no status");
    return 0;
}

static bool printable(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c <= 0x20 || *c == 0x7f)
            return false;
    return true;
}

/* Borrows from `answer`. */
static int read_credential(const json_t *answer, struct execplugin_credential *ret, struct err *err)
{
    const json_t *status = jx_object(answer, "status");
    const char *token = jx_str(status, "token", "");
    const char *cert = jx_str(status, "clientCertificateData", "");
    const char *key = jx_str(status, "clientKeyData", "");
    const char *expires = jx_str(status, "expirationTimestamp", NULL);
    if (!*token && !*cert && !*key)
        return err_set(err, ERR_INVALID, "its answer has neither a token nor a certificate");
    if (!*cert != !*key)
        return err_set(
            err, ERR_INVALID, "its answer has only one of clientCertificateData and clientKeyData");
    if (!printable(token))
        return err_set(err, ERR_INVALID, "its token holds white space or a control character");
    if (*cert && (!pem_has_certificate(cert) || !pem_has_private_key(key)))
        return err_set(err, ERR_INVALID, "its certificate or key is not PEM");
    int64_t expires_us = 0;
    if (expires && now_parse_time(expires, &expires_us) < 0)
        return err_set(err, ERR_INVALID, "its expirationTimestamp is not a time of RFC 3339");
    if (expires && expires_us <= now_wall_us())
        return err_set(err, ERR_INVALID, "its credential has already expired");
    *ret = (struct execplugin_credential){
        .token = *token ? token : NULL,
        .client_cert = *cert ? cert : NULL,
        .client_key = *cert ? key : NULL,
        .expires_us = expires_us,
    };
    return 0;
}

static void fail(struct execplugin *run, struct err err)
{
    err_wrap(&err, "exec plugin %s", run->exec->command);
    run->done(run->arg, NULL, &err);
    free(run);
}

/* A plugin that is missing or does not work: what to do about it is in the kubeconfig. */
static struct err with_hint(const struct kubeconfig_exec *exec, const struct err *err)
{
    struct err hinted = *err;
    if (exec->install_hint)
        err_set(&hinted, err->kind, "%s; %s", err->msg, exec->install_hint);
    return hinted;
}

static void on_done(void *arg, const char *output, size_t len, const struct err *failure)
{
    struct execplugin *run = arg;
    if (failure) {
        fail(run, with_hint(run->exec, failure));
        return;
    }
    struct err err = {.kind = ERR_NONE};
    struct execplugin_credential credential;
    json_auto_t *answer = jx_parse(output, len, NULL);
    if (check(run->exec, answer, &err) < 0 || read_credential(answer, &credential, &err) < 0) {
        fail(run, err);
        return;
    }
    run->done(run->arg, &credential, NULL);
    free(run);
}

static size_t count(char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

struct execplugin *execplugin_start(struct loop *loop, const struct kubeconfig_exec *exec,
                                    execplugin_done *done, void *arg, struct err *err)
{
    bool interactive = exec->interactive && isatty(STDIN_FILENO);
    if (exec->needs_terminal && !interactive) {
        err_set(err, ERR_INVALID, "exec plugin %s: it needs a terminal", exec->command);
        return NULL;
    }
    struct execplugin *run = xcalloc(1, sizeof(*run));
    run->exec = exec;
    run->done = done;
    run->arg = arg;
    AUTO_FREE char *info = exec_info(exec, interactive);
    AUTO_FREE char *info_variable = xasprintf("KUBERNETES_EXEC_INFO=%s", info);
    size_t n_args = count(exec->args), n_env = count(exec->env);
    AUTO_FREE const char **argv = xcalloc(n_args + 2, sizeof(char *));
    AUTO_FREE const char **env = xcalloc(n_env + 2, sizeof(char *));
    argv[0] = exec->command;
    for (size_t i = 0; i < n_args; i++)
        argv[i + 1] = exec->args[i];
    for (size_t i = 0; i < n_env; i++)
        env[i] = exec->env[i];
    env[n_env] = info_variable;
    run->process = process_start(loop,
                                 &(struct process_options){
                                     .argv = argv,
                                     .env = env,
                                     .terminal = interactive,
                                     .max_output = LIMIT_CREDENTIAL,
                                     .timeout_ms = exec->timeout_ms,
                                 },
                                 on_done,
                                 run);
    return run;
}

void execplugin_cancel(struct execplugin *run)
{
    if (!run)
        return;
    process_cancel(run->process);
    free(run);
}
