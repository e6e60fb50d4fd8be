/* Helpers of the box's parts: processes, directories, small files of the kernel's, messages with descriptors, log
 * lines. They keep no state. */
#ifndef SENTINEL_BOX_UTIL_H
#define SENTINEL_BOX_UTIL_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum { MESSAGE_FDS_MAX = 8 };

/* A child by clone(2), with a pidfd; born into a group of cgroup version 2 when cgroup_fd is one. As fork(). */
pid_t spawn(uint64_t flags, int cgroup_fd, int *ret_pid_fd);
/* The same without a copy of the memory, and without a pidfd: the child calls run() on our stack, and we stand still
 * until it has ended. What it leaves in memory stays. Its pid, or -1 and errno. run() may return only in a process that
 * the child has forked, with a copy of the memory: 0. */
pid_t spawn_sharing(uint64_t flags, int cgroup_fd, void (*run)(void *arg), void *arg);

/* Opens a directory, through no link; NULL when it cannot be. */
DIR *dir_open(int dir_fd, const char *name);
/* The next entry but "." and ".."; NULL at the end, and of NULL, and then the directory is closed. */
const struct dirent *dir_next(DIR *dir);
/* Makes the directories above `path`; existing ones are left as they are. 0, or -1 and errno. */
int dir_make_parents(int dir_fd, const char *path, mode_t mode) MUST_USE;

uint64_t now_us(void);                                                    /* CLOCK_MONOTONIC */
void log_line(const char *level, const char *fmt, ...) PRINTF_LIKE(2, 3); /* one JSON object on stderr */
_Noreturn void die(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Notes in `step` what failed. -errno. */
int step_failed(char step[128], const char *what, const char *which) MUST_USE;

/* From where `from_fd` stands, or from *offset. 0, or -1 and errno. */
int copy_bytes(int to_fd, int from_fd, off_t *offset, uint64_t size) MUST_USE;

/* Whole small files of the kernel's, relative to a directory. 0 or -errno. */
int write_at(int dir_fd, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_USE;
int read_at(int dir_fd, const char *name, char *buf, size_t size) MUST_USE;
/* The number behind `key` and a blank or tab, or the first one when `key` is NULL; 0 when it is not there. */
uint64_t read_number_at(int dir_fd, const char *name, const char *key);
uint64_t number_behind(const char *text, const char *key);
/* The number that is the index-th word of a line, from 0; 0 when there is none. */
uint64_t word_number(const char *text, int index);

/* One message with descriptors. send: 0 or -errno. receive: its length, 0 at end of file, or -errno; unwanted
 * descriptors are closed, missing ones are -1. */
int message_send(int socket, const void *bytes, size_t len, const int *fds, size_t fd_count) MUST_USE;
ssize_t message_receive(int socket, void *bytes, size_t size, int *fds, size_t fd_count, int flags) MUST_USE;
void close_fds(int *fds, size_t count); /* and sets them to -1 */

#endif
