/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen. */
#pragma once

#include "base/err.h"

/*
 * A socket that listens on "host:port", "[v6]:port" or ":port", every address; port 0 takes a free
 * one. -1 with ERR_INVALID: the address makes no sense; with ERR_UNAVAILABLE: it cannot be had.
 */
int listen_open(const char *address, struct err *err) MUST_CHECK;
int listen_port(int fd);
