/* A listening TCP socket, before any loop knows of it, so that what can fail has failed. */
#ifndef SENTINEL_SOCKET_H
#define SENTINEL_SOCKET_H

#include "err.h"

enum { SOCKET_BACKLOG = 1024 };

/* port 0: any free one; `setting` is its name. receive_buffer: the kernel's, of each connection, in bytes. EADDRINUSE
 * and the like: the message names host and port. */
int socket_listen(const char *host, int port, const char *setting, int receive_buffer, int *ret_fd, struct err *err)
    MUST_USE;

#endif
