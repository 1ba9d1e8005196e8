/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconfig_dump [CONTEXT]: prints what kubeconfig_load() makes of $KUBECONFIG, as JSON. */
#include "data/jx.h"
#include "kube/kubeconfig.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *list_json(char *const *list)
{
    if (!list)
        return NULL;
    json_t *array = json_array();
    for (; *list; list++)
        json_array_append_new(array, json_string(*list));
    return array;
}

static json_t *exec_json(const struct kubeconfig_exec *exec)
{
    return exec ? OBJ(F("command", STR(exec->command)),
                      F("args", list_json(exec->args)),
                      F("env", list_json(exec->env)),
                      F("apiVersion", STR(exec->api_version)),
                      FOPT("installHint", STR(exec->install_hint)))
                : NULL;
}

static json_t *config_json(const struct kubeconfig *c)
{
    return OBJ(F("server", STR(c->server)),
               FOPT("namespace", STR(c->ns)),
               F("context", STR(c->context)),
               FOPT("certificate-authority", STR(c->ca_file)),
               FOPT("certificate-authority-data", STR(c->ca_data)),
               FOPT("tls-server-name", STR(c->tls_server_name)),
               FOPT("proxy-url", STR(c->proxy_url)),
               F("insecure-skip-tls-verify", BOOL(c->insecure_skip_tls_verify)),
               F("disable-compression", BOOL(c->disable_compression)),
               FOPT("client-certificate", STR(c->client_cert_file)),
               FOPT("client-certificate-data", STR(c->client_cert_data)),
               FOPT("client-key", STR(c->client_key_file)),
               FOPT("client-key-data", STR(c->client_key_data)),
               FOPT("token", STR(c->token)),
               FOPT("tokenFile", STR(c->token_file)),
               FOPT("username", STR(c->username)),
               FOPT("password", STR(c->password)),
               FOPT("as", STR(c->impersonate_user)),
               FOPT("as-uid", STR(c->impersonate_uid)),
               FOPT("as-groups", list_json(c->impersonate_groups)),
               FOPT("as-user-extra", list_json(c->impersonate_extra)),
               FOPT("exec", exec_json(c->exec)));
}

int main(int argc, char **argv)
{
    const struct kubeconfig_source source = {
        .env = getenv("KUBECONFIG"),
        .context = argc > 1 ? argv[1] : NULL,
    };
    AUTO(kubeconfig_done) struct kubeconfig config = {.server = NULL};
    struct err err = {.kind = ERR_NONE};
    if (kubeconfig_load(&source, &config, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return EXIT_FAILURE;
    }
    json_auto_t *json = config_json(&config);
    AUTO_FREE char *text = jx_compact(json);
    puts(text);
    return EXIT_SUCCESS;
}
