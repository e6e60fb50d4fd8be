/* Control groups, version 1 or 2: one box's, and one run at a time in them. */
#ifndef SENTINEL_BOX_CGROUP_H
#define SENTINEL_BOX_CGROUP_H

#include "request.h"

struct cgroup;

struct cgroup_use {
    uint64_t cpu_us;
    uint64_t memory_peak; /* the launcher's share taken off */
    uint64_t oom_kills;
};

/* NULL, and `why` says why not: none mounted, not writable, a controller missing, or switched off. Sweeps the groups of
 * boxes that are dead. */
struct cgroup *cgroup_open(const struct config *config, char why[160]);
void cgroup_close(struct cgroup *cg);
uint32_t cgroup_version(const struct cgroup *cg); /* 0 of NULL */

/* The launcher enters, before it does anything. 0 or -errno. */
int cgroup_admit(struct cgroup *cg, pid_t launcher, uid_t its_id) MUST_USE;

/* How many warm servers live where the launcher does: since the last run one came or went. Nothing of NULL. */
void cgroup_set_servers(struct cgroup *cg, uint32_t count);

/* Sets a run's limits. *ret_run_fd is a directory to clone the run into, or -1: it is born where the launcher is. */
int cgroup_begin(struct cgroup *cg, const struct box_limits *limits, int *ret_run_fd) MUST_USE;
void cgroup_use(struct cgroup *cg, struct cgroup_use *ret_use); /* since begin */
/* Time since begin in which something waited for a processor; 0: unknown, or of NULL. */
uint64_t cgroup_pressure_us(const struct cgroup *cg);
/* Lifts the quota: under a small one the dying would take longer to end than a kill may. */
void cgroup_let_die(struct cgroup *cg);
void cgroup_end(struct cgroup *cg); /* all in the run are dead; nothing of NULL */

/* The group that a tier without groups is in: in a pod the container. */
struct container {
    int dir_fd;     /* -1: its memory has no limit that we can see */
    bool version_1; /* else 2 */
    uint64_t limit; /* 0: none that we can see */
};
void container_open(struct container *ret_container);
/* True when so little is left that the next moment may end the container; page cache can go, so it does not count. */
bool container_is_full(const struct container *c, uint64_t *ret_used);

#endif
