/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/apistatus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is shown of a body that is not JSON; client-go cuts there too. */
#define TEXT_SHOWN 2048
/* Longer waits than this are not believed. */
#define RETRY_MAX_S 600

static enum err_kind kind_of_code(int http)
{
    switch (http) {
    case 400:
    case 405:
    case 406:
    case 413:
    case 415:
    case 422:
        return ERR_INVALID;
    case 401:
    case 402:
    case 403:
        return ERR_DENIED;
    case 404:
        return ERR_NOT_FOUND;
    case 409:
    case 412:
        return ERR_CONFLICT;
    case 410:
        return ERR_GONE;
    case 429:
        return ERR_THROTTLED;
    default:
        /* 408 and the 5xx pass; a redirect or another 4xx means that we asked wrongly. */
        return http == 408 || http >= 500 ? ERR_UNAVAILABLE : ERR_INTERNAL;
    }
}

/*
 * kube-apiserver reports a body that server-side apply cannot merge (unknown field, duplicate list
 * key) as 500 without a reason: structured-merge-diff's errors are not API errors. It is as
 * permanent as a 422.
 */
static bool is_merge_failure(int http, const char *message)
{
    return http == 500 && (strstr(message, "failed to create typed patch object") ||
                           strstr(message, "duplicate entries for key") ||
                           strstr(message, "field not declared in schema"));
}

/* The cause when it tells the caller more than the Status' own reason. */
static const char *specific_reason(const json_t *status)
{
    static const char *const known[] = {
        "NamespaceTerminating", "FieldManagerConflict", "ResourceVersionTooLarge"};
    size_t i;
    json_t *cause;
    json_array_foreach (jx_array(status, "details.causes"), i, cause) {
        const char *reason = jx_str(cause, "reason", "");
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            if (strcmp(reason, known[k]) == 0)
                return reason;
    }
    return jx_str(status, "reason", "");
}

static void set_retry(struct err *err, json_int_t seconds)
{
    if (seconds > 0)
        err->retry_ms = (int)(seconds < RETRY_MAX_S ? seconds : RETRY_MAX_S) * 1000;
}

static void set_object_error(const json_t *status, int http, struct err *err)
{
    const char *message = jx_str(status, "message", "");
    const char *reason = specific_reason(status);
    if (message[0] == '\0')
        message = reason[0] ? reason : "no message";
    enum err_kind kind = kind_of_code(http);
    /* A watch of an old server says only the reason. */
    if (strcmp(reason, "Expired") == 0 || strcmp(reason, "Gone") == 0)
        kind = ERR_GONE;
    else if (is_merge_failure(http, message))
        kind = ERR_INVALID;
    err_set(err, kind, "%s", message);
    err->http = http;
    snprintf(err->reason, sizeof(err->reason), "%s", reason);
    set_retry(err, jx_int(status, "details.retryAfterSeconds", 0));
}

static void set_text_error(const struct apistatus_answer *answer, struct err *err)
{
    size_t len = answer->len < TEXT_SHOWN ? answer->len : TEXT_SHOWN;
    AUTO_FREE char *text = xstrndup(answer->body, len);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    for (size_t end = strlen(text); end > 0 && text[end - 1] == ' '; end--)
        text[end - 1] = '\0';
    enum err_kind kind = kind_of_code(answer->http);
    err_set(err, kind, "HTTP %d%s%s", answer->http, text[0] ? ": " : "", text);
    err->http = answer->http;
    /* The API server's mux answers so when no group, version or resource has the path. */
    if (answer->http == 404)
        snprintf(err->reason, sizeof(err->reason), APISTATUS_NOT_SERVED);
}

bool apistatus_is_json(const char *content_type)
{
    static const char json[] = "application/json";
    if (!content_type)
        return true;
    if (strncasecmp(content_type, json, sizeof(json) - 1) != 0)
        return false;
    char after = content_type[sizeof(json) - 1];
    return after == '\0' || after == ';' || after == ' ';
}

int apistatus_set_error(const struct apistatus_answer *answer, struct err *err)
{
    json_auto_t *status = NULL;
    if (apistatus_is_json(answer->content_type))
        status = jx_parse(answer->body, answer->len, NULL);
    if (status && strcmp(jx_str(status, "kind", ""), "Status") == 0)
        set_object_error(status, answer->http, err);
    else
        set_text_error(answer, err);
    /* The date form of Retry-After (RFC 9110) is not used by API servers and ignored. */
    char *end = NULL;
    if (answer->retry_after) {
        long seconds = strtol(answer->retry_after, &end, 10);
        if (end != answer->retry_after && *end == '\0')
            set_retry(err, seconds);
    }
    if (err->kind == ERR_THROTTLED && err->retry_ms == 0)
        err->retry_ms = 1000;
    return -1;
}

int apistatus_set_object_error(const json_t *status, struct err *err)
{
    json_int_t code = jx_int(status, "code", 0);
    set_object_error(status, code >= 400 && code < 600 ? (int)code : 500, err);
    if (err->kind == ERR_THROTTLED && err->retry_ms == 0)
        err->retry_ms = 1000;
    return -1;
}
