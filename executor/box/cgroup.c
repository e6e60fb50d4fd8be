/* Finds where the box may make its groups, and sweeps what dead boxes left there. */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GROUP_PREFIX "sentinel-box-"

static const char *const controllers[CGROUP_CONTROLLERS] = {"memory", "pids", "cpu", "cpuacct"};

static bool in_list(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += len) {
        if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0' || at[len] == '\n'))
            return true;
    }
    return false;
}

/* The group that we are in, as the hierarchy names it: of `controller`, or of version 2 when it is NULL. */
static bool own_group(const char *controller, char *out, size_t size)
{
    char line[1024];
    FILE *file = fopen("/proc/self/cgroup", "re");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        char *list = strchr(line, ':'), *path = list == NULL ? NULL : strchr(list + 1, ':');
        if (path == NULL)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        found = controller == NULL ? list[1] == '\0' : in_list(list + 1, controller);
        if (found)
            snprintf(out, size, "%s", path);
    }
    if (file != NULL)
        fclose(file);
    return found;
}

/* Where `group` of that hierarchy is to be seen in the file system. */
static bool mounted_group(const char *controller, const char *group, char *out, size_t size)
{
    char line[4096], root[1024], point[1024], type[64], super[1024];
    FILE *file = fopen("/proc/self/mountinfo", "re");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        const char *dash = strstr(line, " - ");
        if (dash == NULL || sscanf(line, "%*s %*s %*s %1023s %1023s", root, point) != 2 ||
            sscanf(dash, " - %63s %*s %1023s", type, super) != 2)
            continue;
        if (controller == NULL ? strcmp(type, "cgroup2") != 0
                               : strcmp(type, "cgroup") != 0 || !in_list(super, controller))
            continue;
        size_t root_len = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(group, root, root_len) != 0)
            continue;
        const char *rest = strcmp(group + root_len, "/") == 0 ? "" : group + root_len;
        found = (size_t)snprintf(out, size, "%s%s", point, rest) < size;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static bool find_parent(const struct config *config, const char *controller, char *out, size_t size)
{
    char group[512];
    if (!own_group(controller, group, sizeof group))
        return false;
    return mounted_group(controller, config->cgroup[0] == '/' ? config->cgroup : group, out, size);
}

/* Kept free of a container's memory: a sixteenth, for what a program can take between two looks. */
#define CONTAINER_RESERVE(limit) ((limit) / 16)

void container_open(const struct config *config, struct container *ret_container)
{
    char path[640];
    struct config own = *config;
    own.cgroup = "auto";
    *ret_container = (struct container){.dir_fd = -1};
    bool version_1 = find_parent(&own, "memory", path, sizeof path);
    if (!version_1 && !find_parent(&own, NULL, path, sizeof path))
        return;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t limit = fd < 0 ? 0 : read_number_at(fd, version_1 ? "memory.limit_in_bytes" : "memory.max", NULL);
    if (limit > 0 && limit < (uint64_t)INT64_MAX / 2) /* version 2 says "max", version 1 a number near 2^63 */
        *ret_container = (struct container){fd, version_1, limit};
    else
        close_fds(&fd, 1);
}

bool container_is_full(const struct container *c, uint64_t *ret_used, uint64_t *ret_limit)
{
    if (c->dir_fd < 0)
        return false;
    uint64_t used = read_number_at(c->dir_fd, c->version_1 ? "memory.usage_in_bytes" : "memory.current", NULL);
    if (used + CONTAINER_RESERVE(c->limit) <= c->limit)
        return false;
    const char *kinds[2][2] = {{"active_file", "inactive_file"}, {"total_active_file", "total_inactive_file"}};
    for (int i = 0; i < 2; i++) {
        uint64_t cache = read_number_at(c->dir_fd, "memory.stat", kinds[c->version_1][i]);
        used -= cache < used ? cache : used;
    }
    *ret_used = used;
    *ret_limit = c->limit;
    return used + CONTAINER_RESERVE(c->limit) > c->limit;
}

uint32_t cgroup_period_us(uint32_t cpus_milli)
{
    return cpus_milli < 50 ? 100000 : 20000;
}

int cgroup_make(const char *parent, const char *name)
{
    char path[640];
    snprintf(path, sizeof path, "%s/%s", parent, name);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void cgroup_remove(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char below[1024];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        cgroup_remove(below);
    }
    if (dir != NULL)
        closedir(dir);
    /* The dead leave a group a moment after their parent has reaped them. */
    for (int tries = 0; rmdir(path) < 0 && errno == EBUSY && tries < 100; tries++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void sweep(const char *parent)
{
    DIR *dir = opendir(parent);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[1024];
        if (strncmp(entry->d_name, GROUP_PREFIX, strlen(GROUP_PREFIX)) != 0)
            continue;
        pid_t pid = (pid_t)word_number(entry->d_name + strlen(GROUP_PREFIX), 0);
        if (pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH)
            continue;
        snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
        cgroup_remove(path);
    }
    if (dir != NULL)
        closedir(dir);
}

struct cgroup *cgroup_open(const struct config *config, char why[160])
{
    if (strcmp(config->cgroup, "off") == 0) {
        snprintf(why, 160, "switched off");
        return NULL;
    }
    struct cgroup *cg = calloc(1, sizeof *cg);
    if (cg == NULL)
        die("out of memory");
    snprintf(cg->name, sizeof cg->name, GROUP_PREFIX "%d-%u", (int)getpid(), config->slot);
    cg->run_fd = -1;
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        cg->dir_fd[i] = -1;

    int found = 0;
    while (found < CGROUP_CONTROLLERS &&
           find_parent(config, controllers[found], cg->parent[found], sizeof cg->parent[found]))
        found++;
    if (found == CGROUP_CONTROLLERS) {
        cg->driver = &cgroup_v1;
    } else if (find_parent(config, NULL, cg->parent[0], sizeof cg->parent[0])) {
        cg->driver = &cgroup_v2;
        found = 1;
    } else {
        snprintf(why, 160, "no cgroup file system with memory, pids and cpu");
        free(cg);
        return NULL;
    }
    if (cg->driver->create(cg, why) < 0) {
        cgroup_close(cg);
        return NULL;
    }
    for (int i = 0; i < found; i++) /* now that create() has settled which group the parent is */
        sweep(cg->parent[i]);
    return cg;
}

void cgroup_close(struct cgroup *cg)
{
    if (cg == NULL)
        return;
    cg->driver->destroy(cg);
    close_fds(cg->dir_fd, CGROUP_CONTROLLERS);
    close_fds(&cg->run_fd, 1);
    free(cg);
}
