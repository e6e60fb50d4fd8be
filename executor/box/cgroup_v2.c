/* Version 2: a group for each run, made by the keeper and entered by the launcher's clone3(CLONE_INTO_CGROUP).
 *
 *   <parent>/sentinel-host            everything that was in the parent: a group with processes of its own cannot hand
 *                                     controllers down, so the whole pod (executor, keepers) moves into this leaf
 *   <parent>/sentinel-box-PID-SLOT    delegated to the launcher's id, so that it may move a child beneath it
 *                      ├ launcher     the launcher, which enters when its cgroup namespace stands: the namespace's root
 *                      │              must hold both groups, or CLONE_INTO_CGROUP is refused
 *                      └ run-N        one run */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST_LEAF "sentinel-host"
#define CONTROLLERS "+memory +pids +cpu"

static void run_name(const struct cgroup *cg, char out[32])
{
    snprintf(out, 32, "run-%llu", (unsigned long long)cg->runs);
}

/* Moves every process of the parent into a leaf; new ones may be born meanwhile, hence the rounds. */
static int empty_parent(int parent_fd, const char *parent)
{
    int leaf_fd = cgroup_make(parent, HOST_LEAF);
    if (leaf_fd < 0)
        return leaf_fd;
    char pids[4096];
    int error = 0;
    for (int round = 0; round < 50 && error == 0; round++) {
        error = read_at(parent_fd, "cgroup.procs", pids, sizeof pids);
        if (error < 0 || pids[0] == '\0')
            break;
        for (char *pid = strtok(pids, "\n"); pid != NULL; pid = strtok(NULL, "\n")) {
            error = write_at(leaf_fd, "cgroup.procs", "%s", pid);
            if (error == -ESRCH)
                error = 0; /* it ended meanwhile */
            if (error < 0)
                break;
        }
    }
    close(leaf_fd);
    return error;
}

static int enable_controllers(int parent_fd, const char *parent)
{
    int error = write_at(parent_fd, "cgroup.subtree_control", CONTROLLERS);
    if (error != -EBUSY)
        return error;
    error = empty_parent(parent_fd, parent);
    return error < 0 ? error : write_at(parent_fd, "cgroup.subtree_control", CONTROLLERS);
}

static int v2_create(struct cgroup *cg, char why[160])
{
    char *parent = cg->parent[0];
    /* An earlier box, or our executor's other slot, has moved us already. */
    char *last = strrchr(parent, '/');
    if (last != NULL && strcmp(last + 1, HOST_LEAF) == 0)
        *last = '\0';
    int parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = parent_fd < 0 ? -errno : enable_controllers(parent_fd, parent);
    close_fds(&parent_fd, 1);
    if (error == 0) {
        cg->dir_fd[0] = cgroup_make(parent, cg->name);
        error = cg->dir_fd[0] < 0 ? cg->dir_fd[0] : 0;
    }
    if (error == 0 && faccessat(cg->dir_fd[0], "memory.max", F_OK, 0) < 0)
        error = -errno;
    if (error < 0)
        snprintf(why, 160, "%.60s: %s", parent, strerror(-error));
    return error;
}

static int v2_join(struct cgroup *cg, pid_t launcher)
{
    /* A second launcher finds controllers handed down, and a group that does so takes no process. */
    int error = write_at(cg->dir_fd[0], "cgroup.subtree_control", "-memory -pids -cpu");
    return error < 0 ? error : write_at(cg->dir_fd[0], "cgroup.procs", "%d", (int)launcher);
}

static int v2_settle(struct cgroup *cg, pid_t launcher, uid_t its_id)
{
    if (mkdirat(cg->dir_fd[0], "launcher", 0755) < 0 && errno != EEXIST)
        return -errno;
    int error = write_at(cg->dir_fd[0], "launcher/cgroup.procs", "%d", (int)launcher);
    if (error == 0)
        error = write_at(cg->dir_fd[0], "cgroup.subtree_control", CONTROLLERS);
    cg->launcher_id = its_id;
    if (error == 0 && fchownat(cg->dir_fd[0], "cgroup.procs", its_id, -1, 0) < 0)
        error = -errno;
    return error;
}

static int set_limits(int run_fd, const struct box_limits *l)
{
    uint32_t period_us = cgroup_period_us(l->cpus_milli);
    int error = write_at(run_fd, "memory.max", "%llu", (unsigned long long)l->memory_bytes);
    if (error == 0)
        error = write_at(run_fd, "memory.oom.group", "1");
    if (error == 0)
        error = write_at(run_fd, "pids.max", "%u", l->processes + 1); /* the init is counted too */
    if (error == 0)
        error = write_at(run_fd, "cpu.max", "%llu %u", (unsigned long long)l->cpus_milli * period_us / 1000, period_us);
    if (error == 0)
        error = write_at(run_fd, "memory.swap.max", "0");
    return error == -ENOENT ? 0 : error; /* no swap in this kernel; the others were there at the start */
}

static int v2_begin(struct cgroup *cg, const struct box_limits *l, int *ret_run_fd)
{
    char name[32];
    cg->runs++;
    run_name(cg, name);
    if (mkdirat(cg->dir_fd[0], name, 0755) < 0)
        return -errno;
    cg->run_fd = openat(cg->dir_fd[0], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cg->run_fd < 0)
        return -errno;
    int error = set_limits(cg->run_fd, l);
    if (error == 0 && fchownat(cg->run_fd, "cgroup.procs", cg->launcher_id, -1, 0) < 0)
        error = -errno;
    *ret_run_fd = cg->run_fd;
    return error;
}

static void v2_use(struct cgroup *cg, struct cgroup_use *ret_use)
{
    ret_use->cpu_us = read_number_at(cg->run_fd, "cpu.stat", "usage_usec");
    ret_use->oom_kills = read_number_at(cg->run_fd, "memory.events", "oom_kill");
    ret_use->memory_peak = read_number_at(cg->run_fd, "memory.peak", NULL);
    if (ret_use->memory_peak == 0) /* before Linux 5.19 */
        ret_use->memory_peak = read_number_at(cg->run_fd, "memory.current", NULL);
}

/* Kernels without pressure figures (psi=0) have no such file, or one that cannot be read. */
static uint64_t v2_pressure_us(struct cgroup *cg)
{
    char text[256];
    if (read_at(cg->run_fd, "cpu.pressure", text, sizeof text) < 0)
        return 0;
    const char *total = strstr(text, "total="); /* of the first line, "some" */
    return total == NULL ? 0 : word_number(total + strlen("total="), 0);
}

/* The dying must be let run: under a small quota their end would take longer than the kill may. */
static void v2_kill(struct cgroup *cg)
{
    if (write_at(cg->run_fd, "cpu.max", "max") < 0)
        log_line("warning", "cpu.max cannot be lifted");
    if (write_at(cg->run_fd, "cgroup.kill", "1") < 0)
        return; /* before Linux 5.14: the end of the PID namespace does it alone */
}

static void v2_end(struct cgroup *cg)
{
    char name[32], path[700];
    close_fds(&cg->run_fd, 1);
    run_name(cg, name);
    snprintf(path, sizeof path, "%s/%s/%s", cg->parent[0], cg->name, name);
    cgroup_remove(path);
}

static void v2_destroy(struct cgroup *cg)
{
    char path[640];
    snprintf(path, sizeof path, "%s/%s", cg->parent[0], cg->name);
    if (cg->dir_fd[0] >= 0)
        cgroup_remove(path);
}

const struct cgroup_driver cgroup_v2 = {
    .version = 2,
    .create = v2_create,
    .join = v2_join,
    .settle = v2_settle,
    .begin = v2_begin,
    .use = v2_use,
    .pressure_us = v2_pressure_us,
    .kill = v2_kill,
    .end = v2_end,
    .destroy = v2_destroy,
};
