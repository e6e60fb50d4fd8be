/* Tier B's directories on disk, where tier A has a tmpfs for each run: SCRATCH/sentinel-box-PID-SLOT with `work` and
 * `tmp` in it, made for a run and removed after it. The box's directory is locked (flock) as long as its keeper, its
 * launcher or an init lives; what nobody locks belonged to a box that is dead, and the next box to start removes it.
 *
 * What is removed was made by hostile programs. Nothing is opened but relative to a descriptor, no link is followed,
 * and a deep tree is flattened instead of walked down. */
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define PREFIX "sentinel-box-"
#define TMPFS_MAGIC_NUMBER 0x01021994

enum { WALK_DEPTH_MAX = 32 };

/* Opens a directory whatever its mode is, by a descriptor of it that nobody can exchange. */
static int open_closed(int dir_fd, const char *name)
{
    char path[64];
    int at = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", at);
    if (chmod(path, 0700) < 0) {
        close(at);
        return -1;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(at);
    return fd;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Removes what is in a directory; its directories go up into `top` under new names instead of being walked into. */
static void empty_into(int top_fd, int dir_fd)
{
    static unsigned long moved;
    DIR *dir = fdopendir(dir_fd);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char name[32];
        if (is_dot(entry->d_name) || unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            continue;
        int below = open_closed(dirfd(dir), entry->d_name); /* its own mode decides whether it may move */
        close_fds(&below, 1);
        do
            snprintf(name, sizeof name, "%lu", moved++);
        while (renameat(dirfd(dir), entry->d_name, top_fd, name) < 0 && (errno == ENOTEMPTY || errno == EEXIST));
    }
    if (dir != NULL)
        closedir(dir);
}

/* True when it removed anything. */
static bool clear_once(int top_fd)
{
    bool removed = false;
    int copy = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (is_dot(entry->d_name))
            continue;
        if (unlinkat(top_fd, entry->d_name, 0) == 0) {
            removed = true;
            continue;
        }
        int below = open_closed(top_fd, entry->d_name);
        if (below >= 0)
            empty_into(top_fd, below);
        removed |= unlinkat(top_fd, entry->d_name, AT_REMOVEDIR) == 0;
    }
    if (dir != NULL)
        closedir(dir);
    return removed;
}

void scratch_clear(int fd)
{
    while (clear_once(fd))
        ;
}

static void sweep(int parent_fd)
{
    int copy = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        int fd = openat(parent_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
            scratch_clear(fd);
            unlinkat(parent_fd, entry->d_name, AT_REMOVEDIR);
        }
        close_fds(&fd, 1);
    }
    if (dir != NULL)
        closedir(dir);
}

/* Where an image has made /work (or /tmp) a link to SCRATCH/work, that leads to our runs' directory: then a program's
 * own text may name it as in tier A. */
static void setup_alias(const struct config *config, int parent_fd, const char *box, const char *name)
{
    char link[16], target[PATH_MAX], want[PATH_MAX];
    snprintf(link, sizeof link, "/%s", name);
    ssize_t len = readlink(link, target, sizeof target - 1);
    snprintf(want, sizeof want, "%s/%s", config->scratch, name);
    if (len < 0 || (size_t)len != strlen(want) || memcmp(target, want, (size_t)len) != 0)
        return;
    snprintf(target, sizeof target, "%s/%s", box, name);
    unlinkat(parent_fd, name, 0);
    if (symlinkat(target, parent_fd, name) < 0)
        log_line("warning", "%s cannot lead to the work directory: %s", link, strerror(errno));
}

static int make_box(const struct config *config, int parent_fd, const char *name, uid_t owner)
{
    if (mkdirat(parent_fd, name, 0700) < 0)
        return -1;
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fchown(fd, owner, (gid_t)owner) < 0) {
        close_fds(&fd, 1);
        return -1;
    }
    setup_alias(config, parent_fd, name, "work");
    setup_alias(config, parent_fd, name, "tmp");
    return fd;
}

int scratch_create(const struct config *config, uid_t owner, char ret_path[PATH_MAX])
{
    char name[64];
    snprintf(name, sizeof name, PREFIX "%d-%u", (int)getpid(), config->slot);
    int parent_fd = open(config->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent_fd < 0)
        return -errno;
    sweep(parent_fd);
    int fd = make_box(config, parent_fd, name, owner);
    int error = errno;
    close(parent_fd);
    snprintf(ret_path, PATH_MAX, "%s/%s", config->scratch, name);
    return fd < 0 ? -error : fd;
}

void scratch_destroy(int *fd, const char *path)
{
    if (*fd < 0)
        return;
    scratch_clear(*fd);
    if (rmdir(path) < 0)
        log_line("warning", "%s is left: %s", path, strerror(errno));
    close_fds(fd, 1);
}

void scratch_begin(int fd, struct scratch_use *ret_start)
{
    struct statfs fs;
    *ret_start = (struct scratch_use){0};
    if (fstatfs(fd, &fs) == 0)
        *ret_start = (struct scratch_use){(uint64_t)fs.f_bfree * (uint64_t)fs.f_bsize, fs.f_ffree};
}

/* Adds up what is in a directory while hostile programs may change it; stops at `most`. */
static void walk(int dir_fd, int depth, const struct scratch_use *most, struct scratch_use *use)
{
    DIR *dir = fdopendir(dir_fd);
    const struct dirent *entry;
    while (dir != NULL && use->bytes <= most->bytes && use->inodes <= most->inodes && (entry = readdir(dir)) != NULL) {
        struct stat st;
        if (is_dot(entry->d_name) || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        use->inodes++;
        use->bytes += (uint64_t)st.st_blocks * 512;
        if (!S_ISDIR(st.st_mode) || depth == WALK_DEPTH_MAX)
            continue;
        int below = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0)
            walk(below, depth + 1, most, use);
    }
    if (dir != NULL)
        closedir(dir);
}

bool scratch_is_over(int fd, const struct scratch_use *start, const struct scratch_use *most)
{
    struct statfs fs;
    struct scratch_use use = {0};
    if (fstatfs(fd, &fs) < 0)
        return false;
    uint64_t free_bytes = (uint64_t)fs.f_bfree * (uint64_t)fs.f_bsize;
    bool over = free_bytes + most->bytes < start->bytes || (uint64_t)fs.f_ffree + most->inodes < start->inodes;
    if (!over || fs.f_type == TMPFS_MAGIC_NUMBER)
        return over; /* a tmpfs is nobody's but ours */
    int top = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top >= 0)
        walk(top, 0, most, &use); /* on a disk that others write to as well */
    return use.bytes > most->bytes || use.inodes > most->inodes;
}
