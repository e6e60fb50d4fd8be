/* sentinel-healthcheck PORT PATH: exit status 0 when http://127.0.0.1:PORT/PATH answers 200 within three seconds. For
 * containers without a shell: what Docker's HEALTHCHECK and Compose run. Kubernetes asks over HTTP by itself. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_S = 3 };

/* A socket that is connected to the port here, or -1. */
static int connect_to(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    struct timeval patience = {.tv_sec = TIMEOUT_S};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The status of the answer, or -1 when there is none. */
static int ask(int fd, const char *path)
{
    char request[512], answer[16] = "";
    int len = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    if (len < 0 || (size_t)len >= sizeof request || send(fd, request, (size_t)len, MSG_NOSIGNAL) != len)
        return -1;
    size_t have = 0;
    while (have < sizeof answer - 1) {
        ssize_t n = recv(fd, answer + have, sizeof answer - 1 - have, 0);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    if (strncmp(answer, "HTTP/1.", 7) != 0 || strlen(answer) < 12)
        return -1;
    return (int)strtol(answer + 9, NULL, 10);
}

int main(int argc, char **argv)
{
    char *end = NULL;
    long port = argc == 3 ? strtol(argv[1], &end, 10) : 0;
    if (port < 1 || port > UINT16_MAX || *end || argv[2][0] != '/') {
        fprintf(stderr, "usage: sentinel-healthcheck PORT /PATH\n");
        return 2;
    }
    alarm(2 * TIMEOUT_S); /* a server that drips its answer */
    int fd = connect_to((uint16_t)port);
    int status = fd < 0 ? -1 : ask(fd, argv[2]);
    if (status != 200)
        fprintf(stderr, "127.0.0.1:%ld%s: %s\n", port, argv[2], status < 0 ? "no answer" : "not 200");
    return status == 200 ? EXIT_SUCCESS : EXIT_FAILURE;
}
