/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/credentials.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/now.h"
#include "kube/execplugin.h"
#include "kube/pem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define SECOND_US 1000000

/* client-go: tokens are cached for a minute less 10 s; certificate files for 5 minutes. */
#define TOKEN_PERIOD_MS 50000
#define TLS_PERIOD_MS   300000
/* A certificate and its key are two files: a change counts when it is still the same after this. */
#define SETTLE_MS 1000
/* After a read that failed. */
#define RETRY_MS 1000

/* A plugin that fails, or whose credential is rejected, runs at most this often. */
#define PLUGIN_PAUSE_MIN_MS 1000
#define PLUGIN_PAUSE_MAX_MS 60000
/* A credential that was good for this long is rejected for another reason than the one before. */
#define PLUGIN_SETTLED_MS 600000
/* Refresh this long before the end, but not in the first nine tenths of its life. */
#define PLUGIN_MARGIN_US (30LL * SECOND_US)

struct waiter {
    credentials_cb *cb;
    void *arg;
    struct waiter *prev, *next;
};

/* The two or three PEM texts that belong together. */
struct pems {
    char *ca, *cert, *key;
};

struct plugin {
    struct execplugin *run;     /* NULL: not running */
    int64_t expires_us;         /* wall time; 0: it does not */
    int64_t refresh_us;         /* wall time from which a new one is fetched; 0: never */
    int64_t fetched_ms;         /* when we got it; -1: there is none, or it was rejected */
    int64_t failure_pause_ms;   /* grows while it fails */
    int64_t not_before_ms;      /* no run before this, after a failure */
    int64_t rejection_pause_ms; /* a credential younger than this is not taken as rejected */
    struct err err;             /* of the last run */
};

struct credentials {
    struct loop *loop;
    const struct kubeconfig *config;
    char *authorization;
    struct pems files; /* from the configuration */
    struct pems seen;  /* what the files held when they last differed from `files` */
    char *plugin_cert, *plugin_key;
    uint64_t tls_generation;
    int64_t token_due_ms, tls_due_ms;
    struct err token_err, tls_err; /* why there is no token, or no certificate */
    struct plugin plugin;
    struct credential credential; /* what get() hands out */
    struct waiter *waiters;
    struct waiter *called; /* taken off `waiters`, to be called now */
    struct loop_timer *timer;
};

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Takes `value`. */
static void replace(char **text, char *value)
{
    mem_free_secret(*text);
    *text = value;
}

static void pems_done(struct pems *pems)
{
    free(pems->ca);
    free(pems->cert);
    mem_free_secret(pems->key);
    *pems = (struct pems){.ca = NULL};
}

static bool pems_equal(const struct pems *a, const struct pems *b)
{
    return same(a->ca, b->ca) && same(a->cert, b->cert) && same(a->key, b->key);
}

/* Token files */

static char *read_token(const char *path, struct err *err)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_CREDENTIAL);
    if (file_read(path, &text, err) < 0)
        return NULL;
    static const char space[] = " \t\r\n\v\f";
    const char *start = text.text + strspn(text.text, space);
    size_t len = strlen(start);
    while (len > 0 && strchr(space, start[len - 1]))
        len--;
    char *header = NULL;
    bool clean = strlen(text.text) == text.len;
    for (size_t i = 0; i < len && clean; i++)
        clean = (unsigned char)start[i] > 0x20 && start[i] != 0x7f;
    if (len == 0)
        err_set(err, ERR_UNAVAILABLE, "%s: the token file is empty", path);
    else if (!clean)
        err_set(err, ERR_INVALID, "%s: the token holds white space or a control character", path);
    else
        header = xasprintf("Bearer %.*s", (int)len, start);
    explicit_bzero(text.text, text.len);
    return header;
}

static void refresh_token(struct credentials *c)
{
    struct err err = {.kind = ERR_NONE};
    char *header = read_token(c->config->token_file, &err);
    c->token_due_ms = now_ms() + (header ? TOKEN_PERIOD_MS : RETRY_MS);
    if (header)
        replace(&c->authorization, header);
    if (!c->authorization)
        c->token_err = err;
    else
        c->token_err.kind = ERR_NONE;
}

/* Certificates and keys */

/* *ret stays NULL when neither is configured. */
static int read_pem(const char *path, const char *data, bool (*check)(const char *),
                    const char *kind, char **ret, struct err *err)
{
    if (!path) {
        *ret = xstrdup(data);
        return 0;
    }
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_CREDENTIAL);
    if (file_read(path, &text, err) < 0)
        return -1;
    if (strlen(text.text) != text.len || !check(text.text)) {
        explicit_bzero(text.text, text.len);
        return err_set(err, ERR_UNAVAILABLE, "%s: there is no %s in it", path, kind);
    }
    *ret = strbuf_take(&text);
    return 0;
}

static int read_pems(const struct kubeconfig *config, struct pems *ret, struct err *err)
{
    if (read_pem(
            config->ca_file, config->ca_data, pem_has_certificate, "certificate", &ret->ca, err) <
            0 ||
        read_pem(config->client_cert_file,
                 config->client_cert_data,
                 pem_has_certificate,
                 "certificate",
                 &ret->cert,
                 err) < 0)
        return -1;
    return read_pem(config->client_key_file,
                    config->client_key_data,
                    pem_has_private_key,
                    "private key",
                    &ret->key,
                    err);
}

static void use_pems(struct credentials *c, struct pems *pems)
{
    pems_done(&c->files);
    c->files = *pems;
    *pems = (struct pems){.ca = NULL};
    pems_done(&c->seen);
    c->tls_generation++;
}

static void refresh_pems(struct credentials *c)
{
    AUTO(pems_done) struct pems pems = {.ca = NULL};
    struct err err = {.kind = ERR_NONE};
    bool first = c->tls_generation == 0;
    c->tls_due_ms = now_ms() + RETRY_MS;
    if (read_pems(c->config, &pems, &err) < 0) {
        if (first)
            c->tls_err = err;
        return;
    }
    c->tls_err.kind = ERR_NONE;
    if (first || (pems_equal(&pems, &c->seen) && !pems_equal(&pems, &c->files))) {
        use_pems(c, &pems);
    } else if (!pems_equal(&pems, &c->files)) {
        pems_done(&c->seen);
        c->seen = pems;
        pems = (struct pems){.ca = NULL};
        c->tls_due_ms = now_ms() + SETTLE_MS;
        return;
    }
    c->tls_due_ms = now_ms() + TLS_PERIOD_MS;
}

/* Exec plugins */

static bool plugin_usable(const struct plugin *plugin)
{
    return plugin->fetched_ms >= 0 &&
           (plugin->expires_us == 0 || now_wall_us() < plugin->expires_us);
}

static int64_t longer(int64_t pause_ms)
{
    int64_t next = pause_ms * 2;
    if (next < PLUGIN_PAUSE_MIN_MS)
        return PLUGIN_PAUSE_MIN_MS;
    return next > PLUGIN_PAUSE_MAX_MS ? PLUGIN_PAUSE_MAX_MS : next;
}

static void plugin_failed(struct plugin *plugin, const struct err *err)
{
    plugin->err = *err;
    plugin->failure_pause_ms = longer(plugin->failure_pause_ms);
    plugin->not_before_ms = now_ms() + plugin->failure_pause_ms;
}

static void plugin_succeeded(struct credentials *c, const struct execplugin_credential *got)
{
    struct plugin *plugin = &c->plugin;
    plugin->failure_pause_ms = 0;
    plugin->fetched_ms = now_ms();
    plugin->expires_us = got->expires_us;
    plugin->refresh_us = 0;
    if (got->expires_us != 0) {
        int64_t margin = (got->expires_us - now_wall_us()) / 10;
        plugin->refresh_us =
            got->expires_us - (margin < PLUGIN_MARGIN_US ? margin : PLUGIN_MARGIN_US);
    }
    replace(&c->authorization, got->token ? xasprintf("Bearer %s", got->token) : NULL);
    if (!same(c->plugin_cert, got->client_cert) || !same(c->plugin_key, got->client_key))
        c->tls_generation++;
    replace(&c->plugin_cert, xstrdup(got->client_cert));
    replace(&c->plugin_key, xstrdup(got->client_key));
}

static void deliver(struct credentials *c);

static void on_plugin(void *arg, const struct execplugin_credential *credential,
                      const struct err *err)
{
    struct credentials *c = arg;
    c->plugin.run = NULL;
    if (credential)
        plugin_succeeded(c, credential);
    else
        plugin_failed(&c->plugin, err);
    deliver(c);
}

/* Starts it when it is time. */
static void refresh_plugin(struct credentials *c)
{
    struct plugin *plugin = &c->plugin;
    bool fresh =
        plugin_usable(plugin) && (plugin->refresh_us == 0 || now_wall_us() < plugin->refresh_us);
    if (fresh || plugin->run || now_ms() < plugin->not_before_ms)
        return;
    struct err err;
    plugin->run = execplugin_start(c->loop, c->config->exec, on_plugin, c, &err);
    if (!plugin->run)
        plugin_failed(plugin, &err);
}

/* The whole */

static bool has_pems(const struct kubeconfig *config)
{
    return config->ca_file || config->client_cert_file || config->client_key_file;
}

/* Why there is no credential, or NULL when there is one. */
static const struct err *missing(const struct credentials *c)
{
    if (c->tls_err.kind != ERR_NONE)
        return &c->tls_err;
    if (c->token_err.kind != ERR_NONE)
        return &c->token_err;
    return c->config->exec && !plugin_usable(&c->plugin) ? &c->plugin.err : NULL;
}

const struct credential *credentials_get(struct credentials *c)
{
    int64_t now = now_ms();
    if (c->config->token_file && now >= c->token_due_ms)
        refresh_token(c);
    if (has_pems(c->config) && now >= c->tls_due_ms)
        refresh_pems(c);
    if (c->config->exec)
        refresh_plugin(c);
    if (missing(c))
        return NULL;
    c->credential = (struct credential){
        .authorization = c->authorization,
        .client_cert = c->plugin_cert ? c->plugin_cert : c->files.cert,
        .client_key = c->plugin_cert ? c->plugin_key : c->files.key,
        .ca = c->files.ca,
        .tls_generation = c->tls_generation,
    };
    return &c->credential;
}

/* Calls all who wait now; who comes while they are called waits for the next time. */
static void deliver(struct credentials *c)
{
    DL_CONCAT(c->called, c->waiters);
    c->waiters = NULL;
    while (c->called) {
        struct waiter *waiter = c->called;
        struct waiter own = *waiter;
        DL_DELETE(c->called, waiter);
        free(waiter);
        const struct credential *credential = credentials_get(c);
        const struct err *err = credential ? NULL : missing(c);
        own.cb(own.arg, credential, err);
    }
}

static void on_timer(void *arg)
{
    struct credentials *c = arg;
    if (credentials_get(c) || !c->plugin.run)
        deliver(c);
}

void credentials_wait(struct credentials *c, credentials_cb *cb, void *arg)
{
    struct waiter *waiter = xcalloc(1, sizeof(*waiter));
    waiter->cb = cb;
    waiter->arg = arg;
    DL_APPEND(c->waiters, waiter);
    loop_timer_start(c->timer, 0);
}

static bool take_back(struct waiter **list, credentials_cb *cb, const void *arg)
{
    struct waiter *waiter;
    DL_FOREACH (*list, waiter) {
        if (waiter->cb != cb || waiter->arg != arg)
            continue;
        DL_DELETE(*list, waiter);
        free(waiter);
        return true;
    }
    return false;
}

void credentials_cancel(struct credentials *c, credentials_cb *cb, void *arg)
{
    if (!take_back(&c->called, cb, arg))
        take_back(&c->waiters, cb, arg);
}

void credentials_doubted(struct credentials *c)
{
    /* A read that is due soon anyway is one that waits for a change to settle, or for a file. */
    if (c->tls_due_ms > now_ms() + SETTLE_MS)
        c->tls_due_ms = 0;
}

void credentials_rejected(struct credentials *c)
{
    c->token_due_ms = 0;
    credentials_doubted(c);
    struct plugin *plugin = &c->plugin;
    if (plugin->fetched_ms < 0 || plugin->run)
        return;
    /*
     * Requests that were under way with the credential before this one are rejected late, and a
     * server that takes none must not make the plugin run all the time.
     */
    int64_t age = now_ms() - plugin->fetched_ms;
    if (age < plugin->rejection_pause_ms)
        return;
    plugin->rejection_pause_ms =
        age > PLUGIN_SETTLED_MS ? PLUGIN_PAUSE_MIN_MS : longer(plugin->rejection_pause_ms);
    plugin->fetched_ms = -1;
}

struct credentials *credentials_new(struct loop *loop, const struct kubeconfig *config)
{
    struct credentials *c = xcalloc(1, sizeof(*c));
    c->loop = loop;
    c->config = config;
    c->timer = loop_timer_new(loop, on_timer, c);
    c->plugin.fetched_ms = -1;
    c->plugin.rejection_pause_ms = PLUGIN_PAUSE_MIN_MS;
    err_set(&c->plugin.err, ERR_UNAVAILABLE, "the exec plugin has not run yet");
    if (config->token) {
        c->authorization = xasprintf("Bearer %s", config->token);
    } else if (config->username || config->password) {
        AUTO_FREE char *pair = xasprintf("%s:%s",
                                         config->username ? config->username : "",
                                         config->password ? config->password : "");
        AUTO_FREE char *text = base64_encode(pair, strlen(pair));
        c->authorization = xasprintf("Basic %s", text);
        explicit_bzero(pair, strlen(pair));
        explicit_bzero(text, strlen(text));
    }
    if (!has_pems(config))
        refresh_pems(c);
    return c;
}

void credentials_free(struct credentials *c)
{
    if (!c)
        return;
    assert(!c->waiters && !c->called);
    execplugin_cancel(c->plugin.run);
    loop_timer_free(c->timer);
    pems_done(&c->files);
    pems_done(&c->seen);
    mem_free_secret(c->authorization);
    mem_free_secret(c->plugin_cert);
    mem_free_secret(c->plugin_key);
    free(c);
}

const struct kubeconfig *credentials_config(const struct credentials *c)
{
    return c->config;
}
