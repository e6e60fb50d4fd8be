/* What the box's parts share: its configuration, the notes between its processes, and a few helpers. */
#ifndef SENTINEL_BOX_H
#define SENTINEL_BOX_H

#include "box_protocol.h"

#include <dirent.h>
#include <limits.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum {
    BOX_GRANTS_MAX = 64,
    LAUNCHER_ID = 0,   /* in the box's user namespace, when two ids can be mapped */
    PROGRAM_ID = 1000, /* in the box's user namespace */
    NOTE_FDS_MAX = 8,
    KEEPER_WHY = 256,
};

/* Fixed once the options are read. */
struct config {
    struct box_limits most;
    uint32_t slot;
    uint32_t uid_base;
    const char *grants[BOX_GRANTS_MAX];
    size_t grant_count;
    const char *languages; /* the folder that programs see as BOX_LANGUAGES, our working directory too; NULL: none */
    const char *cgroup;    /* "auto", "off" or a path in the hierarchy */
    const char *scratch;   /* the folder in which tier B makes directories */
    uint32_t tier;         /* that was asked for by name, BOX_TIER_NONE: the best there is */
    bool probe, sweep;
    bool two_ids; /* the keeper is root; else the launcher and the program share its id */
};

/* A request taken apart; the pointers lead into the message's bytes. */
struct request {
    struct box_request head;
    const struct box_file *files;
    char *argv[BOX_ARGS_MAX + 1];
    char *env[BOX_ARGS_MAX + 2]; /* room for one that the box adds */
    char *names[BOX_FILES_MAX];
    char *collect[BOX_COLLECT_MAX];
};

/* The limits, as requests and as the options that set their ceilings have them. */
struct limit_field {
    const char *name;
    size_t offset, size; /* in struct box_limits */
    uint64_t least;
    const char *option, *help; /* NULL: no option */
    uint64_t unit, standard, largest;
};
enum { LIMIT_FIELDS = 9 };
extern const struct limit_field limit_fields[LIMIT_FIELDS];
void limit_set(struct box_limits *l, const struct limit_field *f, uint64_t value);

/* NULL, or what is wrong with the message (good until the next call). `bytes` is aligned for struct box_request. */
const char *request_parse(char *bytes, size_t len, const struct box_limits *most, struct request *ret_request) MUST_USE;
/* The run's stdin, reopened for reading: the program gets an offset of its own and no way to write to what other runs
 * will read. -1: it is neither /dev/null nor sealed; and no socket, where the request says that it is one. */
int request_open_stdin(const struct request *r, int fd);
bool request_bundle_is_whole(const struct request *r, int fd);

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

/* The filters, built once: by profile, and the one of a run that may create no process. */
enum filter_kind { FILTER_RUN, FILTER_RUN_ALONE, FILTER_COMPILE, FILTER_COUNT };
/* Dies with the name of what fails. */
void filter_build_all(uint32_t tier, struct sock_fprog ret_filters[FILTER_COUNT]);

/* What the launcher and, by inheritance, a run's init and the program need. */
struct confinement {
    const struct config *config;
    uint32_t tier;
    struct sock_fprog filters[FILTER_COUNT];
    bool proc_is_hosts; /* tier A: a /proc of the box's own could not be had */
    int fence_fd;       /* Landlock's ruleset of tier A, and of the outer domains of tier B; -1: none */
    int scratch_fd;     /* tier B: the box's directory, where `scratch` says; else -1 */
    char scratch[PATH_MAX];
    rlim_t uid_processes; /* RLIMIT_NPROC less a run's own: what else counts */
};

/* Never returns: the launcher's life from just after its clone. `socket` leads to the keeper. */
_Noreturn void launcher_main(const struct confinement *c, int socket);

/* Of a run's own: for the clone of its init. */
static inline uint64_t init_namespaces(const struct confinement *c)
{
    return c->tier == BOX_TIER_B ? 0 : CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWCGROUP;
}

/* An interpreter of which the program is to be a fork. */
struct interpreter {
    pid_t (*fork)(void); /* with all that the interpreter wants done about it */
    int first_fd;        /* descriptors from 3 and below this are its own */
};
/* The life of a run's init, pid 1 of its own namespace; `parent` made it. Never returns in it. It execs the program;
 * or, being a fork of an interpreter, it forks it again, and then this returns in the program, confined by then. A
 * program that is started ahead of its files and input (`ahead` of the request) is exec'd with the door's library,
 * which waits for them. */
void init_main(const struct confinement *c, struct request *r, const int fds[RUN_FDS], pid_t parent,
               const struct interpreter *interpreter);

/* Whose init is made, and by whom. */
struct birth {
    const struct confinement *c;
    struct request *request;
    const int *fds; /* RUN_FDS of them */
    int socket;     /* to the keeper */
    pid_t parent;
    const struct interpreter *interpreter; /* as init_main has it */
    bool may_share; /* its parent, which then stands still until it has ended, may give it its own memory */
};
/* Whether the kernel lets us give any init our memory. */
bool birth_can_share(void);
/* Makes the init and gives the keeper a pidfd of it, or a note of what failed; without a keeper we end. In our memory a
 * copy is saved, a fifth of a short run; not where its score could not be restored (init.c), or it would write much.
 * Its pid, -1, and 0 in the program that an interpreter's init has forked. It is the caller's to reap. */
pid_t birth_give(struct birth *b);

/* For a process that is not an init: an rlimit as a run has it. Limits are only ever lowered. */
int lower_limit(__rlimit_resource_t resource, rlim_t value) MUST_USE;
enum { OPEN_FILES = 1024 };

/* Tier B: kills and reaps every process of our Landlock domain but ourselves; we are their reaper. */
void domain_end(void);

/* The root file system, made once by the launcher, and what is fresh in it for each run. 0 or -errno, and `step`
 * names what failed. */
int root_setup(const struct config *config, bool *ret_proc_is_hosts, char step[128]) MUST_USE;
int root_setup_run(const struct request *r, bool proc_is_hosts, int *ret_work_fd, char step[128]) MUST_USE;
/* Writes the request's files into the work directory; or, ahead of them, makes the folders that they will be in. */
int root_make_folders(const struct request *r, int work_fd, char step[128]) MUST_USE;
int root_write_files(const struct request *r, int work_fd, int bundle_fd, char step[128]) MUST_USE;

/* Copies what the request collects out of the work directory, when everything in the run is dead. Entries and names
 * go behind `reply` (room for BOX_MESSAGE_MAX bytes). Returns the message's length; *ret_fd is the contents, or -1. */
int collect_try(void); /* 0, or -errno when the kernel lacks what that needs */
size_t collect_files(const struct request *r, int work_fd, struct box_reply *reply, int *ret_fd);

/* Sums over a process and all its descendants, from /proc. */
struct tree_usage {
    uint64_t cpu_us;
    uint64_t memory_bytes;
    uint64_t runqueue_us;
    uint32_t tasks; /* processes and threads; a walk is no snapshot, and may count one twice */
};
void tree_reset(void); /* forgets the run before */
/* Looks at no more than about `most_tasks`. */
void tree_sample(pid_t root, uint32_t most_tasks, struct tree_usage *ret_usage);

struct keeper;
struct keeper *keeper_create(const struct config *config);
/* Sets up a tier and has it run a program that is not there, so that every step but the exec has been done. 0, or
 * -1 and `why`; then nothing of it is left. */
int keeper_try_tier(struct keeper *k, uint32_t tier, char why[KEEPER_WHY]) MUST_USE;
void keeper_setup_hello(const struct keeper *k, struct box_hello *ret_hello);
/* Serves the executor until end of file or SIGTERM; returns the exit status. */
int keeper_serve(struct keeper *k, const struct box_hello *hello);
void keeper_destroy(struct keeper *k);

/* A child by clone(2), with a pidfd; born into a group of cgroup version 2 when cgroup_fd is one. As fork(). */
pid_t spawn(uint64_t flags, int cgroup_fd, int *ret_pid_fd);
/* The same without a copy of the memory, and without a pidfd: the child calls run() on our stack, and we stand still
 * until it has ended. What it leaves in memory stays. Its pid, or -1 and errno. run() may return only in a process that
 * the child has forked, with a copy of the memory: 0. */
pid_t spawn_sharing(uint64_t flags, int cgroup_fd, void (*run)(void *arg), void *arg);

/* Opens a directory, through no link; NULL when it cannot be. */
DIR *dir_open(int dir_fd, const char *name);
/* The next entry but "." and ".."; NULL at the end, and of NULL, and then the directory is closed. */
const struct dirent *dir_next(DIR *dir);

uint64_t now_us(void);
void log_line(const char *level, const char *fmt, ...) PRINTF_LIKE(2, 3); /* one JSON object on stderr */
_Noreturn void die(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* From where `from_fd` stands, or from *offset. 0, or -1 and errno. */
int copy_bytes(int to_fd, int from_fd, off_t *offset, uint64_t size) MUST_USE;

/* Whole small files of the kernel's, relative to a directory. 0 or -errno. */
int write_at(int dir_fd, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_USE;
int read_at(int dir_fd, const char *name, char *buf, size_t size) MUST_USE;
/* The number behind `key` and a blank or tab, or the first one when `key` is NULL; 0 when it is not there. */
uint64_t read_number_at(int dir_fd, const char *name, const char *key);
uint64_t number_behind(const char *text, const char *key);

/* The number that is the index-th word of a line, from 0; 0 when there is none. */
uint64_t word_number(const char *text, int index);

/* One message with descriptors. send: 0 or -errno. receive: its length, 0 at end of file, or -errno; unwanted
 * descriptors are closed, missing ones are -1. */
int message_send(int socket, const void *bytes, size_t len, const int *fds, size_t fd_count) MUST_USE;
ssize_t message_receive(int socket, void *bytes, size_t size, int *fds, size_t fd_count, int flags) MUST_USE;
void close_fds(int *fds, size_t count); /* and sets them to -1 */

#endif
