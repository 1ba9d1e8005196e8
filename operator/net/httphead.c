/* SPDX-License-Identifier: Apache-2.0 */
#include "net/httphead.h"

#include <string.h>
#include <strings.h>

/* What a method or the name of a header may consist of (RFC 9110, "token"). */
#define TOKEN                                                                                      \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"                                         \
    "0123456789!#$%&'*+-.^_`|~"

struct reading {
    struct httphead *ret;
    bool version_1_0;
    bool close, keep_alive; /* what the Connection headers say */
    int hosts;
};

/* Cuts off the next line; NULL when there is none that ends in CRLF. */
static char *next_line(char **rest)
{
    char *line = *rest;
    char *end = strstr(line, "\r\n");
    if (!end)
        return NULL;
    *end = '\0';
    *rest = end + 2;
    return line;
}

/* "http://host/path?query" is what a proxy is sent; of it the path counts (RFC 9112, 3.2.2). */
static char *skip_authority(char *target)
{
    static char root[] = "/";
    if (target[0] == '/')
        return target;
    if (strncasecmp(target, "http://", 7) != 0 && strncasecmp(target, "https://", 8) != 0)
        return NULL;
    char *authority = strstr(target, "://") + 3;
    char *path = authority + strcspn(authority, "/?");
    if (path == authority || *path == '?')
        return NULL;
    return *path ? path : root;
}

static int read_target(char *target, struct httphead *ret)
{
    for (const char *c = target; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '#')
            return 400;
    char *path = skip_authority(target);
    if (!path)
        return 400;
    char *query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    ret->path = path;
    ret->query = query ? query : "";
    return 200;
}

static int read_request_line(char *line, struct reading *reading)
{
    size_t len = strspn(line, TOKEN);
    char *target = line + len;
    if (len == 0 || *target != ' ')
        return 400;
    *target++ = '\0';
    char *version = strrchr(target, ' ');
    if (!version)
        return 400;
    *version++ = '\0';
    if (strncmp(version, "HTTP/", 5) != 0)
        return 400;
    reading->version_1_0 = strcmp(version, "HTTP/1.0") == 0;
    if (!reading->version_1_0 && strcmp(version, "HTTP/1.1") != 0)
        return 505;
    reading->ret->head = strcmp(line, "HEAD") == 0;
    if (!reading->ret->head && strcmp(line, "GET") != 0)
        return 405;
    return read_target(target, reading->ret);
}

static bool is_word(const char *word, size_t len, const char *wanted)
{
    return strlen(wanted) == len && strncasecmp(word, wanted, len) == 0;
}

static void read_connection(const char *value, struct reading *reading)
{
    static const char separators[] = ", \t";
    for (const char *word = value + strspn(value, separators); *word;) {
        size_t len = strcspn(word, separators);
        if (is_word(word, len, "close"))
            reading->close = true;
        else if (is_word(word, len, "keep-alive"))
            reading->keep_alive = true;
        word += len;
        word += strspn(word, separators);
    }
}

static int read_header(char *line, struct reading *reading)
{
    char *value = line + strspn(line, TOKEN);
    if (value == line || *value != ':')
        return 400; /* also a line that goes on with the header before it */
    *value++ = '\0';
    value += strspn(value, " \t");
    size_t len = strlen(value);
    while (len > 0 && strchr(" \t", value[len - 1]))
        value[--len] = '\0';
    for (const char *c = value; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return 400;
    if (strcasecmp(line, "Host") == 0) {
        reading->hosts++;
    } else if (strcasecmp(line, "Connection") == 0) {
        read_connection(value, reading);
    } else if (strcasecmp(line, "Authorization") == 0) {
        if (reading->ret->authorization)
            return 400;
        reading->ret->authorization = value;
    } else if (strcasecmp(line, "Transfer-Encoding") == 0) {
        return 413;
    } else if (strcasecmp(line, "Content-Length") == 0) {
        if (len == 0 || strspn(value, "0123456789") != len)
            return 400;
        if (strspn(value, "0") != len)
            return 413;
    }
    return 200;
}

int httphead_parse(char *text, size_t len, struct httphead *ret)
{
    *ret = (struct httphead){.path = NULL};
    if (strlen(text) != len)
        return 400;
    struct reading reading = {.ret = ret};
    char *rest = text;
    char *line = next_line(&rest);
    if (line && line[0] == '\0') /* one is to be overlooked: RFC 9112, 2.2 */
        line = next_line(&rest);
    int status = line ? read_request_line(line, &reading) : 400;
    while (status == 200) {
        line = next_line(&rest);
        if (!line)
            return 400;
        if (line[0] == '\0')
            break;
        status = read_header(line, &reading);
    }
    if (status != 200)
        return status;
    ret->keep_alive = !reading.close && (reading.keep_alive || !reading.version_1_0);
    /* RFC 9112, 3.2: exactly one, but clients of HTTP/1.0 need not know it. */
    bool hosts = reading.hosts == 1 || (reading.version_1_0 && reading.hosts == 0);
    return hosts && rest == text + len ? 200 : 400;
}
