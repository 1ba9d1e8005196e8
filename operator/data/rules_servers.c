/* SPDX-License-Identifier: Apache-2.0 */
#include "data/rules_servers.h"

#include "data/jx.h"
#include "data/rules_ports.h"

#include <stdbool.h>
#include <string.h>

#define CERTIFICATE_NAMES_MAX 100

static bool is_set(const json_t *object, const char *path)
{
    return !jx_empty(jx_get(object, path));
}

static bool has(const json_t *object, const char *path)
{
    return jx_get(object, path) != NULL;
}

static bool is_tcp(const json_t *port)
{
    const char *protocol = jx_str(port, "protocol", "");
    return protocol[0] == '\0' || strcmp(protocol, "TCP") == 0;
}

static bool any_port(const json_t *spec, const json_t *wanted)
{
    size_t i;
    const json_t *port;
    json_array_foreach (jx_array(spec, "ports"), i, port)
        if (is_tcp(port) &&
            (json_equal(jx_get(port, "port"), wanted) || json_equal(jx_get(port, "name"), wanted)))
            return true;
    return false;
}

static bool usual_port(const json_t *spec, const char *name, const char *other_name, int number)
{
    size_t i;
    const json_t *port;
    json_array_foreach (jx_array(spec, "ports"), i, port) {
        const char *its_name = jx_str(port, "name", "");
        if (is_tcp(port) && (jx_int(port, "port", 0) == number || strcmp(its_name, name) == 0 ||
                             strcmp(its_name, other_name) == 0))
            return true;
    }
    return false;
}

static bool http_found(const json_t *spec, const json_t *server)
{
    if (is_set(server, "httpPort"))
        return any_port(spec, jx_get(server, "httpPort"));
    return usual_port(spec, "http", "http2", 80);
}

static bool https_found(const json_t *spec, const json_t *server)
{
    if (is_set(server, "httpsPort"))
        return any_port(spec, jx_get(server, "httpsPort"));
    return usual_port(spec, "https", "https", 443);
}

static bool is_wildcard(const char *host)
{
    return strcmp(host, "*") == 0 || strncmp(host, "*.", 2) == 0 || strstr(host, "/*");
}

/* Whether a certificate for this server would hold a wildcard. */
static bool wants_wildcard(const json_t *server)
{
    const json_t *names = jx_array(server, "tls.certificate.dnsNames");
    const json_t *list = jx_empty(names) ? jx_array(server, "hosts") : names;
    size_t i;
    const json_t *each;
    json_array_foreach (list, i, each) {
        const char *name = json_string_value(each);
        if (name && (list == names ? name[0] == '*' : is_wildcard(name)))
            return true;
    }
    return false;
}

static bool needs_own_issuer(const json_t *spec, const json_t *server)
{
    return has(server, "tls.certificate") && !has(server, "tls.certificate.issuerRef") &&
           !has(spec, "acme.issuerRef");
}

static bool https_missing(const json_t *spec, const json_t *server)
{
    return has(server, "tls") && !https_found(spec, server);
}

static bool http_wrong(const json_t *spec, const json_t *server)
{
    return is_set(server, "httpPort") && !http_found(spec, server);
}

static bool http_missing(const json_t *spec, const json_t *server)
{
    return !has(server, "tls") && !http_found(spec, server);
}

static bool redirect_from_nowhere(const json_t *spec, const json_t *server)
{
    return jx_bool(server, "httpsRedirect", false) && !http_found(spec, server);
}

static bool issuer_missing(const json_t *spec, const json_t *server)
{
    return needs_own_issuer(spec, server) && !is_set(spec, "acme.server");
}

static bool wildcard_unproven(const json_t *spec, const json_t *server)
{
    return needs_own_issuer(spec, server) && wants_wildcard(server);
}

static bool too_many_names(const json_t *spec UNUSED, const json_t *server)
{
    return has(server, "tls.certificate") && !is_set(server, "tls.certificate.dnsNames") &&
           json_array_size(jx_get(server, "hosts")) > CERTIFICATE_NAMES_MAX;
}

/* Rules of spec over all servers: one message, whichever server breaks it. */
static const struct {
    bool (*broken)(const json_t *spec, const json_t *server);
    const char *message;
} rules[] = {
    {https_missing,
     "a server with tls needs an HTTPS port: a port named https or with number 443, or httpsPort "
     "set to one of ports"},
    {http_wrong, "httpPort must be the name or number of one of ports, with protocol TCP"},
    {redirect_from_nowhere,
     "httpsRedirect needs an HTTP port: a port named http or http2 or with number 80, or httpPort "
     "set to one of ports"},
    {http_missing,
     "a server without tls needs an HTTP port: a port named http or http2 or with number 80, or "
     "httpPort set to one of ports"},
    {issuer_missing, "tls.certificate needs an issuer: set acme, or tls.certificate.issuerRef"},
    {wildcard_unproven,
     "a wildcard host cannot be proven by HTTP-01: set tls.certificate.issuerRef or "
     "acme.issuerRef to an issuer that uses DNS-01, or credentialName"},
    {too_many_names, "a certificate holds at most 100 names: use several servers"},
};

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

static void check_versions(const json_t *tls, const struct fieldpath *path,
                           struct problems *problems)
{
    const char *min = jx_str(tls, "minProtocolVersion", "");
    const char *max = jx_str(tls, "maxProtocolVersion", "");
    /* The names sort as the versions do. */
    if (strncmp(min, "TLSV", 4) == 0 && strncmp(max, "TLSV", 4) == 0 && strcmp(min, max) > 0)
        fieldpath_problem(FIELD(path, "minProtocolVersion"),
                          problems,
                          "minProtocolVersion must not be above maxProtocolVersion");
}

static void check_effects(const json_t *tls, const char *mode, const struct fieldpath *path,
                          struct problems *problems)
{
    static const char *const passing[] = {"PASSTHROUGH", "AUTO_PASSTHROUGH", NULL};
    static const char *const mutual[] = {"MUTUAL", "OPTIONAL_MUTUAL", "ISTIO_MUTUAL", NULL};
    if (is_one_of(mode, passing) &&
        (is_set(tls, "minProtocolVersion") || is_set(tls, "maxProtocolVersion") ||
         is_set(tls, "cipherSuites")))
        fieldpath_problem(path,
                          problems,
                          "minProtocolVersion, maxProtocolVersion and cipherSuites have no effect "
                          "with modes PASSTHROUGH and AUTO_PASSTHROUGH");
    if (is_set(tls, "subjectAltNames") && !is_one_of(mode, mutual))
        fieldpath_problem(FIELD(path, "subjectAltNames"),
                          problems,
                          "subjectAltNames needs a mode with certificates of clients: MUTUAL, "
                          "OPTIONAL_MUTUAL or ISTIO_MUTUAL");
    check_versions(tls, path, problems);
}

static void check_certificate(const json_t *certificate, const struct fieldpath *path,
                              struct problems *problems)
{
    if (is_set(certificate, "renewBefore") && has(certificate, "renewBeforePercentage"))
        fieldpath_problem(path, problems, "set renewBefore or renewBeforePercentage, not both");
    size_t i;
    const json_t *each;
    json_array_foreach (jx_array(certificate, "dnsNames"), i, each)
        if (json_is_string(each) && strchr(json_string_value(each), ':') &&
            !rules_ports_is_ip(json_string_value(each)))
            fieldpath_problem(
                FIELD(path, "dnsNames"), problems, "a name with a colon must be an IPv6 address");
}

static void check_tls(const json_t *tls, const struct fieldpath *path, struct problems *problems)
{
    static const char *const elsewhere[] = {
        "PASSTHROUGH", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", NULL};
    const char *mode = jx_str(tls, "mode", "");
    bool ends_elsewhere = is_one_of(mode, elsewhere);
    bool credential = is_set(tls, "credentialName");
    bool certificate = has(tls, "certificate");
    if (credential && certificate)
        fieldpath_problem(path, problems, "set credentialName or certificate, not both");
    if (ends_elsewhere && (credential || certificate))
        fieldpath_problem(path,
                          problems,
                          "credentialName and certificate have no effect with modes PASSTHROUGH, "
                          "AUTO_PASSTHROUGH and ISTIO_MUTUAL");
    if (!ends_elsewhere && !credential && !certificate)
        fieldpath_problem(path, problems, "set credentialName or certificate: this mode needs one");
    check_effects(tls, mode, path, problems);
    check_certificate(jx_object(tls, "certificate"), FIELD(path, "certificate"), problems);
}

static bool certifies_everything(const json_t *server)
{
    size_t i;
    const json_t *each;
    if (!has(server, "tls.certificate") || is_set(server, "tls.certificate.dnsNames"))
        return false;
    json_array_foreach (jx_array(server, "hosts"), i, each) {
        const char *host = json_string_value(each);
        const char *slash = host ? strrchr(host, '/') : NULL;
        if (host && strcmp(slash ? slash + 1 : host, "*") == 0)
            return true;
    }
    return false;
}

/* "server-1" beside a server without a name, whose name may become the same. */
static bool is_name_taken(const json_t *servers)
{
    bool unnamed = false, taken = false;
    size_t i;
    const json_t *server;
    json_array_foreach (servers, i, server) {
        const char *name = jx_str(server, "name", "");
        size_t prefix = strlen("server-");
        unnamed = unnamed || name[0] == '\0';
        taken = taken || (strncmp(name, "server-", prefix) == 0 && name[prefix] &&
                          name[prefix + strspn(name + prefix, "0123456789")] == '\0');
    }
    return unnamed && taken;
}

static bool is_name_twice(const json_t *servers, size_t index)
{
    const char *name = jx_str(json_array_get(servers, index), "name", "");
    for (size_t i = 0; i < index && name[0] != '\0'; i++)
        if (strcmp(jx_str(json_array_get(servers, i), "name", ""), name) == 0)
            return true;
    return false;
}

static void check_servers(const json_t *spec, const struct fieldpath *path,
                          struct problems *problems)
{
    const json_t *servers = jx_array(spec, "servers");
    size_t i;
    const json_t *server;
    if (is_name_taken(servers))
        fieldpath_problem(path,
                          problems,
                          "server-<number> is what servers without a name are called: name all of "
                          "them, or choose another name");
    json_array_foreach (servers, i, server) {
        const struct fieldpath *here = ELEMENT(path, i);
        if (jx_bool(server, "httpsRedirect", false) && !has(server, "tls"))
            fieldpath_problem(FIELD(here, "httpsRedirect"), problems, "httpsRedirect needs tls");
        if (certifies_everything(server))
            fieldpath_problem(
                FIELD(here, "hosts"),
                problems,
                "no certificate is for host *: list its names in tls.certificate.dnsNames");
        if (jx_object(server, "tls"))
            check_tls(jx_object(server, "tls"), FIELD(here, "tls"), problems);
        if (is_name_twice(servers, i))
            fieldpath_problem(path, problems, "server names must be unique");
        for (size_t k = 0; k < ARRAY_LEN(rules); k++)
            if (rules[k].broken(spec, server))
                fieldpath_problem(path, problems, "%s", rules[k].message);
    }
}

static void check_acme(const json_t *acme, const struct fieldpath *path, struct problems *problems)
{
    bool others = is_set(acme, "email") || has(acme, "externalAccountBinding") ||
                  is_set(acme, "preferredChain") || is_set(acme, "profile") ||
                  is_set(acme, "caBundle") || is_set(acme, "privateKeySecretName") ||
                  has(acme, "solver");
    bool server = is_set(acme, "server");
    bool issuer = has(acme, "issuerRef");
    if (issuer && (server || others))
        fieldpath_problem(
            FIELD(path, "issuerRef"),
            problems,
            "issuerRef stands alone: the other fields describe an Issuer of the gateway's own");
    if (!issuer && !server && others)
        fieldpath_problem(path, problems, "set server or issuerRef");
}

void rules_servers_check(const json_t *spec, const struct fieldpath *path,
                         struct problems *problems)
{
    check_servers(spec, FIELD(path, "servers"), problems);
    check_acme(jx_object(spec, "acme"), FIELD(path, "acme"), problems);
}
