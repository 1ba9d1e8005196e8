/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/securemetrics.h"

#include "base/log.h"
#include "kube/reviews.h"
#include "net/httpd.h"
#include "net/servercert.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct securemetrics {
    struct servercert *cert;
    struct reviews *reviews;
    char *cert_file, *key_file;
    bool failing; /* reviews; told once */
};

static void on_changed(void *arg, const struct err *err)
{
    const struct securemetrics *secure = arg;
    if (err)
        LOG_WARN("the certificate of the metrics cannot be used, the one before stays",
                 LS("err", err->msg));
    else
        LOG_INFO("the certificate of the metrics was read again", LS("file", secure->cert_file));
}

/* Borrowed from the header; NULL when there is none. */
static const char *bearer_token(const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (!authorization || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return NULL;
    const char *token = authorization + sizeof(scheme) - 1;
    token += strspn(token, " ");
    return *token ? token : NULL;
}

/* A call alone is what a review gives back. */
struct pending {
    struct securemetrics *secure;
    struct httpd_call *call;
};

static void on_verdict(void *arg, enum reviews_verdict verdict, const struct err *err)
{
    struct pending pending = *(struct pending *)arg;
    free(arg);
    bool failed = verdict == REVIEWS_FAILED;
    if (failed && !pending.secure->failing)
        LOG_WARN("whether metrics may be read cannot be found out", LS("err", err->msg));
    pending.secure->failing = failed;
    switch (verdict) {
    case REVIEWS_ALLOWED:
        httpd_serve(pending.call);
        return;
    case REVIEWS_UNKNOWN:
        httpd_refuse(pending.call, 401, "the API server does not know this token");
        return;
    case REVIEWS_FORBIDDEN:
        httpd_refuse(pending.call, 403, "the owner of this token may not get this path");
        return;
    case REVIEWS_FAILED:
        httpd_refuse(pending.call, 500, "the API server cannot be asked about this token");
        return;
    }
}

static void gate(void *arg, const struct httpd_request *request, struct httpd_call *call)
{
    struct securemetrics *secure = arg;
    const char *token = bearer_token(request->authorization);
    if (!token) {
        httpd_refuse(call, 401, "a bearer token is needed");
        return;
    }
    struct pending *pending = xcalloc(1, sizeof(*pending));
    *pending = (struct pending){.secure = secure, .call = call};
    reviews_ask(secure->reviews, token, request->path, on_verdict, pending);
}

struct securemetrics *securemetrics_new(struct kube *kube, const char *cert_path,
                                        const char *cert_name, const char *cert_key,
                                        struct err *err)
{
    struct securemetrics *secure = xcalloc(1, sizeof(*secure));
    struct servercert_options options = {.changed = on_changed, .arg = secure};
    if (cert_path) {
        options.cert = secure->cert_file = xasprintf("%s/%s", cert_path, cert_name);
        options.key = secure->key_file = xasprintf("%s/%s", cert_path, cert_key);
    }
    secure->reviews = reviews_new(kube);
    secure->cert = servercert_new(&options, err);
    if (secure->cert)
        return secure;
    securemetrics_stop(secure);
    securemetrics_free(secure);
    return NULL;
}

void securemetrics_apply(struct securemetrics *secure, struct httpd_options *options)
{
    options->cert = secure->cert;
    options->gate = gate;
    options->gate_arg = secure;
}

void securemetrics_stop(struct securemetrics *secure)
{
    if (secure)
        reviews_free(TAKE(secure->reviews));
}

void securemetrics_free(struct securemetrics *secure)
{
    if (!secure)
        return;
    servercert_free(secure->cert);
    free(secure->cert_file);
    free(secure->key_file);
    free(secure);
}
