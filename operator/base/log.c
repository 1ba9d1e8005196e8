/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/limits.h"
#include "base/now.h"
#include "base/strbuf.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static enum log_level max_level = LOG_LEVEL_INFO;
static int log_fd = STDERR_FILENO;

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

const char *log_text(const char *s)
{
    return s ? s : "";
}

void log_set_level(enum log_level level)
{
    max_level = level;
}

int log_level_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
        if (strcmp(name, level_names[i]) == 0)
            return (int)i;
    return -1;
}

void log_set_fd(int fd)
{
    log_fd = fd;
}

static void add_quoted(struct strbuf *line, const char *text)
{
    strbuf_addc(line, '"');
    for (const char *s = text; *s;) {
        size_t len = utf8_length(s);
        if (len == 0)
            strbuf_adds(line, "\\ufffd");
        else if (*s == '"' || *s == '\\')
            strbuf_addf(line, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            strbuf_addf(line, "\\u%04x", (unsigned int)*s);
        else
            strbuf_add(line, s, len);
        s += len ? len : 1;
    }
    strbuf_addc(line, '"');
}

void log_write(enum log_level level, const struct log_field *fields)
{
    if (level > max_level)
        return;
    char ts[NOW_TIME_LEN];
    now_format_microtime(now_wall_us(), ts);
    AUTO_STRBUF struct strbuf line = STRBUF_INIT(LIMIT_LOG_LINE);
    strbuf_addf(&line, "{\"ts\":\"%s\",\"level\":\"%s\"", ts, level_names[level]);
    for (const struct log_field *f = fields; f->key; f++) {
        strbuf_addf(&line, ",\"%s\":", f->key);
        if (f->text)
            add_quoted(&line, f->text);
        else
            strbuf_addf(&line, "%" PRId64, f->number);
    }
    strbuf_adds(&line, "}\n");
    if (line.failed) {
        strbuf_clear(&line);
        strbuf_addf(&line,
                    "{\"ts\":\"%s\",\"level\":\"%s\",\"msg\":\"log line too long\"}\n",
                    ts,
                    level_names[level]);
    }
    /* One write a line keeps lines whole; a log that cannot be written has nowhere to complain. */
    ssize_t ignored UNUSED = write(log_fd, line.text, line.len);
}
