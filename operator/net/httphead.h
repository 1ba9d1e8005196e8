/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a request to our own server (RFC 9112), as far as GET and HEAD without a body need
 * it. Strict: what one reader could take for something else than another is refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Texts are within the head that was parsed. */
struct httphead {
    bool head;                 /* the method: HEAD, else GET */
    const char *path;          /* as sent, "/readyz" */
    const char *query;         /* what follows the "?", "" when there is none */
    const char *authorization; /* value of that header, or NULL */
    bool keep_alive;           /* the client may send another request */
};

/*
 * Parses the head, from the request line to the empty line, and cuts it up in place; text[len] is a
 * NUL. Returns 200, or the status that says what is wrong; then *ret is not to be used.
 */
int httphead_parse(char *text, size_t len, struct httphead *ret);
