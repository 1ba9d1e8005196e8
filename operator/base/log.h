/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured log: one JSON object a line on stderr, keys `ts level msg` and then the fields.
 *
 * The message is a constant; what varies goes into fields:
 *     LOG_INFO("applied", LS("object", name), LI("duration_ms", ms));
 * Field names used everywhere: object kind reason err generation duration_ms.
 * Levels: error = somebody must act; warn = handled; info = state changed; debug.
 * Only control/ and cli/ log above debug. Secrets, tokens and bodies of requests are never logged.
 */
#pragma once

#include "base/mem.h"

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log_field {
    const char *key;
    const char *text; /* NULL: the number */
    int64_t number;
};

#define LS(name, value)                                                                            \
    (struct log_field)                                                                             \
    {                                                                                              \
        .key = (name), .text = log_text(value)                                                     \
    }
#define LI(name, value)                                                                            \
    (struct log_field)                                                                             \
    {                                                                                              \
        .key = (name), .number = (int64_t)(value)                                                  \
    }

/* The message is the first variadic argument, so that a line without fields is valid C too. */
#define LOG_AT(level, ...)                                                                         \
    log_write(level, (const struct log_field[]){LOG_MESSAGE_(__VA_ARGS__, {.key = NULL})})
#define LOG_MESSAGE_(message, ...) {.key = "msg", .text = (message)}, __VA_ARGS__

#define LOG_ERROR(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOG_WARN(...)  LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_INFO(...)  LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* The text itself, "" for NULL. */
const char *log_text(const char *s);
/* Nothing above this level is written; the start value is info. */
void log_set_level(enum log_level level);
/* "error" "warn" "info" "debug" -> level; -1 for anything else. */
int log_level_parse(const char *name);
/* Where lines go; the start value is stderr's descriptor. */
void log_set_fd(int fd);
/* Fields up to the one without a key. Use the LOG_* macros. */
void log_write(enum log_level level, const struct log_field *fields);
