/* What holds a program: the launcher, a run's init, and what these put around the program before its first byte runs.
 * All that decides what a program can reach is here; nothing here reads what a program has made, but for the clearing
 * of tier B's directories. What a run may take is in bounds/, who asks for it in keeper/, starts that are spared in
 * warm/. */
#ifndef SENTINEL_BOX_CONFINE_H
#define SENTINEL_BOX_CONFINE_H

#include "request.h"

#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <sys/resource.h>

enum {
    LAUNCHER_ID = 0,   /* in the box's user namespace, when two ids can be mapped */
    PROGRAM_ID = 1000, /* in the box's user namespace */
    OPEN_FILES = 1024,
};

/* The filters, built once: by profile, and the one of a run that may create no process. */
enum filter_kind { FILTER_RUN, FILTER_RUN_ALONE, FILTER_COMPILE, FILTER_COUNT };
/* Dies with the name of what fails. */
void filter_build_all(uint32_t tier, struct sock_fprog ret_filters[FILTER_COUNT]);

/* What the launcher and, by inheritance, a run's init and the program need. */
struct confinement {
    const struct config *config;
    uint32_t tier;
    struct sock_fprog filters[FILTER_COUNT];
    uint32_t landlock_abi; /* 0: none */
    bool proc_is_hosts;    /* tier A: a /proc of the box's own could not be had */
    int fence_fd;          /* Landlock's ruleset of tier A, and of the outer domains of tier B; -1: none */
    int scratch_fd;        /* tier B: the box's directory, where `scratch` says; else -1 */
    char scratch[PATH_MAX];
    rlim_t uid_processes; /* RLIMIT_NPROC less a run's own: what else counts */
};

/* ---- the notes between the box's processes --------------------------------------------------------------------- */

/* The descriptors that travel with a run, keeper to launcher or warm server, in this order; the last only with cgroup
 * v2. A request that comes to the launcher without them asks for a server. */
enum run_fd { RUN_STDIN, RUN_BUNDLE, RUN_STDOUT, RUN_STDERR, RUN_REPORT, RUN_CGROUP, RUN_FDS };

/* A message of one byte to the launcher: the run is answered, or as said. */
enum launcher_word {
    LAUNCHER_CLEARS,   /* tier B's directories, and says READY */
    LAUNCHER_ENDS_ALL, /* and its init was killed: in tier B there is no other to kill the rest */
    LAUNCHER_REAPS,    /* a warm server; no run is concerned */
};

enum note_kind {
    NOTE_READY,   /* launcher → keeper, once: the root stands; `status`: its /proc is the host's */
    NOTE_FAILED,  /* launcher or init → keeper: `step` and `error` */
    NOTE_INIT,    /* launcher or warm server → keeper, with a pidfd of the run's init */
    NOTE_STARTED, /* init → keeper, with the work directory: the program was exec'd */
    NOTE_ENDED,   /* init → keeper: `status` as wait gives it, and the program's own usage */
    NOTE_SERVER,  /* launcher → keeper, with the socket and a pidfd of a warm server; whose own first note is READY */
};

struct note {
    uint32_t kind;
    int32_t error; /* errno */
    int32_t status;
    uint32_t reserved;
    uint64_t at_us;        /* CLOCK_MONOTONIC */
    uint64_t cpu_us;       /* STARTED: of the set-up; ENDED: of all that was waited for */
    uint64_t ahead_cpu_us; /* STARTED: of a program that was started ahead, up to the door */
    uint64_t memory_bytes;
    char step[128];
};

/* ---- the launcher, from outside (launch.c) --------------------------------------------------------------------- */

struct cgroup;

struct launcher {
    int pid_fd, socket; /* -1: there is none */
};

/* What the launcher does for who stands above it: a request that is no plain run's. Closes `fds`. */
typedef void launcher_other(const struct confinement *c, struct request *r, int socket, int fds[RUN_FDS]);

/* What a tier needs beside its launcher and groups. Every tier tried begins with setup and ends with drop. 0, or -1 and
 * `why`. */
int confinement_setup(struct confinement *c, uint32_t tier, char why[160]) MUST_USE;
void confinement_drop(struct confinement *c);

/* Starts it and waits until it is ready for runs. `cg` may be NULL. 0 or -errno, and `why`. */
int launcher_start(struct launcher *l, struct confinement *c, struct cgroup *cg, launcher_other *other, char why[160])
    MUST_USE;
/* Ends it, if there is one, and waits until all in the box are dead. */
void launcher_stop(struct launcher *l, const struct confinement *c);

/* ---- the launcher and a run's init ------------------------------------------------------------------------------ */

/* What a warm server keeps of the launcher's, over its exec: for an init's mounts and namespaces, and the program's id.
 * They count in the box's user namespace alone. */
static const int server_capabilities[] = {CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN};

/* Never returns: the launcher's life from just after its clone. `socket` leads to the keeper. */
_Noreturn void launcher_main(const struct confinement *c, int socket, launcher_other *other);

/* How far a program came before the user's first byte. */
struct outcome {
    const char *step;      /* that failed, or STEP_EXEC */
    int error;             /* errno of the failed step, 0 when none failed */
    uint64_t at_us;        /* when it came to its end */
    uint64_t ahead_cpu_us; /* as in a note */
};

struct fd_range {
    unsigned int first, last; /* 0: none */
};

/* How a program comes to be, where it is not simply exec'd when all is there. What is NULL is as there. */
struct way {
    bool files_come_later; /* `release` sees to them */
    /* The init's, before it makes the program. 0 or -errno. */
    int (*prepare)(struct request *r, const int fds[RUN_FDS]);
    /* The init's: makes the program as a fork, which takes the steps. Its pid or -1, when these are over; 0 in the
     * program, where init_main() returns. */
    pid_t (*begin)(bool (*take_steps)(void), volatile struct outcome *outcome);
    /* The program's, on its way: puts what it is to have besides its streams where `kept` says; the rest is closed. 0,
     * or -1 and errno. */
    int (*place)(void);
    struct fd_range kept[2];
    /* The init's, when the program stands where it waits for it. 0 or -errno, and `step`. */
    int (*release)(const struct confinement *c, pid_t program, int report_fd, int work_fd,
                   volatile struct outcome *outcome, char step[128]);
};

/* The life of a run's init, pid 1 of its own namespace; `parent` made it. Never returns in it: only in a program that
 * is a fork (`way->begin`), confined by then. `way` may be NULL. */
void init_main(const struct confinement *c, struct request *r, const int fds[RUN_FDS], pid_t parent,
               const struct way *way);

/* Whose init is made, and by whom. */
struct birth {
    const struct confinement *c;
    struct request *request;
    const int *fds;        /* RUN_FDS of them */
    int socket;            /* to the keeper */
    const struct way *way; /* as init_main has it */
    pid_t parent;          /* birth_give() says it */
    bool may_share;        /* its parent, which then stands still until it has ended, may give it its own memory */
};
/* Whether the kernel lets us give any init our memory. */
bool birth_can_share(void);
/* Makes the init and gives the keeper a pidfd of it, or a note of what failed; without a keeper we end. In our memory a
 * copy is saved, a fifth of a short run; not where its score could not be restored (init.c), or it would write much.
 * Its pid, -1, and 0 in the program that an interpreter's init has forked. It is the caller's to reap. */
pid_t birth_give(struct birth *b);

/* For a process that is not an init: an rlimit as a run has it. Limits are only ever lowered. */
int lower_limit(__rlimit_resource_t resource, rlim_t value) MUST_USE;

/* Tier B: kills and reaps every process of our Landlock domain but ourselves; we are their reaper. */
void domain_end(void);

/* The root file system, made once by the launcher, and what is fresh in it for each run. 0 or -errno, and `step`
 * names what failed. */
int root_setup(const struct config *config, bool *ret_proc_is_hosts, char step[128]) MUST_USE;
int root_setup_run(const struct request *r, bool proc_is_hosts, int *ret_work_fd, char step[128]) MUST_USE;

/* The host's files as a program may use them where a root alone does not say it. An init's: the ruleset of one run,
 * with what was granted, its work directory and its tmp. A descriptor or -errno, and `step` names what failed. */
int view_ruleset(const struct config *config, const int run_fds[], size_t run_fd_count, char step[128]) MUST_USE;
int view_add_self(int ruleset_fd) MUST_USE; /* the program's: its own /proc entry. -1 on failure */

#endif
