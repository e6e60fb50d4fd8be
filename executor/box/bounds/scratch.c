/* Tier B's directories on disk, where tier A has a tmpfs for each run: SCRATCH/sentinel-box-PID-SLOT with `work` and
 * `tmp` in it, made for a run and removed after it. The box's directory is locked (flock) as long as its keeper, its
 * launcher or an init lives; what nobody locks belonged to a box that is dead, and the next box to start removes it.
 *
 * What is removed was made by hostile programs. Nothing is opened but relative to a descriptor, no link is followed,
 * and a deep tree is flattened instead of walked down. */
#include "scratch.h"

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

/* One pass over a directory. Below `top_fd` what is not empty goes up into it under a new name instead of being walked
 * into. True when it removed anything. */
static bool clear_once(int top_fd, DIR *dir, bool is_top)
{
    static unsigned long moved;
    bool removed = false;
    const struct dirent *entry;
    while ((entry = dir_next(dir)) != NULL) {
        int fd = dirfd(dir);
        bool is_gone = unlinkat(fd, entry->d_name, 0) == 0;
        int below = is_gone ? -1 : open_closed(fd, entry->d_name); /* its own mode decides whether it may move */
        if (below >= 0 && is_top) {
            clear_once(top_fd, fdopendir(below), false);
        } else if (below >= 0) {
            char name[32];
            do
                snprintf(name, sizeof name, "%lu", moved++);
            while (renameat(fd, entry->d_name, top_fd, name) < 0 && (errno == ENOTEMPTY || errno == EEXIST));
            close(below);
        }
        removed |= is_gone || (is_top && unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0);
    }
    return removed;
}

void scratch_clear(int fd)
{
    while (clear_once(fd, dir_open(fd, "."), true))
        ;
}

static int sweep(int parent_fd)
{
    int removed = 0;
    DIR *dir = dir_open(parent_fd, ".");
    for (const struct dirent *entry; (entry = dir_next(dir)) != NULL;) {
        DIR *box = strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 ? dir_open(parent_fd, entry->d_name) : NULL;
        if (box != NULL && flock(dirfd(box), LOCK_EX | LOCK_NB) == 0) {
            scratch_clear(dirfd(box));
            removed += unlinkat(parent_fd, entry->d_name, AT_REMOVEDIR) == 0;
        }
        if (box != NULL)
            closedir(box);
    }
    return removed;
}

int scratch_sweep(const struct config *config)
{
    int parent_fd = open(config->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int removed = parent_fd < 0 ? -errno : sweep(parent_fd);
    close_fds(&parent_fd, 1);
    return removed;
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
        log_line("warn", "%s cannot lead to the work directory: %s", link, strerror(errno));
}

int scratch_create(const struct config *config, uid_t owner, char ret_path[PATH_MAX])
{
    char name[64];
    snprintf(name, sizeof name, PREFIX "%d-%u", (int)getpid(), config->slot);
    int parent_fd = open(config->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent_fd < 0)
        return -errno;
    sweep(parent_fd);
    int fd = mkdirat(parent_fd, name, 0700) < 0 ? -1 : openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fchown(fd, owner, (gid_t)owner) < 0 ? -errno : 0;
    setup_alias(config, parent_fd, name, "work");
    setup_alias(config, parent_fd, name, "tmp");
    close(parent_fd);
    snprintf(ret_path, PATH_MAX, "%s/%s", config->scratch, name);
    if (error < 0)
        close_fds(&fd, 1);
    return error < 0 ? error : fd;
}

void scratch_destroy(int *fd, const char *path)
{
    if (*fd < 0)
        return;
    scratch_clear(*fd);
    if (rmdir(path) < 0)
        log_line("warn", "%s is left: %s", path, strerror(errno));
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
static void walk(DIR *dir, int depth, const struct scratch_use *most, struct scratch_use *use)
{
    const struct dirent *entry;
    while ((entry = dir_next(dir)) != NULL) {
        struct stat st;
        if (use->bytes > most->bytes || use->inodes > most->inodes) {
            closedir(dir);
            return;
        }
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        use->inodes++;
        use->bytes += (uint64_t)st.st_blocks * 512;
        if (S_ISDIR(st.st_mode) && depth < WALK_DEPTH_MAX)
            walk(dir_open(dirfd(dir), entry->d_name), depth + 1, most, use);
    }
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
        return over;                        /* a tmpfs is nobody's but ours */
    walk(dir_open(fd, "."), 0, most, &use); /* on a disk that others write to as well */
    return use.bytes > most->bytes || use.inodes > most->inodes;
}
