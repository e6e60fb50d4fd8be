/* Version 1: the launcher lives in the slot's groups and its runs are born into them. Limits and peaks are relative to
 * what the groups hold between runs: the launcher itself. */
#include "cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_STEP (256u << 10)
#define LAUNCHER_GROWTH (512u << 10)

static int v1_create(struct cgroup *cg, char why[160])
{
    for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
        cg->dir_fd[i] = cgroup_make(cg->parent[i], cg->name);
        if (cg->dir_fd[i] >= 0)
            continue;
        snprintf(why, 160, "%.60s: %s", cg->parent[i], strerror(-cg->dir_fd[i]));
        return cg->dir_fd[i];
    }
    if (write_at(cg->dir_fd[CGROUP_MEMORY], "memory.swappiness", "0") < 0)
        log_line("warning", "memory.swappiness cannot be set");
    return 0;
}

static int v1_join(struct cgroup *cg, pid_t launcher)
{
    cg->launcher_memory = 0;
    for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
        int error = write_at(cg->dir_fd[i], "cgroup.procs", "%d", (int)launcher);
        if (error < 0)
            return error;
    }
    return 0;
}

static int v1_settle(struct cgroup *cg, pid_t launcher, uid_t its_id)
{
    (void)cg;
    (void)launcher;
    (void)its_id;
    return 0;
}

/* The three writes are dear, and what the launcher holds hardly changes: its share is rounded up, and a limit that
 * stands is left. */
static int set_memory(struct cgroup *cg, uint64_t bytes)
{
    int dir_fd = cg->dir_fd[CGROUP_MEMORY];
    bytes = (bytes + MEMORY_STEP - 1) / MEMORY_STEP * MEMORY_STEP;
    if (bytes == cg->memory_limit)
        return 0;
    cg->memory_limit = 0;
    /* Memory and swap together may never be below memory: up before, down after. Absent without swap accounting. */
    int error = write_at(dir_fd, "memory.memsw.limit_in_bytes", "-1");
    if (error < 0 && error != -ENOENT && error != -EOPNOTSUPP)
        return error;
    bool with_swap = error == 0;
    error = write_at(dir_fd, "memory.limit_in_bytes", "%llu", (unsigned long long)bytes);
    if (error == 0 && with_swap)
        error = write_at(dir_fd, "memory.memsw.limit_in_bytes", "%llu", (unsigned long long)bytes);
    if (error == 0)
        cg->memory_limit = bytes;
    return error;
}

static int set_cpus(struct cgroup *cg, uint32_t cpus_milli)
{
    int cpu_fd = cg->dir_fd[CGROUP_CPU];
    uint32_t period_us = cgroup_period_us(cpus_milli);
    if (cg->cpus_milli == cpus_milli)
        return 0;
    /* Without a quota first: old quota and new period together could be more than the parent has. */
    int error = write_at(cpu_fd, "cpu.cfs_quota_us", "-1");
    if (error == 0)
        error = write_at(cpu_fd, "cpu.cfs_period_us", "%u", period_us);
    if (error == 0)
        error = write_at(cpu_fd, "cpu.cfs_quota_us", "%llu", (unsigned long long)cpus_milli * period_us / 1000);
    if (error == 0)
        cg->cpus_milli = cpus_milli;
    return error;
}

static int v1_begin(struct cgroup *cg, const struct box_limits *l, int *ret_run_fd)
{
    int memory_fd = cg->dir_fd[CGROUP_MEMORY];
    cg->memory_base = read_number_at(memory_fd, "memory.usage_in_bytes", NULL);
    cg->oom_base = read_number_at(memory_fd, "memory.oom_control", "oom_kill");
    cg->cpu_base_us = read_number_at(cg->dir_fd[CGROUP_CPUACCT], "cpuacct.usage", NULL) / 1000;
    /* What earlier runs read of the toolchain stays charged to the slot; the kernel takes it back at the limit, so it
     * must not raise it. The launcher's own share hardly grows after its first run. */
    if (cg->launcher_memory == 0)
        cg->launcher_memory = cg->memory_base + LAUNCHER_GROWTH;
    cg->memory_held = cg->memory_base < cg->launcher_memory ? cg->memory_base : cg->launcher_memory;
    int error = set_memory(cg, l->memory_bytes + cg->memory_held);
    if (error == -EBUSY) { /* the run before is not yet off the books */
        cg->memory_held = cg->memory_base;
        error = set_memory(cg, l->memory_bytes + cg->memory_held);
    }
    if (error == 0)
        error = write_at(memory_fd, "memory.max_usage_in_bytes", "0");
    if (error == 0) /* the launcher and the init are counted too */
        error = write_at(cg->dir_fd[CGROUP_PIDS], "pids.max", "%u", l->processes + 2);
    if (error == 0)
        error = set_cpus(cg, l->cpus_milli);
    *ret_run_fd = -1;
    return error;
}

static void v1_use(struct cgroup *cg, struct cgroup_use *ret_use)
{
    int memory_fd = cg->dir_fd[CGROUP_MEMORY];
    uint64_t peak = read_number_at(memory_fd, "memory.max_usage_in_bytes", NULL);
    if (peak + MEMORY_STEP >= cg->memory_limit) /* it was full, and what was reclaimable gave way */
        ret_use->memory_peak = peak - cg->memory_held;
    else
        ret_use->memory_peak = peak > cg->memory_base ? peak - cg->memory_base : 0;
    ret_use->oom_kills = read_number_at(memory_fd, "memory.oom_control", "oom_kill") - cg->oom_base;
    ret_use->cpu_us = read_number_at(cg->dir_fd[CGROUP_CPUACCT], "cpuacct.usage", NULL) / 1000 - cg->cpu_base_us;
}

static uint64_t v1_pressure_us(struct cgroup *cg)
{
    (void)cg;
    return 0;
}

static void v1_nothing(struct cgroup *cg)
{
    (void)cg; /* the end of the PID namespace kills and cleans */
}

/* The dying must be let run: under a small quota their end would take longer than the kill may. */
static void v1_kill(struct cgroup *cg)
{
    cg->cpus_milli = 0;
    if (write_at(cg->dir_fd[CGROUP_CPU], "cpu.cfs_quota_us", "-1") < 0)
        log_line("warning", "cpu.cfs_quota_us cannot be lifted");
}

static void v1_destroy(struct cgroup *cg)
{
    for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
        char path[640];
        if (cg->dir_fd[i] < 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", cg->parent[i], cg->name);
        cgroup_remove(path);
    }
}

const struct cgroup_driver cgroup_v1 = {
    .version = 1,
    .create = v1_create,
    .join = v1_join,
    .settle = v1_settle,
    .begin = v1_begin,
    .use = v1_use,
    .pressure_us = v1_pressure_us,
    .kill = v1_kill,
    .end = v1_nothing,
    .destroy = v1_destroy,
};
