/* What a program of tier B sees of the host: names as they are, of which it may open what was granted. Opened once by
 * the launcher, made into a ruleset for each run, because the run's own directories and the program's own entry in
 * /proc belong in it. */
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static struct {
    int fd;
    uint64_t rights;
} granted[BOX_GRANTS_MAX + 1 + ARRAY_LEN(always)];
static size_t granted_count;
static char languages[PATH_MAX]; /* "" when there are none */

static int grant(const char *path, uint64_t rights)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    granted[granted_count].rights = rights;
    granted[granted_count++].fd = fd;
    return 0;
}

int view_setup(const struct config *config, char step[128])
{
    int error = 0;
    if (config->languages != NULL) {
        snprintf(step, 128, "the folder of languages");
        if (getcwd(languages, sizeof languages) == NULL || access(languages, R_OK | X_OK) < 0)
            return -errno;
        error = grant(languages, LANDLOCK_READ | LANDLOCK_EXECUTE);
    }
    for (size_t i = 0; i < config->grant_count && error == 0; i++) {
        snprintf(step, 128, "grant %.100s", config->grants[i]);
        error = grant(config->grants[i], LANDLOCK_READ | LANDLOCK_EXECUTE);
    }
    for (size_t i = 0; i < ARRAY_LEN(always) && error == 0; i++) {
        snprintf(step, 128, "%s", always[i].path);
        error = grant(always[i].path, always[i].rights);
        if (error == -ENOENT)
            error = 0;
    }
    return error;
}

int view_ruleset(const int run_fds[2], int *ret_fd)
{
    int fd = landlock_files();
    if (fd < 0)
        return -errno;
    for (size_t i = 0; i < granted_count; i++) {
        if (landlock_grant(fd, granted[i].fd, granted[i].rights) < 0)
            return -errno;
    }
    for (int i = 0; i < 2; i++) {
        if (landlock_grant(fd, run_fds[i], LANDLOCK_CHANGE) < 0)
            return -errno;
    }
    *ret_fd = fd;
    return 0;
}

/* Its children's are not known yet, and stay closed. */
int view_add_self(int ruleset_fd)
{
    int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return self < 0 ? -1 : landlock_grant(ruleset_fd, self, LANDLOCK_READ);
}

/* A path of tier A, and where that is here. */
struct move {
    const char *from, *to;
};

static const struct move *move_at(const char *at, const struct move *moves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(moves[i].from);
        if (strncmp(at, moves[i].from, len) == 0 && strchr("/:,", at[len]) != NULL)
            return &moves[i];
    }
    return NULL;
}

/* Writes `word` with its paths moved: those that are where it begins, or behind one of "=:,". `out` may be NULL.
 * Returns the length. */
static size_t move_into(char *out, const char *word, const struct move *moves, size_t count)
{
    size_t used = 0;
    for (const char *at = word; *at != '\0';) {
        const struct move *m = at == word || strchr("=:,", at[-1]) != NULL ? move_at(at, moves, count) : NULL;
        size_t len = m == NULL ? 1 : strlen(m->to);
        if (out != NULL)
            memcpy(out + used, m == NULL ? at : m->to, len);
        used += len;
        at += m == NULL ? 1 : strlen(m->from);
    }
    return used;
}

static char *moved(char *word, const struct move *moves, size_t count)
{
    size_t len = move_into(NULL, word, moves, count);
    char *out = malloc(len + 1); /* not freed: an init lives for one run */
    if (out == NULL)
        _exit(1);
    move_into(out, word, moves, count);
    out[len] = '\0';
    return out;
}

void view_move_words(struct request *r, const char *scratch)
{
    char work[PATH_MAX + 8], tmp[PATH_MAX + 8];
    const struct move moves[] = {{BOX_LANGUAGES, languages}, {"/work", work}, {"/tmp", tmp}};
    size_t first = languages[0] == '\0'; /* none to move */
    snprintf(work, sizeof work, "%s/work", scratch);
    snprintf(tmp, sizeof tmp, "%s/tmp", scratch);
    for (uint32_t i = 0; i < r->head.envc; i++)
        r->env[i] = moved(r->env[i], moves + first, ARRAY_LEN(moves) - first);
    for (uint32_t i = 0; i < r->head.argc; i++)
        r->argv[i] = moved(r->argv[i], moves, 1 - first);
}
