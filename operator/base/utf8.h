/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. What others
 * sent as text may be anything else; JSON takes nothing else.
 */
#pragma once

#include <stddef.h>

/* Bytes of the character that the text begins with, 0 when it is none; the end (NUL) is one. */
size_t utf8_length(const char *text);
/* Takes the beginning of a character off the end of a text that was cut. */
void utf8_trim(char *text);
/* Puts a '?' in the place of every byte that belongs to no character. */
void utf8_repair(char *text);
