/* What a program of tier B sees of the host: names as they are, of which it may open what was granted. A ruleset for
 * each run, because the run's own directories and the program's own entry in /proc belong in it. */
#include "confine.h"
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* Beside the grants. What is not there is left out; of /proc nothing that tells of another process. OpenSSL takes a
 * configuration that is not there for none, but one that it may not read for an error. */
static const struct {
    const char *path;
    uint64_t rights;
} always[] = {
    {"/dev/full", LANDLOCK_READ | LANDLOCK_WRITE},
    {"/dev/null", LANDLOCK_READ | LANDLOCK_WRITE},
    {"/dev/random", LANDLOCK_READ},
    {"/dev/urandom", LANDLOCK_READ},
    {"/dev/zero", LANDLOCK_READ | LANDLOCK_WRITE},
    {"/etc/ssl/openssl.cnf", LANDLOCK_READ},
    {"/proc/cpuinfo", LANDLOCK_READ},
    {"/proc/filesystems", LANDLOCK_READ},
    {"/proc/loadavg", LANDLOCK_READ},
    {"/proc/meminfo", LANDLOCK_READ},
    {"/proc/stat", LANDLOCK_READ},
    {"/proc/sys", LANDLOCK_READ},
    {"/proc/uptime", LANDLOCK_READ},
    {"/proc/version", LANDLOCK_READ},
};

static int grant(int ruleset_fd, const char *path, uint64_t rights, char step[128])
{
    snprintf(step, 128, "grant %.100s", path);
    int fd = open(path, O_PATH | O_CLOEXEC);
    int error = fd < 0 || landlock_grant(ruleset_fd, fd, rights) < 0 ? -errno : 0;
    close_fds(&fd, 1);
    return error;
}

int view_ruleset(const struct config *config, const int run_fds[], size_t run_fd_count, char step[128])
{
    snprintf(step, 128, "Landlock's ruleset");
    int fd = landlock_files(), error = 0;
    if (fd < 0)
        return -errno;
    for (size_t i = 0; i < run_fd_count; i++) {
        if (landlock_grant(fd, run_fds[i], LANDLOCK_CHANGE) < 0)
            return -errno;
    }
    if (config->languages != NULL)
        error = grant(fd, config->languages, LANDLOCK_READ | LANDLOCK_EXECUTE, step);
    for (size_t i = 0; i < config->grant_count && error == 0; i++)
        error = grant(fd, config->grants[i], LANDLOCK_READ | LANDLOCK_EXECUTE, step);
    for (size_t i = 0; i < ARRAY_LEN(always) && error == 0; i++) {
        error = grant(fd, always[i].path, always[i].rights, step);
        if (error == -ENOENT)
            error = 0;
    }
    return error < 0 ? error : fd;
}

/* Its children's are not known yet, and stay closed. */
int view_add_self(int ruleset_fd)
{
    int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return self < 0 ? -1 : landlock_grant(ruleset_fd, self, LANDLOCK_READ);
}
