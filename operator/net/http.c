/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"

#include "base/limits.h"
#include "base/now.h"
#include "base/strbuf.h"
#include "net/multi.h"
#include "net/tcp.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#define IDLE_CONNECTION_S 90
#define MAX_CONNECTIONS   64

/* The connections of one identity. The first lane is the one of new requests; the others end. */
struct lane {
    struct multi *multi;
    char *ca, *client_cert, *client_key;
    size_t requests;
    struct lane *prev, *next;
};

struct http {
    struct loop *loop;
    char *base; /* what targets are appended to */
    char *host;
    char *host_header; /* when the URL holds the name of the certificate instead */
    struct curl_slist *connect_to;
    char *proxy; /* NULL: environment, "": none */
    bool secure, insecure_skip_tls_verify, http2;
    bool abandoned;
    int connect_timeout_ms;
    struct lane *lanes;
    struct loop_timer *sweep; /* frees lanes, which their own last request cannot do */
};

struct http_request {
    struct transfer transfer;
    struct http *http;
    struct lane *lane;
    struct http_message message; /* method, target, headers are gone */
    struct curl_slist *headers;
    struct strbuf body;
    int status; /* 0 until the headers are complete */
    bool too_large;
    int64_t last_byte_ms;
    struct loop_timer *idle;
    char text[CURL_ERROR_SIZE];
};

static void set_curl_error(const struct http_request *request, CURLcode code, struct err *err)
{
    const char *host = request->http->host;
    const char *text = request->text[0] ? request->text : curl_easy_strerror(code);
    long number = 0;
    curl_off_t sent_us = 0;
    curl_easy_getinfo(request->transfer.easy, CURLINFO_OS_ERRNO, &number);
    curl_easy_getinfo(request->transfer.easy, CURLINFO_PRETRANSFER_TIME_T, &sent_us);
    /* libcurl's own texts of the first two hold times, which make every failure look new. */
    if (code == CURLE_OPERATION_TIMEDOUT) {
        err_set(err,
                ERR_UNAVAILABLE,
                sent_us ? "%s: no complete answer in time" : "%s: no connection in time",
                host);
        snprintf(err->reason, sizeof(err->reason), "Timeout");
    } else if (code == CURLE_COULDNT_CONNECT) {
        err_set(err,
                ERR_UNAVAILABLE,
                "%s: cannot connect: %s",
                host,
                number ? strerror((int)number) : curl_easy_strerror(code));
        snprintf(err->reason, sizeof(err->reason), "CannotConnect");
    } else if (code == CURLE_ABORTED_BY_CALLBACK) { /* before_request() */
        err_set(err, ERR_UNAVAILABLE, "%s: not sent", host);
        snprintf(err->reason, sizeof(err->reason), "NotSent");
    } else if (code == CURLE_URL_MALFORMAT) {
        err_set(err, ERR_INVALID, "%s: %s", host, text);
    } else {
        err_set(err, ERR_UNAVAILABLE, "%s: %s", host, text);
        snprintf(err->reason, sizeof(err->reason), "Transport");
    }
}

/* Headers hold the token that we are known by, and bodies may hold others. */
static void wipe(struct http_request *request)
{
    for (struct curl_slist *line = request->headers; line; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    if (!request->message.secret)
        return;
    explicit_bzero(request->body.text, request->body.len);
    if (request->message.body)
        explicit_bzero(request->message.body, request->message.len);
}

static void request_free(struct http_request *request)
{
    struct lane *lane = request->lane;
    struct http *http = request->http;
    if (--lane->requests == 0 && lane != http->lanes)
        loop_timer_start(http->sweep, 0);
    curl_easy_cleanup(request->transfer.easy);
    wipe(request);
    curl_slist_free_all(request->headers);
    loop_timer_free(request->idle);
    strbuf_done(&request->body);
    free(request->message.body);
    free(request);
}

static void on_release(struct transfer *transfer)
{
    request_free((struct http_request *)transfer);
}

static void on_done(struct transfer *transfer, CURLcode code)
{
    struct http_request *request = (struct http_request *)transfer;
    struct http_reply reply = {
        .status = request->status, .body = request->body.text, .len = request->body.len};
    if (request->too_large)
        err_set(&reply.err,
                ERR_INTERNAL,
                "%s: the answer is longer than %zu bytes",
                request->http->host,
                request->message.max_body);
    else if (code != CURLE_OK || !request->status) /* libcurl takes an end within headers for one */
        set_curl_error(request, code ? code : CURLE_GOT_NOTHING, &reply.err);
    request->message.done(request->message.arg, request, &reply);
    request_free(request);
}

/* The guard runs on its own and looks back, so that a byte costs no change of a timer. */
static void on_idle(void *arg)
{
    struct http_request *request = arg;
    int64_t left = request->last_byte_ms + request->message.idle_ms - now_ms();
    if (left > 0) {
        loop_timer_start(request->idle, left);
        return;
    }
    struct http_reply reply = {
        .status = request->status, .body = request->body.text, .len = request->body.len};
    err_set(&reply.err,
            ERR_UNAVAILABLE,
            "%s: nothing received for %d s",
            request->http->host,
            request->message.idle_ms / 1000);
    snprintf(reply.err.reason, sizeof(reply.err.reason), "Timeout");
    request->message.done(request->message.arg, request, &reply);
    multi_drop(request->lane->multi, &request->transfer);
}

/* The empty line ends the headers of an answer; that of a 1xx is followed by another. */
static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct http_request *request = arg;
    size_t len = size * count;
    request->last_byte_ms = now_ms();
    bool end = len <= 2 && (line[0] == '\r' || line[0] == '\n');
    if (request->transfer.state != TRANSFER_RUNS || request->status || !end)
        return len;
    long status = 0;
    curl_easy_getinfo(request->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return len;
    request->status = (int)status;
    bool good = status < 300;
    request->body.max = good ? request->message.max_body : LIMIT_ERROR_BODY;
    if (request->message.on_start)
        request->message.on_start(request->message.arg, request, request->status);
    return len;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct http_request *request = arg;
    size_t len = size * count;
    request->last_byte_ms = now_ms();
    if (request->transfer.state != TRANSFER_RUNS)
        return CURL_WRITEFUNC_ERROR;
    if (request->status >= 300) {
        size_t room = request->body.max - request->body.len;
        strbuf_add(&request->body, data, len < room ? len : room);
        return len;
    }
    if (request->message.on_data) {
        request->message.on_data(request->message.arg, request, data, len);
        return len;
    }
    if (strbuf_add(&request->body, data, len) == 0)
        return len;
    request->too_large = true;
    return CURL_WRITEFUNC_ERROR;
}

static curl_socket_t open_socket(void *arg UNUSED, curlsocktype purpose UNUSED,
                                 struct curl_sockaddr *address)
{
    return tcp_open(address->family, address->socktype, address->protocol);
}

static int close_socket(void *arg, curl_socket_t fd)
{
    const struct http *http = arg;
    return http->abandoned ? tcp_reset(fd) : close(fd);
}

static int before_request(void *arg, char *ip UNUSED, char *local_ip UNUSED, int port UNUSED,
                          int local_port UNUSED)
{
    const struct http_message *message = arg;
    return message->may_send(message->arg) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* The lane's text outlives all its requests: no copy for each. */
static void set_blob(CURL *easy, CURLoption option, char *text)
{
    struct curl_blob blob = {.data = text, .flags = CURL_BLOB_NOCOPY};
    if (!text)
        return;
    blob.len = strlen(text);
    curl_easy_setopt(easy, option, &blob);
}

static void set_connection(CURL *easy, const struct http *http, const struct lane *lane)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancel does not wait for a slow resolver */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, http);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_S);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (http->http2) {
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    }
    if (http->insecure_skip_tls_verify) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    set_blob(easy, CURLOPT_CAINFO_BLOB, lane->ca);
    set_blob(easy, CURLOPT_SSLCERT_BLOB, lane->client_cert);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, lane->client_key);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (http->proxy) {
        curl_easy_setopt(easy, CURLOPT_PROXY, http->proxy);
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    }
    if (http->connect_to)
        curl_easy_setopt(easy, CURLOPT_CONNECT_TO, http->connect_to);
}

static void add_header(struct http_request *request, const char *line)
{
    struct curl_slist *list = curl_slist_append(request->headers, line);
    if (!list)
        abort();
    request->headers = list;
}

static void set_message(struct http_request *request, const struct http_message *message)
{
    CURL *easy = request->transfer.easy;
    AUTO_FREE char *url = xasprintf("%s%s", request->http->base, message->target);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, message->method);
    for (const char *const *line = message->headers; line && *line; line++)
        add_header(request, *line);
    if (request->http->host_header)
        add_header(request, request->http->host_header);
    if (message->body) {
        add_header(request, "Expect:"); /* no wait for "100 Continue" before a long body */
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)message->len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, message->body);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
    if (message->gzip)
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)message->total_ms);
    if (message->may_send) {
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, &request->message);
    }
}

struct http_request *http_send(struct http *http, const struct http_message *message)
{
    struct http_request *request = xcalloc(1, sizeof(*request));
    request->http = http;
    request->lane = http->lanes;
    request->lane->requests++;
    request->message = *message;
    request->message.method = request->message.target = NULL;
    request->message.headers = NULL;
    request->body = (struct strbuf)STRBUF_INIT(0);
    request->transfer =
        (struct transfer){.easy = curl_easy_init(), .done = on_done, .release = on_release};
    CURL *easy = request->transfer.easy;
    if (!easy)
        abort();
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->text);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    set_connection(easy, http, request->lane);
    set_message(request, message);
    if (message->idle_ms) {
        request->last_byte_ms = now_ms();
        request->idle = loop_timer_new(http->loop, on_idle, request);
        loop_timer_start(request->idle, message->idle_ms);
    }
    multi_add(request->lane->multi, &request->transfer);
    return request;
}

void http_cancel(struct http_request *request)
{
    loop_timer_free(TAKE(request->idle));
    multi_drop(request->lane->multi, &request->transfer);
}

const char *http_header(const struct http_request *request, const char *name, size_t index)
{
    struct curl_header *header = NULL;
    CURLHcode code =
        curl_easy_header(request->transfer.easy, name, index, CURLH_HEADER, -1, &header);
    return code == CURLHE_OK ? header->value : NULL;
}

static void lane_free(struct lane *lane)
{
    multi_free(lane->multi);
    free(lane->ca);
    free(lane->client_cert);
    mem_free_secret(lane->client_key);
    free(lane);
}

static void sweep_lanes(void *arg)
{
    struct http *http = arg;
    struct lane *lane = NULL;
    struct lane *next = NULL;
    DL_FOREACH_SAFE(http->lanes, lane, next)
    {
        if (lane == http->lanes || lane->requests)
            continue;
        DL_DELETE(http->lanes, lane);
        lane_free(lane);
    }
}

void http_set_identity(struct http *http, const struct http_identity *identity)
{
    struct lane *lane = xcalloc(1, sizeof(*lane));
    lane->multi = multi_new(http->loop, MAX_CONNECTIONS);
    lane->ca = xstrdup(identity->ca);
    lane->client_cert = xstrdup(identity->client_cert);
    lane->client_key = xstrdup(identity->client_key);
    DL_PREPEND(http->lanes, lane);
    loop_timer_start(http->sweep, 0);
}

void http_abandon(struct http *http)
{
    http->abandoned = true;
}

const char *http_host(const struct http *http)
{
    return http->host;
}

bool http_is_secure(const struct http *http)
{
    return http->secure;
}

/* Go's rule, which users of kubectl know: the proxies of the environment never see loopback. */
static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

static void auto_curl_free(char **text)
{
    curl_free(*text);
}

/*
 * libcurl verifies the name in the URL and sends it as SNI. To verify another one the URL gets
 * that name, CONNECT_TO leads to the server's address and the Host header names the server.
 */
static void set_server_name(struct http *http, const char *name, const char *host, const char *port)
{
    AUTO_FREE char *entry = xasprintf("%s:%s:%s:%s", name, port, host, port);
    http->connect_to = curl_slist_append(NULL, entry);
    if (!http->connect_to)
        abort();
    http->host_header = xasprintf("Host: %s", http->host);
}

static int set_server(struct http *http, CURLU *url, const struct http_options *options)
{
    AUTO(auto_curl_free) char *scheme = NULL;
    AUTO(auto_curl_free) char *host = NULL;
    AUTO(auto_curl_free) char *port = NULL;
    AUTO(auto_curl_free) char *path = NULL;
    if (curl_url_set(url, CURLUPART_URL, options->server, 0) ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) ||
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ||
        curl_url_get(url, CURLUPART_PATH, &path, 0))
        return -1;
    http->secure = strcmp(scheme, "https") == 0;
    if (!http->secure && strcmp(scheme, "http") != 0)
        return -1;
    size_t len = strlen(path);
    while (len && path[len - 1] == '/')
        path[--len] = '\0';
    const char *name = options->tls_server_name ? options->tls_server_name : host;
    http->host = xasprintf("%s:%s", host, port);
    http->base = xasprintf("%s://%s:%s%s", scheme, name, port, path);
    if (options->tls_server_name)
        set_server_name(http, name, host, port);
    if (options->proxy_url)
        /* socks5: means that the proxy resolves names, as in Go; libcurl calls that socks5h. */
        http->proxy = strncmp(options->proxy_url, "socks5://", 9) == 0
                          ? xasprintf("socks5h://%s", options->proxy_url + 9)
                          : xstrdup(options->proxy_url);
    else if (is_loopback(host))
        http->proxy = xstrdup("");
    return 0;
}

struct http *http_new(struct loop *loop, const struct http_options *options, struct err *err)
{
    struct http *http = xcalloc(1, sizeof(*http));
    *http = (struct http){.loop = loop,
                          .insecure_skip_tls_verify = options->insecure_skip_tls_verify,
                          .http2 = options->http2,
                          .connect_timeout_ms = options->connect_timeout_ms};
    http->sweep = loop_timer_new(loop, sweep_lanes, http);
    CURLU *url = curl_url();
    if (!url)
        abort();
    int result = set_server(http, url, options);
    curl_url_cleanup(url);
    if (result < 0) {
        err_set(err, ERR_INVALID, "not an https URL: %s", options->server);
        http_free(http);
        return NULL;
    }
    http_set_identity(http, &(const struct http_identity){.ca = NULL});
    return http;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    while (http->lanes) {
        struct lane *lane = http->lanes;
        assert(lane->requests == 0);
        DL_DELETE(http->lanes, lane);
        lane_free(lane);
    }
    loop_timer_free(http->sweep);
    curl_slist_free_all(http->connect_to);
    free(http->base);
    free(http->host);
    free(http->host_header);
    free(http->proxy);
    free(http);
}
