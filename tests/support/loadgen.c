/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loadgen [--kubeconfig FILE] [--inflight N] [--http2] REQUESTS
 *
 * The yardstick for the operator's writes per second: sends prepared server-side applies as fast as
 * the API server takes them, with N on their way at a time (default 32), and does nothing else.
 * REQUESTS has one JSON object a line, {"path": "/apis/…?fieldManager=…", "body": {…}}.
 * Prints one JSON line: requests, seconds, per_second, errors. Status 1 when there were errors.
 */
#include "base/file.h"
#include "base/limits.h"
#include "base/now.h"
#include "data/jx.h"
#include "kube/kubeconfig.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INFLIGHT 1000

struct request {
    char *url, *body;
};

struct load {
    struct kubeconfig config;
    struct request *requests;
    size_t count, next, finished, errors;
    struct curl_slist *headers;
    CURLM *multi;
    int inflight;
    bool http2;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void add_request(struct load *load, const char *line, size_t len, const char *file)
{
    struct err err;
    json_auto_t *json = jx_parse(line, len, &err);
    if (!json)
        die(file, err.msg);
    const char *path = jx_str(json, "path", NULL);
    const json_t *body = jx_object(json, "body");
    if (!path || !body)
        die(file, "a line without path or body");
    load->requests = xrealloc(load->requests, (load->count + 1) * sizeof(struct request));
    load->requests[load->count++] = (struct request){
        .url = xasprintf("%s%s", load->config.server, path), .body = jx_compact(body)};
}

static void read_requests(struct load *load, const char *file)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_LIST_BODY);
    struct err err;
    if (file_read(file, &text, &err) < 0)
        die("requests", err.msg);
    for (const char *line = text.text; *line;) {
        size_t len = strcspn(line, "\n");
        if (len > 0)
            add_request(load, line, len, file);
        line += len + (line[len] == '\n');
    }
}

static void add_header(struct load *load, const char *line)
{
    load->headers = curl_slist_append(load->headers, line);
}

static void make_headers(struct load *load)
{
    AUTO_STRBUF struct strbuf token = STRBUF_INIT(LIMIT_CREDENTIAL);
    struct err err;
    if (load->config.token_file && file_read(load->config.token_file, &token, &err) < 0)
        die("token", err.msg);
    if (load->config.token && token.len == 0)
        strbuf_adds(&token, load->config.token);
    token.text[strcspn(token.text, "\r\n")] = '\0';
    add_header(load, "Content-Type: application/apply-patch+yaml");
    add_header(load, "Accept: application/json");
    add_header(load, "Expect:");
    if (token.text[0]) {
        AUTO_FREE char *line = xasprintf("Authorization: Bearer %s", token.text);
        add_header(load, line);
    }
}

static size_t ignore_body(char *data UNUSED, size_t size, size_t count, void *arg UNUSED)
{
    return size * count;
}

static void set_blob(CURL *easy, CURLoption option, char *pem)
{
    if (!pem)
        return;
    struct curl_blob blob = {.data = pem, .len = strlen(pem), .flags = CURL_BLOB_NOCOPY};
    curl_easy_setopt(easy, option, &blob);
}

static CURL *make_handle(const struct load *load)
{
    const struct kubeconfig *config = &load->config;
    CURL *easy = curl_easy_init();
    if (!easy)
        die("libcurl", "no handle");
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PATCH");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, load->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "meshgateway-loadgen");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_body);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, load->http2 ? 1L : 0L);
    curl_easy_setopt(
        easy, CURLOPT_HTTP_VERSION, load->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
    if (config->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
    if (config->client_cert_file)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, config->client_cert_file);
    if (config->client_key_file)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, config->client_key_file);
    set_blob(easy, CURLOPT_CAINFO_BLOB, config->ca_data);
    set_blob(easy, CURLOPT_SSLCERT_BLOB, config->client_cert_data);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, config->client_key_data);
    if (config->insecure_skip_tls_verify) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return easy;
}

/* Sends the next request on the handle, which is not on its way. */
static void send_next(struct load *load, CURL *easy)
{
    const struct request *request = &load->requests[load->next++];
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    curl_multi_add_handle(load->multi, easy);
}

static void take_result(struct load *load, CURL *easy, CURLcode code)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    load->finished++;
    if (code == CURLE_OK && status / 100 == 2)
        return;
    if (load->errors++ == 0)
        fprintf(stderr, "loadgen: first error: %s, status %ld\n", curl_easy_strerror(code), status);
}

static void send_all(struct load *load)
{
    CURL *handles[MAX_INFLIGHT];
    int used = 0;
    for (; used < load->inflight && load->next < load->count; used++) {
        handles[used] = make_handle(load);
        send_next(load, handles[used]);
    }
    while (load->finished < load->count) {
        int running, queued;
        curl_multi_perform(load->multi, &running);
        CURLMsg *message;
        while ((message = curl_multi_info_read(load->multi, &queued))) {
            CURL *easy = message->easy_handle;
            CURLcode code = message->data.result;
            curl_multi_remove_handle(load->multi, easy);
            take_result(load, easy, code);
            if (load->next < load->count)
                send_next(load, easy);
        }
        if (load->finished < load->count)
            curl_multi_poll(load->multi, NULL, 0, 1000, NULL);
    }
    for (int i = 0; i < used; i++)
        curl_easy_cleanup(handles[i]);
}

static void read_options(struct load *load, int argc, char **argv)
{
    static const struct option options[] = {
        {"kubeconfig", required_argument, NULL, 'k'},
        {"inflight", required_argument, NULL, 'n'},
        {"http2", no_argument, NULL, '2'},
        {.name = NULL},
    };
    struct kubeconfig_source source = {.env = getenv("KUBECONFIG"), .home = getenv("HOME")};
    load->inflight = 32;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'k')
            source.path = optarg;
        else if (option == 'n')
            load->inflight = (int)strtol(optarg, NULL, 10);
        else if (option == '2')
            load->http2 = true;
        else
            exit(2);
    }
    if (optind + 1 != argc || load->inflight < 1 || load->inflight > MAX_INFLIGHT) {
        fprintf(stderr, "usage: loadgen [--kubeconfig FILE] [--inflight N] [--http2] REQUESTS\n");
        exit(2);
    }
    struct err err;
    if (kubeconfig_load(&source, &load->config, &err) < 0)
        die("kubeconfig", err.msg);
    read_requests(load, argv[optind]);
}

static void load_done(struct load *load)
{
    curl_multi_cleanup(load->multi);
    curl_slist_free_all(load->headers);
    for (size_t i = 0; i < load->count; i++) {
        free(load->requests[i].url);
        free(load->requests[i].body);
    }
    free(load->requests);
    kubeconfig_done(&load->config);
}

int main(int argc, char **argv)
{
    AUTO(load_done) struct load load = {.count = 0};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    read_options(&load, argc, argv);
    make_headers(&load);
    load.multi = curl_multi_init();
    curl_multi_setopt(load.multi, CURLMOPT_MAXCONNECTS, (long)load.inflight);
    int64_t start = now_us();
    send_all(&load);
    double seconds = (double)(now_us() - start) / 1e6;
    printf("{\"requests\": %zu, \"seconds\": %.3f, \"per_second\": %.1f, \"errors\": %zu}\n",
           load.count,
           seconds,
           (double)load.count / seconds,
           load.errors);
    return load.errors ? EXIT_FAILURE : EXIT_SUCCESS;
}
