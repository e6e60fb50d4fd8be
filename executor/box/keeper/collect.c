/* Collecting files that a hostile program left, when everything that could still change them is dead. Every open is
 * relative to a descriptor of the work directory and can follow no link, leave it for another file system, or block. */
#include "collect.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEPTH_MAX = 32, ENTRIES_MAX = 8192 };

struct collection {
    struct box_reply *reply;
    struct box_file files[BOX_COLLECT_MAX];
    char names[BOX_MESSAGE_MAX / 2];
    uint32_t count;
    uint32_t entries; /* looked at, so that a huge tree costs little */
    size_t names_len;
    uint64_t room; /* bytes that may still come */
    int out_fd;
};

static int open_beneath(int dir_fd, const char *name, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof how);
}

int collect_try(void)
{
    int fd = open_beneath(AT_FDCWD, ".", O_DIRECTORY);
    int error = fd < 0 ? -errno : 0;
    close_fds(&fd, 1);
    return error;
}

/* By its mode or its content: GNU ld changes the mode of what it wrote by its path, which tier B refuses. */
static bool is_executable(int fd, const struct stat *st)
{
    char head[4];
    return (st->st_mode & 0111) != 0 ||
           (pread(fd, head, sizeof head, 0) == sizeof head && memcmp(head, "\177ELF", 4) == 0);
}

static void add_file(struct collection *c, int dir_fd, const char *name, const char *full_name)
{
    size_t len = strlen(full_name) + 1;
    struct stat st;
    /* Looked at before it is opened for reading: an open can have effects, and only a regular file's has none. */
    int fd = open_beneath(dir_fd, name, 0);
    if (fd < 0)
        return;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || len > BOX_NAME_MAX) {
        close(fd);
        return;
    }
    uint64_t size = (uint64_t)st.st_size;
    if (c->count == BOX_COLLECT_MAX || size > c->room || c->names_len + len > sizeof c->names) {
        snprintf(c->reply->message, sizeof c->reply->message, "%s is left out: too many files or bytes", full_name);
    } else if (copy_bytes(c->out_fd, fd, NULL, size) == 0) {
        c->files[c->count++] = (struct box_file){.size = size, .executable = is_executable(fd, &st)};
        memcpy(c->names + c->names_len, full_name, len);
        c->names_len += len;
        c->room -= size;
    } else {
        c->room = 0; /* the copy has a torn end: nothing may stand behind it */
    }
    close(fd);
}

static void add_directory(struct collection *c, int dir_fd, const char *name, const char *full_name, int depth)
{
    int fd = open_beneath(dir_fd, name, O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        close_fds(&fd, 1);
        return;
    }
    for (const struct dirent *entry; (entry = dir_next(dir)) != NULL;) {
        char below[BOX_NAME_MAX + 1];
        const char *slash = entry->d_type == DT_DIR ? "/" : "";
        if (c->entries++ >= ENTRIES_MAX ||
            snprintf(below, sizeof below, "%s%s%s", full_name, entry->d_name, slash) > BOX_NAME_MAX)
            continue;
        if (entry->d_type == DT_REG)
            add_file(c, dirfd(dir), entry->d_name, below);
        else if (entry->d_type == DT_DIR && depth < DEPTH_MAX)
            add_directory(c, dirfd(dir), entry->d_name, below, depth + 1);
    }
}

size_t collect_files(const struct request *r, int work_fd, struct box_reply *reply, int *ret_fd)
{
    static struct collection c;
    c.reply = reply;
    c.count = c.entries = 0;
    c.names_len = 0;
    c.room = r->head.collect_max;
    c.out_fd = memfd_create("collected", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (c.out_fd < 0)
        return sizeof *reply;
    for (uint32_t i = 0; i < r->head.collect_count; i++) {
        char name[BOX_NAME_MAX + 1];
        size_t len = strlen(r->collect[i]);
        snprintf(name, sizeof name, "%s", r->collect[i]);
        if (name[len - 1] == '/') {
            name[len - 1] = '\0';
            add_directory(&c, work_fd, name, r->collect[i], 0);
        } else {
            add_file(&c, work_fd, name, name);
        }
    }
    int error = box_seal(c.out_fd);
    if (error < 0) {
        snprintf(reply->message, sizeof reply->message, "the collected files cannot be sealed: %s", strerror(-error));
        c.count = 0;
        c.names_len = 0;
    }
    char *end = (char *)(reply + 1);
    memcpy(end, c.files, c.count * sizeof c.files[0]);
    end += c.count * sizeof c.files[0];
    memcpy(end, c.names, c.names_len);
    reply->collected = c.count;
    if (c.count > 0)
        *ret_fd = c.out_fd;
    else
        close(c.out_fd);
    return (size_t)(end + c.names_len - (char *)reply);
}
