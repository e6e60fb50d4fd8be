/* What a program of tier B sees of the host: names as they are, of which it may open what was granted. A ruleset for
 * each run, because the run's own directories and the program's own entry in /proc belong in it. */
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
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

/* Writes the word with its paths moved: those that are where it begins, or behind one of "=:,". Returns its size with
 * the NUL; `to` is NULL when only that is asked. */
static size_t put_moved(char *to, const char *word, const struct move *moves, size_t count)
{
    size_t size = 0;
    for (const char *at = word; *at != '\0';) {
        const struct move *m = at == word || strchr("=:,", at[-1]) != NULL ? move_at(at, moves, count) : NULL;
        size_t len = m == NULL ? 1 : strlen(m->to);
        if (to != NULL)
            memcpy(to + size, m == NULL ? at : m->to, len);
        size += len;
        at += m == NULL ? 1 : strlen(m->from);
    }
    if (to != NULL)
        to[size] = '\0';
    return size + 1;
}

/* The words of the run before are let go: an init has the memory of who comes after it, and may be killed in libc's
 * allocator. NULL: there is none. */
static char *take_space(size_t size)
{
    static char *space;
    static size_t space_size;
    char *before = space;
    space = NULL;
    if (before != NULL)
        munmap(before, space_size);
    space_size = size;
    char *fresh = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    space = fresh == MAP_FAILED ? NULL : fresh;
    return space;
}

void view_move_words(struct request *r, const struct config *config, const char *scratch)
{
    char work[PATH_MAX + 8], tmp[PATH_MAX + 8];
    const char *languages = config->languages == NULL ? BOX_LANGUAGES : config->languages;
    const struct move moves[] = {{BOX_LANGUAGES, languages}, {"/work", work}, {"/tmp", tmp}};
    const struct {
        char **words;
        uint32_t count;
        size_t moves;
    } lists[] = {{r->env, r->head.envc, ARRAY_LEN(moves)}, {r->argv, r->head.argc, 1}};
    size_t size = 0;
    snprintf(work, sizeof work, "%s/work", scratch);
    snprintf(tmp, sizeof tmp, "%s/tmp", scratch);
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (uint32_t i = 0; i < lists[l].count; i++)
            size += put_moved(NULL, lists[l].words[i], moves, lists[l].moves);
    char *to = take_space(size);
    if (to == NULL)
        _exit(1);
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (uint32_t i = 0; i < lists[l].count; i++) {
            size = put_moved(to, lists[l].words[i], moves, lists[l].moves);
            lists[l].words[i] = to;
            to += size;
        }
}
