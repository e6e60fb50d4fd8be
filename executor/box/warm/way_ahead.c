/* A run that is begun before its files and input are there, in its init: the program is exec'd with the library, which
 * stops it at the door, by whose opening the two come together. */
#include "warm.h"

#include <errno.h>
#include <poll.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TO_DOOR_MS = 10000 }; /* once its files are there */

static int door_fds[2]; /* ours, the program's */
static int library_fd;

/* The names are those of files by whose touch it is at the door. */
static int prepare(struct request *r, const int fds[RUN_FDS])
{
    const char *last = r->names[r->head.file_count - 1];
    size_t len = (size_t)(last - r->names[0]) + strlen(last) + 1;
    library_fd = fds[RUN_BUNDLE];
    warm_preload(r);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, door_fds) < 0)
        return -errno;
    return message_send(door_fds[0], r->names[0], len, NULL, 0);
}

/* The door's, which closes them when it goes on. */
static int place(void)
{
    return dup2(door_fds[1], SERVER_SOCKET_FD) < 0 || dup2(library_fd, SERVER_LIBRARY_FD) < 0 ? -1 : 0;
}

/* The program's, that it goes on: one that ended, or passed the door without touching a file, is not the run. */
static int await_word(int door_fd)
{
    char word;
    if (poll(&(struct pollfd){.fd = door_fd, .events = POLLIN}, 1, TO_DOOR_MS) == 0)
        return -ETIMEDOUT;
    ssize_t got = message_receive(door_fd, &word, 1, NULL, 0, MSG_DONTWAIT);
    return got == 1 ? 0 : got < 0 ? (int)got : -EPIPE;
}

static uint64_t process_cpu_us(pid_t pid)
{
    clockid_t clock;
    struct timespec t = {0};
    if (clock_getcpuclockid(pid, &clock) == 0)
        clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

/* Files and input have come: into the work directory with the ones, and the program may go on with the other. */
static int release(const struct confinement *c, pid_t program, int report_fd, int work_fd,
                   volatile struct outcome *outcome, char step[128])
{
    static alignas(struct box_request) char message[BOX_MESSAGE_MAX];
    static struct request request;
    int given[2];
    close_fds(&door_fds[1], 1);
    ssize_t got = message_receive(report_fd, message, sizeof message, given, 2, 0);
    if (got <= 0 || request_parse(message, (size_t)got, &c->config->most, &request) != NULL)
        _exit(1);
    int error = request_write_files(&request, work_fd, given[1], step);
    if (error < 0)
        return error;
    snprintf(step, 128, "the program that was started ahead");
    error = message_send(door_fds[0], "", 1, given, 1);
    if (error == 0)
        error = await_word(door_fds[0]);
    outcome->at_us = now_us();
    outcome->ahead_cpu_us = process_cpu_us(program);
    close_fds(given, 2);
    close_fds(door_fds, 2);
    return error;
}

const struct way way_ahead = {
    .files_come_later = true,
    .prepare = prepare,
    .place = place,
    .kept = {{SERVER_SOCKET_FD, SERVER_SOCKET_FD}, {SERVER_LIBRARY_FD, SERVER_LIBRARY_FD}},
    .release = release,
};
