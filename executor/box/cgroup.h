/* Control groups behind one interface, for version 1 and version 2. One slot's groups; one run at a time in them. */
#ifndef SENTINEL_BOX_CGROUP_H
#define SENTINEL_BOX_CGROUP_H

#include "box.h"

struct cgroup;

struct cgroup_use {
    uint64_t cpu_us;
    uint64_t memory_peak; /* the launcher's share taken off */
    uint64_t oom_kills;
};

/* What a version does. `fail` texts are for people. */
struct cgroup_driver {
    int version;
    /* Makes the slot's groups beneath `parent` paths. 0 or -errno, and `why`. */
    int (*create)(struct cgroup *cg, char why[160]);
    int (*join)(struct cgroup *cg, pid_t launcher);                 /* before its namespaces stand */
    int (*settle)(struct cgroup *cg, pid_t launcher, uid_t its_id); /* after */
    /* Sets the limits. *ret_run_fd is a directory to clone the run into, or -1. */
    int (*begin)(struct cgroup *cg, const struct box_limits *limits, int *ret_run_fd);
    void (*use)(struct cgroup *cg, struct cgroup_use *ret_use); /* since begin */
    uint64_t (*pressure_us)(
        struct cgroup *cg); /* since begin: time in which something waited for a processor; 0: unknown */
    void (*kill)(struct cgroup *cg);
    void (*end)(struct cgroup *cg);
    void (*destroy)(struct cgroup *cg);
};

extern const struct cgroup_driver cgroup_v1, cgroup_v2;

enum cgroup_controller { CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU, CGROUP_CPUACCT, CGROUP_CONTROLLERS };

struct cgroup {
    const struct cgroup_driver *driver;
    char parent[CGROUP_CONTROLLERS][512]; /* v2: the first alone */
    char name[64];                        /* of the slot's group beneath each parent */
    int dir_fd[CGROUP_CONTROLLERS];       /* the slot's groups */
    int run_fd;                           /* v2: the run's group */
    uid_t launcher_id;
    uint64_t cpu_base_us, memory_base, oom_base; /* what `use` takes off */
    uint64_t runs;
    uint32_t cpus_milli;      /* v1: as set now, 0: not known */
    uint64_t memory_limit;    /* v1: likewise */
    uint64_t memory_held;     /* v1: of memory_base, what the kernel cannot take back */
    uint64_t launcher_memory; /* v1: the most that the launcher holds, 0: not known */
};

/* NULL, and `why` says why not: none mounted, not writable, a controller missing, or switched off. Sweeps the groups of
 * boxes that are dead. */
struct cgroup *cgroup_open(const struct config *config, char why[160]);
void cgroup_close(struct cgroup *cg);

/* The group that a tier without groups is in: in a pod the container. */
struct container {
    int dir_fd;     /* -1: its memory has no limit that we can see */
    bool version_1; /* else 2 */
    uint64_t limit; /* 0: none that we can see */
};
void container_open(const struct config *config, struct container *ret_container);
/* True when so little is left that the next moment may end the container; page cache can go, so it does not count. */
bool container_is_full(const struct container *c, uint64_t *ret_used, uint64_t *ret_limit);

/* Removes a group and the groups in it; waits a little for the dead in it to go. */
void cgroup_remove(const char *path);

/* The period of a processor share: short, so that a run with a small share is not stopped for long; but the kernel
 * takes no quota below a millisecond. */
uint32_t cgroup_period_us(uint32_t cpus_milli);

/* Opens parent/name, made if need be; -errno. */
int cgroup_make(const char *parent, const char *name);

#endif
