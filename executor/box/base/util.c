#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

DIR *dir_open(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL)
        close_fds(&fd, 1);
    return dir;
}

const struct dirent *dir_next(DIR *dir)
{
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry;
    }
    if (dir != NULL)
        closedir(dir);
    return NULL;
}

int dir_make_parents(int dir_fd, const char *path, mode_t mode)
{
    char part[PATH_MAX];
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdirat(dir_fd, part, mode) < 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void log_text(const char *level, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));

static void log_text(const char *level, const char *fmt, va_list args)
{
    char text[512], line[1200], when[32];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
    vsnprintf(text, sizeof text, fmt, args);
    size_t used = (size_t)snprintf(
        line, sizeof line,
        "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"program\":\"sentinel-box\",\"pid\":%d,\"event\":\"", when,
        now.tv_nsec / 1000000, level, (int)getpid());
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            line[used++] = '\\';
        /* Names come from requests: what would break the line or its encoding is shown as '?'. */
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
            line[used++] = '?';
        else
            line[used++] = *c;
    }
    used += (size_t)snprintf(line + used, sizeof line - used, "\"}\n");
    if (write(STDERR_FILENO, line, used) < 0)
        return; /* nowhere to say it */
}

void log_line(const char *level, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_text(level, fmt, args);
    va_end(args);
}

void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_text("error", fmt, args);
    va_end(args);
    exit(1);
}

int step_failed(char step[128], const char *what, const char *which)
{
    int error = errno;
    snprintf(step, 128, "%s%s", what, which);
    return -error;
}

int write_at(int dir_fd, const char *name, const char *fmt, ...)
{
    char text[128];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);

    int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = write(fd, text, (size_t)len) == len ? 0 : -errno;
    close(fd);
    return error;
}

int copy_bytes(int to_fd, int from_fd, off_t *offset, uint64_t size)
{
    while (size > 0) {
        ssize_t sent = sendfile(to_fd, from_fd, offset, size);
        if (sent == 0)
            errno = ENODATA; /* it was cut after we looked at it */
        if (sent <= 0)
            return -1;
        size -= (uint64_t)sent;
    }
    return 0;
}

int read_at(int dir_fd, const char *name, char *buf, size_t size)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t got = read(fd, buf, size - 1); /* the kernel gives such a file whole */
    int error = got < 0 ? -errno : 0;
    close(fd);
    buf[got < 0 ? 0 : got] = '\0';
    return error;
}

uint64_t number_behind(const char *text, const char *key)
{
    size_t key_len = strlen(key);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, key_len) == 0 && (line[key_len] == ' ' || line[key_len] == '\t'))
            return strtoull(line + key_len, NULL, 10);
    }
    return 0;
}

uint64_t read_number_at(int dir_fd, const char *name, const char *key)
{
    char text[4096] = "";
    if (read_at(dir_fd, name, text, sizeof text) < 0)
        return 0;
    return key == NULL ? strtoull(text, NULL, 10) : number_behind(text, key);
}

uint64_t word_number(const char *text, int index)
{
    text += strspn(text, " \t");
    for (; index > 0; index--) {
        text += strcspn(text, " \t\n");
        text += strspn(text, " \t");
    }
    return strtoull(text, NULL, 10);
}

int message_send(int socket, const void *bytes, size_t len, const int *fds, size_t fd_count)
{
    union {
        char space[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_len = len};
    memcpy(&iov.iov_base, &bytes, sizeof bytes); /* not written to, const or not */
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd_count > 0) {
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *head = &control.align;
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, fd_count * sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &msg, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *msg, int *fds, size_t fd_count)
{
    size_t taken = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head != NULL; head = CMSG_NXTHDR(msg, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
            if (taken < fd_count)
                fds[taken++] = fd;
            else
                close(fd);
        }
    }
}

static ssize_t receive(int socket, struct msghdr *msg, int flags)
{
    size_t control_len = msg->msg_controllen;
    ssize_t got;
    do {
        msg->msg_controllen = control_len;
        got = recvmsg(socket, msg, MSG_CMSG_CLOEXEC | MSG_TRUNC | flags);
    } while (got < 0 && errno == EINTR);
    return got;
}

ssize_t message_receive(int socket, void *bytes, size_t size, int *fds, size_t fd_count, int flags)
{
    union {
        char space[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = bytes, .iov_len = size};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    for (size_t i = 0; i < fd_count; i++)
        fds[i] = -1;
    ssize_t got = receive(socket, &msg, flags);
    /* Where we do not wait, the kernel looks for a message first and for the other's end then, between which both may
     * come: only the second end is one. */
    if (got == 0 && (flags & MSG_DONTWAIT) != 0) {
        msg.msg_controllen = sizeof control.space;
        got = receive(socket, &msg, flags);
    }
    if (got < 0)
        return -errno;
    take_fds(&msg, fds, fd_count);
    return got; /* longer than `size` when it did not fit */
}

void close_fds(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}
