/* Control groups, at /sys/fs/cgroup, where every distribution and every runtime has them. The keeper makes a group for
 * the box in the one that it is in itself, or in the one that it was given, and sweeps there what dead boxes left.
 *
 * Version 1: a hierarchy for each controller. The launcher lives in the box's groups, and its runs are born there, as a
 * group for each run would cost milliseconds. Limits and peaks are relative to what the groups hold between runs: the
 * launcher itself.
 *
 * Version 2: a group for each run, entered by the launcher's clone3(CLONE_INTO_CGROUP).
 *
 *   <parent>/sentinel-host            everything that was in the parent: a group with processes of its own cannot hand
 *                                     controllers down, so the whole pod (executor, keepers) moves into this leaf
 *   <parent>/sentinel-box-PID-SLOT    delegated to the launcher's id, so that it may have a child in a run's group
 *                      ├ launcher
 *                      └ run-N */
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

#define TOP "/sys/fs/cgroup"
#define GROUP_PREFIX "sentinel-box-"
#define HOST_LEAF "sentinel-host"
#define CONTROLLERS "+memory +pids +cpu"
#define MEMORY_STEP (256u << 10)
#define LAUNCHER_GROWTH (512u << 10)
/* Kept free of a container's memory: a sixteenth, for what a program can take between two looks. */
#define CONTAINER_RESERVE(limit) ((limit) / 16)

enum controller { MEMORY, PIDS, CPU, CPUACCT, CONTROLLER_COUNT };
static const char *const controllers[CONTROLLER_COUNT] = {"memory", "pids", "cpu", "cpuacct"};

struct cgroup {
    int version;
    int parent_fd[CONTROLLER_COUNT], box_fd[CONTROLLER_COUNT]; /* version 2: the first alone */
    int run_fd[CONTROLLER_COUNT];                              /* where a run's limits and figures are; not owned */
    char name[64];                                             /* of the box's groups */
    uid_t launcher_id;
    unsigned long runs;
    int error;                                   /* the first of a series of put(), 0: none */
    uint64_t cpu_base_us, memory_base, oom_base; /* what the run's groups held at its begin; 0 with version 2 */
    /* Version 1: */
    uint32_t cpus_milli;      /* as set now, 0: not known */
    uint64_t memory_limit;    /* likewise */
    uint64_t memory_held;     /* of memory_base, what the kernel cannot take back */
    uint64_t launcher_memory; /* the most that the launcher and its servers hold, 0: not known */
    uint32_t servers;
};

/* Writes a figure, unless one before could not be written. */
static void put(struct cgroup *cg, enum controller which, const char *file, long long value)
{
    if (cg->error == 0)
        cg->error = write_at(cg->run_fd[which], file, "%lld", value);
}

static bool in_list(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (; *list != '\0'; list += list[strcspn(list, ",")] == ',') {
        size_t item = strcspn(list, ",");
        if (item == len && memcmp(list, word, len) == 0)
            return true;
        list += item;
    }
    return len == 0;
}

/* Opens the group that we are in (or `given`, a path in the hierarchy) of a controller, of version 2 when it is "". A
 * container may show its own group as the hierarchy's top, while its name is the host's. -1 when there is none. */
static int open_group(const char *controller, const char *given)
{
    char line[1024], path[1200];
    int fd = -1;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fd < 0 && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *list = strchr(line, ':'), *own = list == NULL ? NULL : strchr(list + 1, ':');
        if (own == NULL)
            continue;
        *own++ = '\0';
        if (controller[0] == '\0' ? list[1] != '\0' : !in_list(list + 1, controller))
            continue;
        char *leaf = strrchr(own, '/'); /* an earlier box, or our executor's other slot, has moved us into it */
        if (leaf != NULL && strcmp(leaf, "/" HOST_LEAF) == 0)
            *leaf = '\0';
        snprintf(path, sizeof path, TOP "/%s/%s", controller, given == NULL ? own : given);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && given == NULL) {
            snprintf(path, sizeof path, TOP "/%s", controller);
            fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
    }
    if (file != NULL)
        fclose(file);
    return fd;
}

static int make_group(int parent_fd, const char *name)
{
    if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* And the groups in it. */
static void remove_group(int parent_fd, const char *name)
{
    DIR *dir = dir_open(parent_fd, name);
    for (const struct dirent *entry; (entry = dir_next(dir)) != NULL;) {
        if (entry->d_type == DT_DIR)
            remove_group(dirfd(dir), entry->d_name);
    }
    /* The dead leave a group a moment after their parent has reaped them. */
    for (int tries = 0; unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno == EBUSY && tries < 100; tries++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* A group's name carries the pid of its keeper. */
static void sweep(int parent_fd)
{
    DIR *dir = dir_open(parent_fd, ".");
    for (const struct dirent *entry; (entry = dir_next(dir)) != NULL;) {
        if (strncmp(entry->d_name, GROUP_PREFIX, strlen(GROUP_PREFIX)) != 0)
            continue;
        long pid = strtol(entry->d_name + strlen(GROUP_PREFIX), NULL, 10);
        if (pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH)
            remove_group(parent_fd, entry->d_name);
    }
}

/* Version 2: moves every process of the parent into a leaf; new ones may be born meanwhile, hence the rounds. */
static int empty_parent(int parent_fd)
{
    int leaf_fd = make_group(parent_fd, HOST_LEAF);
    if (leaf_fd < 0)
        return leaf_fd;
    char pids[4096];
    int error = 0;
    for (int round = 0; round < 50 && error == 0; round++) {
        error = read_at(parent_fd, "cgroup.procs", pids, sizeof pids);
        if (error < 0 || pids[0] == '\0')
            break;
        for (char *pid = strtok(pids, "\n"); pid != NULL && error == 0; pid = strtok(NULL, "\n")) {
            error = write_at(leaf_fd, "cgroup.procs", "%s", pid);
            if (error == -ESRCH)
                error = 0; /* it ended meanwhile */
        }
    }
    close(leaf_fd);
    return error;
}

/* A parent of version 2 that has processes hands nothing down. */
static int hand_down(int parent_fd)
{
    int error = write_at(parent_fd, "cgroup.subtree_control", CONTROLLERS);
    if (error == -EBUSY && (error = empty_parent(parent_fd)) == 0)
        error = write_at(parent_fd, "cgroup.subtree_control", CONTROLLERS);
    return error;
}

/* Finds the parents: of the four controllers' hierarchies, or else the one of version 2. How many, 0: none. */
static int open_parents(struct cgroup *cg, const char *given)
{
    int count = 0;
    while (count < CONTROLLER_COUNT && (cg->parent_fd[count] = open_group(controllers[count], given)) >= 0)
        count++;
    cg->version = count == CONTROLLER_COUNT ? 1 : 2;
    if (cg->version == 1)
        return count;
    close_fds(cg->parent_fd, CONTROLLER_COUNT);
    cg->parent_fd[0] = open_group("", given);
    return cg->parent_fd[0] >= 0;
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
    memset(cg->parent_fd, -1, sizeof cg->parent_fd);
    memset(cg->box_fd, -1, sizeof cg->box_fd);
    memset(cg->run_fd, -1, sizeof cg->run_fd);
    int count = open_parents(cg, config->cgroup[0] == '/' ? config->cgroup : NULL);
    int error = count == 0 ? -ENOENT : 0;
    if (error == 0 && cg->version == 2)
        error = hand_down(cg->parent_fd[0]);
    for (int i = 0; i < count && error == 0; i++) {
        sweep(cg->parent_fd[i]);
        cg->box_fd[i] = make_group(cg->parent_fd[i], cg->name);
        error = cg->box_fd[i] < 0 ? cg->box_fd[i] : 0;
    }
    if (error == 0 && cg->version == 2) {
        int leaf_fd = make_group(cg->box_fd[0], "launcher");
        error = leaf_fd < 0 ? leaf_fd : write_at(cg->box_fd[0], "cgroup.subtree_control", CONTROLLERS);
        close_fds(&leaf_fd, 1);
    }
    if (error == 0 && cg->version == 1 && write_at(cg->box_fd[MEMORY], "memory.swappiness", "0") < 0)
        log_line("warn", "memory.swappiness cannot be set");
    if (error == 0)
        return cg;
    snprintf(why, 160, count == 0 ? "no cgroup file system with memory, pids and cpu" : "a group in " TOP ": %s",
             strerror(-error));
    cgroup_close(cg);
    return NULL;
}

void cgroup_close(struct cgroup *cg)
{
    if (cg == NULL)
        return;
    for (int i = 0; i < CONTROLLER_COUNT; i++) {
        if (cg->box_fd[i] >= 0)
            remove_group(cg->parent_fd[i], cg->name);
    }
    close_fds(cg->box_fd, CONTROLLER_COUNT);
    close_fds(cg->parent_fd, CONTROLLER_COUNT);
    free(cg);
}

uint32_t cgroup_version(const struct cgroup *cg)
{
    return cg == NULL ? 0 : (uint32_t)cg->version;
}

int cgroup_admit(struct cgroup *cg, pid_t launcher, uid_t its_id)
{
    const char *file = cg->version == 1 ? "cgroup.procs" : "launcher/cgroup.procs";
    int error = 0;
    cg->launcher_memory = 0;
    cg->launcher_id = its_id;
    for (int i = 0; i < CONTROLLER_COUNT && error == 0; i++) {
        if (cg->box_fd[i] >= 0)
            error = write_at(cg->box_fd[i], file, "%d", (int)launcher);
    }
    if (error == 0 && cg->version == 2 && fchownat(cg->box_fd[0], "cgroup.procs", its_id, -1, 0) < 0)
        error = -errno;
    return error;
}

void cgroup_set_servers(struct cgroup *cg, uint32_t count)
{
    if (cg == NULL)
        return;
    cg->servers = count;
    cg->launcher_memory = 0;
}

/* The three writes are dear, and what the launcher holds hardly changes: its share is rounded up, and a limit that
 * stands is left. */
static void set_memory_1(struct cgroup *cg, uint64_t bytes)
{
    bytes = (bytes + MEMORY_STEP - 1) / MEMORY_STEP * MEMORY_STEP;
    if (bytes == cg->memory_limit)
        return;
    cg->memory_limit = 0;
    /* Memory and swap together may never be below memory: up before, down after. Absent without swap accounting. */
    int swap = write_at(cg->run_fd[MEMORY], "memory.memsw.limit_in_bytes", "-1");
    cg->error = swap == -ENOENT || swap == -EOPNOTSUPP ? 0 : swap;
    put(cg, MEMORY, "memory.limit_in_bytes", (long long)bytes);
    if (swap == 0)
        put(cg, MEMORY, "memory.memsw.limit_in_bytes", (long long)bytes);
    if (cg->error == 0)
        cg->memory_limit = bytes;
}

/* What the kernel takes back when it wants: pages of files, but those that are nowhere else. */
static uint64_t page_cache_1(const struct cgroup *cg)
{
    uint64_t cache = read_number_at(cg->run_fd[MEMORY], "memory.stat", "cache");
    uint64_t shmem = read_number_at(cg->run_fd[MEMORY], "memory.stat", "shmem");
    return cache > shmem ? cache - shmem : 0;
}

static void begin_1(struct cgroup *cg, const struct box_limits *l, long long quota_us, long long period_us)
{
    memcpy(cg->run_fd, cg->box_fd, sizeof cg->run_fd);
    cg->memory_base = read_number_at(cg->run_fd[MEMORY], "memory.usage_in_bytes", NULL);
    cg->oom_base = read_number_at(cg->run_fd[MEMORY], "memory.oom_control", "oom_kill");
    cg->cpu_base_us = read_number_at(cg->run_fd[CPUACCT], "cpuacct.usage", NULL) / 1000;
    /* What earlier runs read of the toolchain stays charged to the box; the kernel takes it back at the limit, so it
     * must not raise it. The launcher's own share hardly grows after its first run. */
    if (cg->launcher_memory == 0)
        cg->launcher_memory = cg->memory_base - page_cache_1(cg) + LAUNCHER_GROWTH;
    cg->memory_held = cg->memory_base < cg->launcher_memory ? cg->memory_base : cg->launcher_memory;
    set_memory_1(cg, l->memory_bytes + cg->memory_held);
    if (cg->error == -EBUSY) { /* the run before is not yet off the books */
        cg->memory_held = cg->memory_base;
        set_memory_1(cg, l->memory_bytes + cg->memory_held);
    }
    put(cg, MEMORY, "memory.max_usage_in_bytes", 0);
    put(cg, PIDS, "pids.max", l->processes + 2 + cg->servers); /* the launcher and the init are counted too */
    if (cg->cpus_milli == l->cpus_milli)
        return;
    /* Without a quota first: old quota and new period together could be more than the parent has. */
    put(cg, CPU, "cpu.cfs_quota_us", -1);
    put(cg, CPU, "cpu.cfs_period_us", period_us);
    put(cg, CPU, "cpu.cfs_quota_us", quota_us);
    if (cg->error == 0)
        cg->cpus_milli = l->cpus_milli;
}

static void run_name(const struct cgroup *cg, char out[32])
{
    snprintf(out, 32, "run-%lu", cg->runs);
}

static int begin_2(struct cgroup *cg, const struct box_limits *l, long long quota_us, long long period_us)
{
    char name[32];
    cg->runs++;
    run_name(cg, name);
    int fd = make_group(cg->box_fd[0], name);
    for (int i = 0; i < CONTROLLER_COUNT; i++)
        cg->run_fd[i] = fd;
    cg->error = fd < 0 ? fd : write_at(fd, "cpu.max", "%lld %lld", quota_us, period_us);
    put(cg, MEMORY, "memory.max", (long long)l->memory_bytes);
    put(cg, PIDS, "pids.max", l->processes + 1); /* the init is counted too */
    if (cg->error == 0 && fchownat(fd, "cgroup.procs", cg->launcher_id, -1, 0) < 0)
        cg->error = -errno;
    int swap = write_at(fd, "memory.swap.max", "0");
    if (cg->error == 0 && swap != -ENOENT) /* no swap in this kernel */
        cg->error = swap;
    return fd;
}

int cgroup_begin(struct cgroup *cg, const struct box_limits *l, int *ret_run_fd)
{
    /* Short, so that a run with a small share is not stopped for long; but no quota may be below a millisecond. */
    long long period_us = l->cpus_milli < 50 ? 100000 : 20000;
    long long quota_us = l->cpus_milli * period_us / 1000;
    cg->error = 0;
    *ret_run_fd = -1;
    if (cg->version == 1)
        begin_1(cg, l, quota_us, period_us);
    else
        *ret_run_fd = begin_2(cg, l, quota_us, period_us);
    return cg->error;
}

static uint64_t peak_1(const struct cgroup *cg)
{
    uint64_t peak = read_number_at(cg->run_fd[MEMORY], "memory.max_usage_in_bytes", NULL);
    if (peak + MEMORY_STEP >= cg->memory_limit) /* it was full, and what was reclaimable gave way */
        return peak - cg->memory_held;
    return peak > cg->memory_base ? peak - cg->memory_base : 0;
}

void cgroup_use(struct cgroup *cg, struct cgroup_use *ret_use)
{
    bool first = cg->version == 1;
    const char *kills = first ? "memory.oom_control" : "memory.events";
    *ret_use = (struct cgroup_use){
        .cpu_us = first ? read_number_at(cg->run_fd[CPUACCT], "cpuacct.usage", NULL) / 1000 - cg->cpu_base_us
                        : read_number_at(cg->run_fd[CPU], "cpu.stat", "usage_usec"),
        .memory_peak = first ? peak_1(cg) : read_number_at(cg->run_fd[MEMORY], "memory.peak", NULL),
        .oom_kills = read_number_at(cg->run_fd[MEMORY], kills, "oom_kill") - cg->oom_base,
    };
}

/* Kernels without pressure figures (psi=0) have no such file, or one that cannot be read. */
uint64_t cgroup_pressure_us(const struct cgroup *cg)
{
    char text[256];
    if (cgroup_version(cg) != 2 || read_at(cg->run_fd[CPU], "cpu.pressure", text, sizeof text) < 0)
        return 0;
    const char *total = strstr(text, "total="); /* of the first line, "some" */
    return total == NULL ? 0 : strtoull(total + strlen("total="), NULL, 10);
}

void cgroup_let_die(struct cgroup *cg)
{
    if (cg == NULL)
        return;
    cg->cpus_milli = 0;
    int error = cg->version == 1 ? write_at(cg->run_fd[CPU], "cpu.cfs_quota_us", "-1")
                                 : write_at(cg->run_fd[CPU], "cpu.max", "max");
    if (error < 0)
        log_line("warn", "the quota of processor time cannot be lifted: %s", strerror(-error));
}

void cgroup_end(struct cgroup *cg)
{
    char name[32];
    if (cgroup_version(cg) != 2)
        return;
    close_fds(cg->run_fd, 1);
    run_name(cg, name);
    remove_group(cg->box_fd[0], name);
}

void container_open(struct container *ret_container)
{
    *ret_container = (struct container){.dir_fd = -1, .version_1 = true};
    int fd = open_group(controllers[MEMORY], NULL);
    if (fd < 0) {
        ret_container->version_1 = false;
        fd = open_group("", NULL);
    }
    const char *file = ret_container->version_1 ? "memory.limit_in_bytes" : "memory.max";
    uint64_t limit = fd < 0 ? 0 : read_number_at(fd, file, NULL);
    if (limit > 0 && limit < (uint64_t)INT64_MAX / 2) { /* version 2 says "max", version 1 a number near 2^63 */
        ret_container->dir_fd = fd;
        ret_container->limit = limit;
    } else {
        close_fds(&fd, 1);
    }
}

bool container_is_full(const struct container *c, uint64_t *ret_used)
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
    return used + CONTAINER_RESERVE(c->limit) > c->limit;
}
