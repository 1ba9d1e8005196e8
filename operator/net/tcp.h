/* SPDX-License-Identifier: Apache-2.0 */
/* TCP sockets that notice when nobody is there any more. For files of net/ only. */
#pragma once

/* As socket(2); a connection of it without an answer for 45 s is dead, also while it is idle. */
int tcp_open(int family, int type, int protocol);
/* As close(2), but what the kernel has not delivered yet is gone, and the peer is told so. */
int tcp_reset(int fd);
