/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/session.h"

#include "base/limits.h"
#include "base/metrics.h"
#include "kube/apistatus.h"
#include "kube/credentials.h"
#include "kube/warnings.h"
#include "net/http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WARNING_HEADERS 32 /* of one answer */

struct session {
    struct loop *loop;
    struct credentials *credentials;
    const struct kube_timing *timing;
    struct http *http;
    bool keeps_managers;
    bool identified; /* http has the identity of tls_generation */
    uint64_t tls_generation;
    char *user_agent;   /* header line */
    char **impersonate; /* header lines, NULL-terminated */
    void (*warning)(void *arg, const char *text);
    void *warning_arg;
    struct warnings warnings;
};

struct session_call {
    struct session *session;
    struct session_request request; /* target is gone: it is the copy below */
    char *target;
    struct http_request *http; /* NULL: waits for the credentials */
    bool good;                 /* the answer is 2xx with JSON */
};

static void count_request(const struct session_call *call, int status)
{
    AUTO_FREE char *code = status ? xasprintf("%d", status) : xstrdup("<error>");
    AUTO_FREE char *labels = xasprintf("code=\"%s\",method=\"%s\",host=\"%s\"",
                                       code,
                                       call->request.method,
                                       http_host(call->session->http));
    metrics_add(metrics_counter("rest_client_requests_total",
                                "Number of HTTP requests, partitioned by status code, method, and "
                                "host.",
                                labels),
                1);
}

static void call_free(struct session_call *call)
{
    free(call->target);
    if (call->request.secret)
        mem_free_secret(call->request.body);
    else
        free(call->request.body);
    free(call);
}

static void on_start(void *arg, struct http_request *request, int status)
{
    struct session_call *call = arg;
    struct session *session = call->session;
    count_request(call, status);
    const char *value = NULL;
    for (size_t i = 0; i < WARNING_HEADERS; i++) {
        value = http_header(request, "Warning", i);
        if (!value || !session->warning)
            break;
        warnings_read(&session->warnings, value, session->warning, session->warning_arg);
    }
    call->good = status < 300 && apistatus_is_json(http_header(request, "Content-Type", 0));
    if (call->good && call->request.on_start)
        call->request.on_start(call->request.arg);
}

static void on_data(void *arg, struct http_request *request UNUSED, const char *data, size_t len)
{
    const struct session_call *call = arg;
    if (call->good)
        call->request.on_data(call->request.arg, data, len);
}

static bool may_send(void *arg)
{
    const struct session_call *call = arg;
    return call->request.may_send(call->request.arg);
}

static void set_error(struct session_call *call, const struct http_request *request,
                      const struct http_reply *from, struct err *err)
{
    /* After an error status the server may close before it has read all of the request. */
    if (from->err.kind && from->status < 300) {
        *err = from->err;
        err->http = from->status;
        return;
    }
    const char *type = http_header(request, "Content-Type", 0);
    if (from->status < 300) {
        /* A proxy's login page, for example. It may pass. */
        if (!call->good) {
            err_set(err,
                    ERR_UNAVAILABLE,
                    "%s: the answer is %s, not that of an API server",
                    http_host(call->session->http),
                    type);
            err->http = from->status;
        }
        return;
    }
    apistatus_set_error(
        &(const struct apistatus_answer){.http = from->status,
                                         .content_type = type,
                                         .retry_after = http_header(request, "Retry-After", 0),
                                         .body = from->body,
                                         .len = from->len},
        err);
}

static void on_done(void *arg, struct http_request *request, const struct http_reply *from)
{
    struct session_call *call = arg;
    struct session_reply reply = {.http = from->status, .body = from->body, .len = from->len};
    if (from->status == 0)
        count_request(call, 0);
    set_error(call, request, from, &reply.err);
    if (from->status == 401)
        credentials_rejected(call->session->credentials);
    else if (from->status == 0)
        credentials_doubted(call->session->credentials);
    call->request.done(call->request.arg, &reply);
    call_free(call);
}

static void add_line(char ***lines, size_t *count, char *line)
{
    *lines = xrealloc(*lines, (*count + 2) * sizeof(**lines));
    (*lines)[(*count)++] = line;
    (*lines)[*count] = NULL;
}

static void free_lines(char ***lines)
{
    for (char **line = *lines; line && *line; line++)
        mem_free_secret(*line);
    free(*lines);
}

static char **headers_new(const struct session_call *call, const struct credential *credential)
{
    const struct session *session = call->session;
    char **lines = NULL;
    size_t count = 0;
    const char *as = call->request.as;
    add_line(&lines,
             &count,
             as ? xasprintf("Accept: application/json;as=%s;g=meta.k8s.io;v=v1", as)
                : xstrdup("Accept: application/json"));
    add_line(&lines, &count, xstrdup(session->user_agent));
    if (call->request.content_type)
        add_line(&lines, &count, xasprintf("Content-Type: %s", call->request.content_type));
    /* Who we are is told over TLS only. */
    if (!http_is_secure(session->http))
        return lines;
    if (credential->authorization)
        add_line(&lines, &count, xasprintf("Authorization: %s", credential->authorization));
    for (char **line = session->impersonate; line && *line; line++)
        add_line(&lines, &count, xstrdup(*line));
    return lines;
}

static void call_send(struct session_call *call, const struct credential *credential)
{
    struct session *session = call->session;
    const struct session_request *request = &call->request;
    if (!session->identified || session->tls_generation != credential->tls_generation) {
        http_set_identity(session->http,
                          &(const struct http_identity){.ca = credential->ca,
                                                        .client_cert = credential->client_cert,
                                                        .client_key = credential->client_key});
        session->tls_generation = credential->tls_generation;
        session->identified = true;
    }
    AUTO(free_lines) char **headers = headers_new(call, credential);
    char *body = TAKE(call->request.body);
    call->http = http_send(session->http,
                           &(const struct http_message){
                               .method = request->method,
                               .target = call->target,
                               .headers = (const char *const *)headers,
                               .body = body,
                               .len = body ? strlen(body) : 0,
                               .gzip = request->gzip,
                               .secret = request->secret,
                               .total_ms = request->total_ms,
                               .idle_ms = request->idle_ms,
                               .max_body = request->max_body,
                               .may_send = request->may_send ? may_send : NULL,
                               .on_start = on_start,
                               .on_data = request->on_data ? on_data : NULL,
                               .done = on_done,
                               .arg = call,
                           });
}

static void on_credential(void *arg, const struct credential *credential, const struct err *err)
{
    struct session_call *call = arg;
    if (credential) {
        call_send(call, credential);
        return;
    }
    struct session_reply reply = {.body = "", .err = *err};
    /* Invalid is the plugin or the file, which may be mended, not what was asked for. */
    reply.err.kind = ERR_UNAVAILABLE;
    call->request.done(call->request.arg, &reply);
    call_free(call);
}

struct session_call *session_send(struct session *session, const struct session_request *request)
{
    struct session_call *call = xcalloc(1, sizeof(*call));
    call->session = session;
    call->request = *request;
    call->request.target = NULL;
    call->target = xstrdup(request->target);
    const struct credential *credential = credentials_get(session->credentials);
    if (credential)
        call_send(call, credential);
    else
        credentials_wait(session->credentials, on_credential, call);
    return call;
}

void session_cancel(struct session_call *call)
{
    if (call->http)
        http_cancel(call->http);
    else
        credentials_cancel(call->session->credentials, on_credential, call);
    call_free(call);
}

/* Keys of "extra" are percent-encoded in header names (Kubernetes docs, user impersonation). */
static char *extra_line(const char *entry)
{
    static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789!#$&'*+-.^_`|~";
    const char *equals = strchr(entry, '=');
    size_t len = equals ? (size_t)(equals - entry) : strlen(entry);
    struct strbuf line = STRBUF_INIT(LIMIT_CREDENTIAL);
    strbuf_adds(&line, "Impersonate-Extra-");
    for (size_t i = 0; i < len; i++) {
        if (strchr(token, entry[i]))
            strbuf_addc(&line, entry[i]);
        else
            strbuf_addf(&line, "%%%02X", (unsigned)(unsigned char)entry[i]);
    }
    strbuf_addf(&line, ": %s", equals ? equals + 1 : "");
    return strbuf_take(&line);
}

static char **impersonate_new(const struct kubeconfig *config)
{
    char **lines = NULL;
    size_t count = 0;
    if (config->impersonate_user)
        add_line(&lines, &count, xasprintf("Impersonate-User: %s", config->impersonate_user));
    if (config->impersonate_uid)
        add_line(&lines, &count, xasprintf("Impersonate-Uid: %s", config->impersonate_uid));
    for (char **group = config->impersonate_groups; group && *group; group++)
        add_line(&lines, &count, xasprintf("Impersonate-Group: %s", *group));
    for (char **extra = config->impersonate_extra; extra && *extra; extra++)
        add_line(&lines, &count, extra_line(*extra));
    return lines;
}

struct session *session_new(struct loop *loop, struct credentials *credentials,
                            const struct kube_options *options, struct err *err)
{
    const struct kubeconfig *config = credentials_config(credentials);
    const struct kube_timing *timing = options->timing ? options->timing : &kube_timing_default;
    const struct http_options http_options = {.server = config->server,
                                              .tls_server_name = config->tls_server_name,
                                              .proxy_url = config->proxy_url,
                                              .insecure_skip_tls_verify =
                                                  config->insecure_skip_tls_verify,
                                              .http2 = options->http2,
                                              .connect_timeout_ms = timing->connect};
    struct http *http = http_new(loop, &http_options, err);
    if (!http)
        return NULL;
    struct session *session = xcalloc(1, sizeof(*session));
    session->loop = loop;
    session->credentials = credentials;
    session->timing = timing;
    session->http = http;
    session->user_agent = xasprintf("User-Agent: %s", options->user_agent);
    session->impersonate = impersonate_new(config);
    session->warning = options->warning;
    session->warning_arg = options->warning_arg;
    return session;
}

void session_free(struct session *session)
{
    if (!session)
        return;
    http_free(session->http);
    free(session->user_agent);
    free_lines(&session->impersonate);
    free(session);
}

struct loop *session_loop(const struct session *session)
{
    return session->loop;
}

const struct kube_timing *session_timing(const struct session *session)
{
    return session->timing;
}

void session_keep_managers(struct session *session, bool keep)
{
    session->keeps_managers = keep;
}

bool session_keeps_managers(const struct session *session)
{
    return session->keeps_managers;
}

void session_abandon(struct session *session)
{
    http_abandon(session->http);
}
