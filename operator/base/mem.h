/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and scope-bound cleanup.
 *
 * Out of memory ends the process: every allocation here succeeds or aborts, so no caller has a
 * half-dead path. That is safe because everything whose size others decide has a ceiling in
 * base/limits.h.
 *
 * A local that owns something is declared with an AUTO_* macro and initialised at once; it is
 * handed on with TAKE(). A function that has such a local uses no goto.
 */
#pragma once

#include <stddef.h>

#define MUST_CHECK            __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define UNUSED                __attribute__((unused))

/* Calls fn(&variable) when the variable goes out of scope; to clang that alone is no use of it. */
#define AUTO(fn)   __attribute__((cleanup(fn), unused))
#define AUTO_FREE  AUTO(mem_auto_free)
#define AUTO_CLOSE AUTO(mem_auto_close)

/* Moves a pointer out of an AUTO_* variable, which then owns nothing. */
#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __auto_type take_moved_ = (p);                                                             \
        (p) = NULL;                                                                                \
        take_moved_;                                                                               \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t size) __attribute__((returns_nonnull));
/* The copies below are freed by the caller. xstrdup(NULL) is NULL. */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t max);
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((returns_nonnull));

/* Frees a text whose bytes shall not stay in memory; NULL is fine. */
void mem_free_secret(char *text);

/* Cleanup handlers of AUTO_FREE (any pointer) and AUTO_CLOSE (int fd, -1 = none). */
void mem_auto_free(void *pointer_to_pointer);
void mem_auto_close(const int *fd);
