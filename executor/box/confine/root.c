/* The box's root file system. Made once: a tmpfs that becomes the root by pivot_root, with the grants bound read-only,
 * five device nodes, and nothing else of the host's. Fresh for each run, in the init's own mount namespace: the work
 * directory, /tmp, /dev/shm and /proc; they vanish with that namespace, so there is nothing to clean up. */
#include "confine.h"
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The inodes of a run's tmpfs: about 1 KB of kernel memory each, charged to the run. */
#define RUN_INODES 16384

static int restrict_mount(const char *path, uint64_t flags, unsigned int at_flags)
{
    struct mount_attr attr = {.attr_set = flags};
    return (int)syscall(SYS_mount_setattr, AT_FDCWD, path, at_flags, &attr, sizeof attr);
}

/* A copy of the host's symbolic link, or a bind of the host's file or directory, at the same place. */
static int setup_bind(const char *path, uint64_t flags)
{
    char from[PATH_MAX], target[PATH_MAX];
    struct stat st;
    snprintf(from, sizeof from, "/old%s", path);
    if (lstat(from, &st) < 0 || dir_make_parents(AT_FDCWD, path, 0755) < 0)
        return -1;
    if (S_ISLNK(st.st_mode)) {
        ssize_t len = readlink(from, target, sizeof target - 1);
        if (len < 0)
            return -1;
        target[len] = '\0';
        return symlink(target, path) < 0 && errno != EEXIST ? -1 : 0;
    }
    int made = S_ISDIR(st.st_mode) ? mkdir(path, 0755) : mknod(path, S_IFREG | 0644, 0);
    if (made < 0 && errno != EEXIST)
        return -1;
    if (mount(from, path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return -1;
    return restrict_mount(path, flags, AT_RECURSIVE);
}

/* The working directory that the keeper left us, which may lie where we could not walk to: root's home is closed to the
 * ids of the box. A namespace's copy of the mounts takes the working directory along, but no open descriptor. */
static int open_languages(const struct config *config)
{
    return config->languages == NULL ? -1 : open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int setup_languages(int fd, char step[128])
{
    if (fd < 0)
        return 0;
    if (mkdir(BOX_LANGUAGES, 0755) < 0 || fchdir(fd) < 0 ||
        mount(".", BOX_LANGUAGES, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir("/") < 0 ||
        restrict_mount(BOX_LANGUAGES, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, AT_RECURSIVE) < 0)
        return step_failed(step, "languages", "");
    close(fd);
    return 0;
}

static int setup_devices(char step[128])
{
    static const char *const nodes[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        if (setup_bind(nodes[i], MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC) < 0)
            return step_failed(step, "device ", nodes[i]);
    }
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                           {"/proc/self/fd/0", "/dev/stdin"},
                                           {"/proc/self/fd/1", "/dev/stdout"},
                                           {"/proc/self/fd/2", "/dev/stderr"}};
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        if (symlink(links[i][0], links[i][1]) < 0)
            return step_failed(step, "link ", links[i][1]);
    }
    return 0;
}

/* The tmpfs is first mounted over /proc, the one directory that is surely there; pivot_root uncovers the old /proc,
 * which must stay visible until ours is mounted: the kernel allows a new one only beside an unmasked one. */
static int setup_pivot(char step[128])
{
    static const char *const folders[] = {"/dev", "/dev/shm", "/proc", "/tmp", "/work"};
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return step_failed(step, "private mounts", "");
    if (mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=4m,nr_inodes=4096") < 0)
        return step_failed(step, "root tmpfs", "");
    if (chdir("/proc") < 0 || mkdir("old", 0700) < 0)
        return step_failed(step, "directory of the old root", "");
    if (syscall(SYS_pivot_root, ".", "old") < 0 || chdir("/") < 0)
        return step_failed(step, "pivot_root", "");
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        if (mkdir(folders[i], 0755) < 0)
            return step_failed(step, "directory ", folders[i]);
    }
    return 0;
}

/* Where a path of the /proc that we see is masked, the kernel allows none beside it: then that one is shown, and
 * Landlock closes it but for a program's own entry. */
static int setup_proc(bool *ret_is_hosts)
{
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
        return 0;
    int error = errno;
    bool can_close = landlock_version() >= LANDLOCK_SCOPES_ABI;
    errno = error;
    if (error != EPERM || !can_close || mount("/old/proc", "/proc", NULL, MS_BIND | MS_REC, NULL) < 0)
        return -1;
    *ret_is_hosts = true;
    return 0;
}

int root_setup(const struct config *config, bool *ret_proc_is_hosts, char step[128])
{
    int languages_fd = open_languages(config);
    int error = setup_pivot(step);
    if (error == 0)
        error = setup_devices(step);
    if (error == 0)
        error = setup_languages(languages_fd, step);
    if (error < 0)
        return error;
    for (size_t i = 0; i < config->grant_count; i++) {
        if (setup_bind(config->grants[i], MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV) < 0)
            return step_failed(step, "grant ", config->grants[i]);
    }
    if (setup_proc(ret_proc_is_hosts) < 0)
        return step_failed(step, "/proc of the box", "");
    if (umount2("/old", MNT_DETACH) < 0 || rmdir("/old") < 0)
        return step_failed(step, "leaving the old root", "");
    if (restrict_mount("/", MOUNT_ATTR_RDONLY, 0) < 0)
        return step_failed(step, "read-only root", "");
    return 0;
}

int root_setup_run(const struct request *r, bool proc_is_hosts, int *ret_work_fd, char step[128])
{
    char options[96];
    const uint64_t proc_flags = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    snprintf(options, sizeof options, "mode=1777,nr_inodes=%d,size=%llu", RUN_INODES,
             (unsigned long long)r->head.limits.scratch_bytes);
    if (mount("tmpfs", "/work", "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        return step_failed(step, "fresh /work", "");
    if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        return step_failed(step, "fresh /tmp", "");
    if (mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
        return step_failed(step, "fresh /dev/shm", "");
    /* Read-only: no process may change its oom_score_adj or write through /proc/<pid>/mem; without the init. */
    if (proc_is_hosts ? restrict_mount("/proc", proc_flags, AT_RECURSIVE) < 0
                      : mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "hidepid=2") < 0)
        return step_failed(step, "fresh /proc", "");
    int work_fd = open("/work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work_fd < 0)
        return step_failed(step, "opening /work", "");
    *ret_work_fd = work_fd;
    return 0;
}
