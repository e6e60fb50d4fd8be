#include "socket.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include <sys/socket.h>

int socket_listen(const char *host, int port, const char *setting, int receive_buffer, int *ret_fd, struct err *err)
{
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    snprintf(service, sizeof service, "%d", port);
    int r = getaddrinfo(*host ? host : NULL, service, &hints, &found);
    if (r != 0)
        return err_set_field(err, EINVAL, "host", "cannot listen on \"%s\": %s", host, gai_strerror(r));
    cleanup_fd int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer) < 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, SOCKET_BACKLOG) < 0)
        r = errno;
    freeaddrinfo(found);
    if (r != 0)
        return err_set_field(err, r, setting, "cannot listen on %s %s %d: %s", host, setting, port,
                             r == EADDRINUSE ? "another program uses it" : strerror(r));
    *ret_fd = steal_fd(&fd);
    return 0;
}
