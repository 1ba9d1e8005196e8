/* SPDX-License-Identifier: Apache-2.0 */
#include "data/rules_ports.h"

#include "data/jx.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define PORT_NAME_MAX 15 /* of a container port, RFC 6335 */
#define CIDR_MAX      64
#define LOWER         "abcdefghijklmnopqrstuvwxyz"
#define DIGITS        "0123456789"

bool rules_ports_is_name(const char *text)
{
    size_t len = strlen(text);
    return len <= PORT_NAME_MAX && strspn(text, LOWER DIGITS "-") == len && strpbrk(text, LOWER) &&
           text[0] != '-' && text[len - 1] != '-' && !strstr(text, "--");
}

static void check_target(const json_t *port, const struct fieldpath *path,
                         struct problems *problems)
{
    const json_t *target = jx_get(port, "targetPort");
    bool ok = true;
    if (json_is_integer(target))
        ok = json_integer_value(target) >= 1 && json_integer_value(target) <= UINT16_MAX;
    else if (json_is_string(target) && !jx_empty(target))
        ok = rules_ports_is_name(json_string_value(target));
    if (!ok)
        fieldpath_problem(FIELD(path, "targetPort"),
                          problems,
                          "must be a port number (1-65535) or a port name (at most 15 lower-case "
                          "letters, digits and single dashes, at least one letter)");
}

static bool same_name(const json_t *a, const json_t *b)
{
    const char *name = jx_str(a, "name", "");
    return name[0] != '\0' && strcmp(name, jx_str(b, "name", "")) == 0;
}

static bool same_node_port(const json_t *a, const json_t *b)
{
    json_int_t number = jx_int(a, "nodePort", 0);
    return number != 0 && number == jx_int(b, "nodePort", 0) &&
           strcmp(jx_str(a, "protocol", "TCP"), jx_str(b, "protocol", "TCP")) == 0;
}

static bool any_pair(const json_t *ports, bool (*same)(const json_t *, const json_t *))
{
    for (size_t i = 0; i < json_array_size(ports); i++)
        for (size_t k = 0; k < i; k++)
            if (same(json_array_get(ports, i), json_array_get(ports, k)))
                return true;
    return false;
}

void rules_ports_check(const json_t *ports, const struct fieldpath *path, struct problems *problems)
{
    bool unnamed = false;
    for (size_t i = 0; i < json_array_size(ports); i++) {
        const json_t *port = json_array_get(ports, i);
        check_target(port, ELEMENT(path, i), problems);
        unnamed |= jx_str(port, "name", "")[0] == '\0';
    }
    if (any_pair(ports, same_name))
        fieldpath_problem(path, problems, "port names must be unique");
    if (unnamed && json_array_size(ports) > 1)
        fieldpath_problem(path, problems, "every port needs a name when there are several ports");
    if (any_pair(ports, same_node_port))
        fieldpath_problem(path, problems, "node ports must be unique for each protocol");
}

static bool is_ipv6(const char *text)
{
    struct in6_addr address;
    return inet_pton(AF_INET6, text, &address) == 1 && !IN6_IS_ADDR_V4MAPPED(&address);
}

static bool is_ipv4(const char *text)
{
    struct in_addr address;
    return inet_pton(AF_INET, text, &address) == 1;
}

bool rules_ports_is_ip(const char *text)
{
    return is_ipv4(text) || is_ipv6(text);
}

bool rules_ports_is_cidr(const char *text)
{
    const char *slash = strchr(text, '/');
    if (!slash || strlen(text) > CIDR_MAX)
        return false;
    const char *bits = slash + 1;
    size_t digits = strspn(bits, DIGITS);
    if (digits == 0 || digits > 3 || bits[digits] != '\0' || (bits[0] == '0' && digits > 1))
        return false;
    AUTO_FREE char *address = xstrndup(text, (size_t)(slash - text));
    long length = strtol(bits, NULL, 10);
    return (is_ipv4(address) && length <= 32) || (is_ipv6(address) && length <= 128);
}
