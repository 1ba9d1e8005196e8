/* SPDX-License-Identifier: Apache-2.0 */
#include "data/server.h"

#include "base/strbuf.h"
#include "data/jx.h"
#include "data/rules_ports.h"
#include "data/shape.h"

#include <string.h>

#define HTTP_PORT  80
#define HTTPS_PORT 443

static const struct {
    const char *path;
    enum shape shape;
} fields[] = {
    {"name", SHAPE_STRING},
    {"hosts", SHAPE_STRINGS},
    {"httpPort", SHAPE_COUNT_OR_STRING},
    {"httpsPort", SHAPE_COUNT_OR_STRING},
    {"httpsRedirect", SHAPE_BOOL},
    {"tls", SHAPE_OBJECT},
    {"tls.mode", SHAPE_STRING},
    {"tls.credentialName", SHAPE_STRING},
    {"tls.minProtocolVersion", SHAPE_STRING},
    {"tls.maxProtocolVersion", SHAPE_STRING},
    {"tls.cipherSuites", SHAPE_STRINGS},
    {"tls.subjectAltNames", SHAPE_STRINGS},
    {"tls.certificate", SHAPE_OBJECT},
    {"tls.certificate.secretName", SHAPE_STRING},
    {"tls.certificate.issuerRef", SHAPE_OBJECT},
    {"tls.certificate.dnsNames", SHAPE_STRINGS},
    {"tls.certificate.privateKey", SHAPE_OBJECT},
    {"tls.certificate.usages", SHAPE_STRINGS},
};

static const char *const acme_directories[][2] = {
    {"letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"},
    {"letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"},
};

static json_t *fold_one(const json_t *server, const char *path, struct problems *problems)
{
    if (!shape_expect(json_is_object(server), problems, path, "", "must be an object"))
        return NULL;
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const json_t *value = jx_get(server, fields[i].path);
        AUTO_FREE char *full = xasprintf("%s.%s", path, fields[i].path);
        ok &= jx_empty(value) || shape_check(value, fields[i].shape, full, problems);
    }
    ok &= shape_expect(
        !jx_empty(jx_array(server, "hosts")), problems, path, ".hosts", "must name a host");
    json_auto_t *copy = json_deep_copy(server);
    jx_drop_nulls(copy);
    return ok ? TAKE(copy) : NULL;
}

json_t *server_fold(const json_t *servers, struct problems *problems)
{
    json_t *folded = json_array();
    if (jx_empty(servers) ||
        !shape_expect(json_is_array(servers), problems, "servers", "", "must be a list"))
        return folded;
    size_t i;
    json_t *server;
    json_array_foreach (servers, i, server) {
        AUTO_FREE char *path = xasprintf("servers[%zu]", i);
        json_t *one = fold_one(server, path, problems);
        if (one)
            json_array_append_new(folded, one);
    }
    return folded;
}

const char *server_bare(const char *host)
{
    const char *slash = strchr(host, '/');
    return slash ? slash + 1 : host;
}

bool server_is_wildcard(const char *bare)
{
    return bare[0] == '*';
}

const char *server_parent(const char *bare)
{
    if (bare[0] == '*')
        bare++;
    if (bare[0] == '.')
        bare++;
    return bare[0] ? bare + strcspn(bare, ".") : NULL;
}

bool server_covers(const char *wildcard, const char *bare)
{
    if (!server_is_wildcard(wildcard))
        return false;
    const char *suffix = wildcard + 1; /* "" or ".example.com" */
    size_t len = strlen(bare), suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(bare + len - suffix_len, suffix) == 0 &&
           strcmp(wildcard, bare) != 0;
}

bool server_is_ip(const char *name)
{
    return rules_ports_is_ip(name);
}

static bool is_passed_through(const char *mode)
{
    return strcmp(mode, "PASSTHROUGH") == 0 || strcmp(mode, "AUTO_PASSTHROUGH") == 0;
}

bool server_passes_tls(const struct server *server)
{
    return is_passed_through(server->mode);
}

static bool is_listed(const json_t *names, const char *name)
{
    size_t i;
    const json_t *each;
    json_array_foreach (names, i, each)
        if (strcmp(json_string_value(each), name) == 0)
            return true;
    return false;
}

enum server_http server_http(const struct server *server, const char *host)
{
    const char *bare = server_bare(host);
    if (!server->redirect)
        return SERVER_HTTP_SERVE;
    if (server_is_wildcard(bare))
        return SERVER_HTTP_REDIRECT;
    /* The server's own redirect keeps the port of the request, which then is the wrong one. */
    bool usual = server->http_port == HTTP_PORT && server->https_port == HTTPS_PORT;
    return !usual || is_listed(jx_array(server->certificate, "dnsNames"), bare)
               ? SERVER_HTTP_REDIRECT_ROUTE
               : SERVER_HTTP_REDIRECT;
}

/* Number of the TCP port that `wanted` names by number or name, or else of the usual one; 0: none.
 */
static json_int_t port_number(const json_t *ports, const json_t *wanted, const char *const *names,
                              json_int_t usual)
{
    json_int_t found = 0;
    size_t i;
    const json_t *port;
    json_array_foreach (ports, i, port) {
        json_int_t number = jx_int(port, "port", 0);
        const char *name = jx_str(port, "name", "");
        if (strcmp(jx_str(port, "protocol", ""), "TCP") != 0)
            continue;
        if (!jx_empty(wanted)) {
            if (json_equal(jx_get(port, "port"), wanted) ||
                json_equal(jx_get(port, "name"), wanted))
                return number;
            continue;
        }
        for (size_t k = 0; names[k]; k++)
            if (strcmp(name, names[k]) == 0)
                return number;
        if (number == usual)
            found = number;
    }
    return found;
}

static void set_port(json_t *server, const char *key, json_int_t number)
{
    if (number > 0)
        json_object_set_new(server, key, INT(number));
    else
        json_object_del(server, key);
}

/*
 * A host that is passed through is encrypted end to end, so it is served by HTTP only when the
 * spec says so.
 */
static void default_ports(json_t *server, const json_t *ports)
{
    static const char *const http_names[] = {"http", "http2", NULL};
    static const char *const https_names[] = {"https", NULL};
    const json_t *wanted = jx_get(server, "httpPort");
    bool tls = jx_object(server, "tls") != NULL;
    bool passed = is_passed_through(jx_str(server, "tls.mode", ""));
    bool redirect = jx_bool(server, "httpsRedirect", tls && !passed);
    bool http = !passed || redirect || !jx_empty(wanted);
    json_int_t http_port = http ? port_number(ports, wanted, http_names, HTTP_PORT) : 0;
    json_int_t https_port =
        tls ? port_number(ports, jx_get(server, "httpsPort"), https_names, HTTPS_PORT) : 0;
    set_port(server, "httpPort", http_port);
    set_port(server, "httpsPort", https_port);
    json_object_set_new(server, "httpsRedirect", BOOL(redirect && http_port > 0 && https_port > 0));
}

static json_t *text_or(const json_t *object, const char *path, const char *otherwise)
{
    const char *text = jx_str(object, path, "");
    return STR(text[0] ? text : otherwise);
}

static json_t *issuer_ref(const json_t *certificate, const json_t *acme, const char *gateway)
{
    const json_t *ref = jx_object(certificate, "issuerRef");
    if (!ref)
        ref = jx_object(acme, "issuerRef");
    AUTO_FREE char *own = xasprintf("%s-acme", gateway);
    return OBJ(F("group", text_or(ref, "group", SERVER_CERT_MANAGER)),
               F("kind", text_or(ref, "kind", "Issuer")),
               F("name", text_or(ref, "name", own)));
}

/* ECDSA: smaller and faster than RSA, and every client that speaks TLS 1.2 knows it. */
static json_t *private_key(const json_t *given)
{
    json_t *key = OBJ(F("algorithm", text_or(given, "algorithm", "ECDSA")),
                      FOPT("encoding", text_or(given, "encoding", NULL)),
                      F("rotationPolicy", text_or(given, "rotationPolicy", "Always")));
    json_int_t size = jx_int(given, "size", 0);
    if (size == 0 && strcmp(jx_str(key, "algorithm", ""), "ECDSA") == 0)
        size = 256;
    if (size > 0)
        json_object_set_new(key, "size", INT(size));
    return key;
}

/* RSA keys also encrypt session keys for clients that know no better than TLS 1.2 without ECDHE. */
static json_t *usages(const json_t *private_key)
{
    json_t *list = ARR(STR("digital signature"), STR("server auth"));
    if (strcmp(jx_str(private_key, "algorithm", ""), "RSA") == 0)
        json_array_append_new(list, STR("key encipherment"));
    return list;
}

/* The names that the certificate holds: those given, or else the hosts. */
static void set_names(json_t *certificate, const json_t *server)
{
    json_auto_t *given = json_incref(jx_array(certificate, "dnsNames"));
    const json_t *names = jx_empty(given) ? jx_array(server, "hosts") : given;
    json_auto_t *dns = json_array();
    json_auto_t *ips = json_array();
    size_t i;
    const json_t *each;
    json_array_foreach (names, i, each) {
        const char *name = server_bare(json_string_value(each));
        json_t *list = server_is_ip(name) ? ips : dns;
        if (!is_listed(list, name))
            json_array_append_new(list, STR(name));
    }
    json_object_del(certificate, "dnsNames");
    if (!jx_empty(dns))
        json_object_set(certificate, "dnsNames", dns);
    if (!jx_empty(ips))
        json_object_set(certificate, "ipAddresses", ips);
}

static void drop_unset(json_t *object)
{
    void *next;
    const char *key;
    json_t *value;
    json_object_foreach_safe(object, next, key, value)
    {
        if (jx_empty(value))
            json_object_del(object, key);
    }
}

static void default_certificate(json_t *certificate, json_t *server, const json_t *acme,
                                const char *gateway)
{
    AUTO_FREE char *name = xasprintf("%s-%s", gateway, jx_str(server, "name", ""));
    AUTO_FREE char *secret = xasprintf("%s-tls", name);
    drop_unset(certificate);
    bool own = !jx_object(certificate, "issuerRef") && !jx_object(acme, "issuerRef");
    json_object_set_new(server, "ownIssuer", BOOL(own));
    json_object_set_new(certificate, "name", STR(name));
    json_object_set_new(certificate, "secretName", text_or(certificate, "secretName", secret));
    json_object_set_new(certificate, "issuerRef", issuer_ref(certificate, acme, gateway));
    json_object_set_new(
        certificate, "privateKey", private_key(jx_object(certificate, "privateKey")));
    if (!jx_get(certificate, "usages"))
        json_object_set_new(certificate, "usages", usages(jx_object(certificate, "privateKey")));
    if (!jx_get(certificate, "revisionHistoryLimit"))
        json_object_set_new(certificate, "revisionHistoryLimit", INT(1));
    set_names(certificate, server);
}

static void default_tls(json_t *server, const json_t *acme, const char *gateway)
{
    json_t *tls = jx_object(server, "tls");
    json_t *certificate = jx_object(tls, "certificate");
    json_object_set_new(tls, "mode", text_or(tls, "mode", "SIMPLE"));
    if (certificate) {
        default_certificate(certificate, server, acme, gateway);
        json_object_set(tls, "credentialName", jx_get(certificate, "secretName"));
        json_object_set(server, "certificate", certificate);
        json_object_del(tls, "certificate");
    }
    drop_unset(tls);
}

static json_t *one_line(const char *text)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT(strlen(text) + 1);
    for (; *text; text++)
        if (*text != '\n')
            strbuf_addf(&line, "%c", *text);
    return STR(line.text);
}

static void default_acme(json_t *acme, const char *gateway)
{
    const char *server = jx_str(acme, "server", "");
    if (server[0] == '\0')
        return;
    for (size_t i = 0; i < ARRAY_LEN(acme_directories); i++)
        if (strcmp(server, acme_directories[i][0]) == 0) {
            json_object_set_new(acme, "server", STR(acme_directories[i][1]));
            break;
        }
    if (jx_get(acme, "caBundle"))
        json_object_set_new(acme, "caBundle", one_line(jx_str(acme, "caBundle", "")));
    AUTO_FREE char *account = xasprintf("%s-acme-account", gateway);
    json_object_set_new(
        acme, "privateKeySecretName", text_or(acme, "privateKeySecretName", account));
}

void server_defaults(json_t *spec, const char *gateway)
{
    json_t *acme = jx_object(spec, "acme");
    default_acme(acme, gateway);
    size_t i;
    json_t *server;
    json_array_foreach (jx_array(spec, "servers"), i, server) {
        AUTO_FREE char *name = xasprintf("server-%zu", i);
        json_object_set_new(server, "name", text_or(server, "name", name));
        default_ports(server, jx_array(spec, "ports"));
        if (jx_object(server, "tls"))
            default_tls(server, acme, gateway);
    }
}

struct server *server_read(const json_t *spec, size_t *ret_count)
{
    const json_t *servers = jx_array(spec, "servers");
    *ret_count = json_array_size(servers);
    struct server *list = xcalloc(*ret_count + 1, sizeof(*list)); /* never NULL, nor of no size */
    size_t i;
    const json_t *server;
    json_array_foreach (servers, i, server)
        list[i] = (struct server){
            .name = jx_str(server, "name", ""),
            .hosts = jx_array(server, "hosts"),
            .http_port = jx_int(server, "httpPort", 0),
            .https_port = jx_int(server, "httpsPort", 0),
            .redirect = jx_bool(server, "httpsRedirect", false),
            .tls = jx_object(server, "tls"),
            .mode = jx_str(server, "tls.mode", ""),
            .credential = jx_str(server, "tls.credentialName", ""),
            .certificate = jx_object(server, "certificate"),
            .own_issuer = jx_bool(server, "ownIssuer", false),
            .certificate_name = jx_str(server, "certificate.name", ""),
        };
    return list;
}
