/* A run's init: pid 1 of the run's own PID namespace, in its own mount namespace, with the launcher's ids. It makes
 * what is fresh for the run, starts the program, waits for it, and ends; the kernel then kills what the program left.
 *
 * The program's first steps run in the init's memory (CLONE_VM | CLONE_VFORK): the init stands still until the exec, so
 * they share errno and this file's statics without a race, and the failed step is simply left in `start`. The init
 * keeps its capabilities and is not dumpable, so the program can neither trace it nor write to its memory. */
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

enum { OPEN_FILES = 1024, PENDING_SIGNALS = 4096, LOCKED_BYTES = 64 << 10 };

static const char STEP_EXEC[] = "exec ";

static struct {
    const struct confinement *c;
    const struct request *request;
    const int *fds;
    const char *volatile step; /* that runs now, or failed */
    volatile int error;        /* errno of the failed step, 0 when none failed */
} start;

/* Limits are only ever lowered: we may have no right to raise them. */
static int lower_limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0)
        return -1;
    if (limit.rlim_max != RLIM_INFINITY && value > limit.rlim_max)
        value = limit.rlim_max;
    limit = (struct rlimit){value, value};
    return setrlimit(resource, &limit);
}

static int setup_rlimits(void)
{
    const struct box_limits *l = &start.request->head.limits;
    const struct confinement *c = start.c;
    /* Counted in the box's user namespace; with one id the launcher and the init count as well. */
    rlim_t processes = l->processes + (c->config->two_ids ? 0 : 2);
    /* Reserved thread stacks count as data, used or not; what is used is polled. */
    rlim_t data = l->memory_bytes + l->processes * l->stack_bytes;
    const struct {
        __rlimit_resource_t resource;
        rlim_t value;
    } limits[] = {
        {RLIMIT_CORE, 1},                      /* 0 would not stop a core_pattern that is a pipe */
        {RLIMIT_CPU, l->cpu_us / 1000000 + 2}, /* should the keeper be stopped itself */
        {RLIMIT_DATA, c->memory_by_rlimit ? data : RLIM_INFINITY},
        {RLIMIT_FSIZE, l->file_bytes},
        {RLIMIT_MEMLOCK, LOCKED_BYTES},
        {RLIMIT_MSGQUEUE, 0},
        {RLIMIT_NOFILE, OPEN_FILES},
        {RLIMIT_NPROC, processes},
        {RLIMIT_SIGPENDING, PENDING_SIGNALS},
        {RLIMIT_STACK, l->stack_bytes},
    };
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        if (lower_limit(limits[i].resource, limits[i].value) < 0)
            return -1;
    }
    return 0;
}

static int setup_streams(void)
{
    if (dup2(start.fds[RUN_STDIN], 0) < 0 || dup2(start.fds[RUN_STDOUT], 1) < 0 || dup2(start.fds[RUN_STDERR], 2) < 0)
        return -1;
    umask(022);
    return setsid() < 0 ? -1 : chdir("/work");
}

/* Raw calls: libc's versions would look for other threads to change in the memory that we borrow. */
static int setup_ids(void)
{
    if (start.c->config->two_ids && (syscall(SYS_setresgid, PROGRAM_ID, PROGRAM_ID, PROGRAM_ID) < 0 ||
                                     syscall(SYS_setresuid, PROGRAM_ID, PROGRAM_ID, PROGRAM_ID) < 0))
        return -1;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    return (int)syscall(SYS_capset, &head, none);
}

static int setup_landlock(void)
{
    if (start.c->landlock_fd < 0)
        return 0; /* extra in this tier; its absence is in the hello */
    return (int)syscall(SYS_landlock_restrict_self, start.c->landlock_fd, 0);
}

static int setup_no_descriptors(void)
{
    return close_range(3, ~0u, 0);
}

static int setup_filter(void)
{
    enum filter_kind kind = FILTER_RUN;
    if (start.request->head.profile == BOX_PROFILE_COMPILE)
        kind = FILTER_COMPILE;
    else if (start.request->head.limits.processes == 1)
        kind = FILTER_RUN_ALONE;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &start.c->filters[kind]);
}

/* The order matters: Landlock needs its descriptor, the ids need the capabilities, and no byte of the user's runs
 * before the filter is on. */
static const struct {
    const char *name;
    int (*run)(void);
} steps[] = {
    {"streams", setup_streams},   {"rlimits", setup_rlimits},
    {"landlock", setup_landlock}, {"descriptors", setup_no_descriptors},
    {"ids", setup_ids},           {"seccomp", setup_filter},
};

static int program_main(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        start.step = steps[i].name;
        if (steps[i].run() < 0) {
            start.error = errno;
            _exit(1);
        }
    }
    start.step = STEP_EXEC;
    execve(start.request->argv[0], start.request->argv, start.request->env);
    if (start.request->argv[0][0] != '.')
        start.error = errno; /* else the file is the user's, and so is the error */
    _exit(126);
}

static _Noreturn void run_failed(int report_fd, const char *step, const char *which, int error)
{
    struct note note = {.kind = NOTE_FAILED, .error = error};
    snprintf(note.step, sizeof note.step, "%s%.100s", step, which);
    _exit(message_send(report_fd, &note, sizeof note, NULL, 0) < 0);
}

/* A full memory cgroup takes the run and not the launcher. The file is ours only while we are dumpable, and nothing of
 * the run before can be alive to use that. */
static int setup_oom_score(void)
{
    if (prctl(PR_SET_DUMPABLE, 1) < 0)
        return -errno;
    int error = write_at(AT_FDCWD, "/proc/self/oom_score_adj", "1000");
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    return error;
}

/* Reaps orphans until the program itself has ended. */
static void wait_for(pid_t program, struct note *note)
{
    pid_t ended;
    do
        ended = wait4(-1, &note->status, 0, NULL);
    while (ended != program && (ended >= 0 || errno == EINTR));
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    note->cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
                   (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    note->memory_bytes = (uint64_t)usage.ru_maxrss * 1024;
    note->at_us = now_us();
}

void init_main(const struct confinement *c, const struct request *r, const int fds[RUN_FDS])
{
    static alignas(16) char stack[64 << 10];
    char step[128];
    int report_fd = fds[RUN_REPORT], work_fd = -1;
    int error = setup_oom_score();
    if (error < 0)
        run_failed(report_fd, "oom_score_adj", "", -error);
    error = root_setup_run(r, fds[RUN_BUNDLE], &work_fd, step);
    if (error < 0)
        run_failed(report_fd, step, "", -error);

    start.c = c;
    start.request = r;
    start.fds = fds;
    pid_t program = clone(program_main, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    if (program < 0)
        run_failed(report_fd, "fork of the program", "", errno);
    if (start.error != 0)
        run_failed(report_fd, start.step, start.step == STEP_EXEC ? r->argv[0] : "", start.error);
    if (start.step != STEP_EXEC)
        run_failed(report_fd, start.step, ": killed in it", ECANCELED);

    struct note note = {.kind = NOTE_STARTED, .at_us = now_us()};
    if (message_send(report_fd, &note, sizeof note, &work_fd, 1) < 0)
        _exit(1);
    for (int i = 0; i < RUN_FDS; i++) {
        if (i != RUN_REPORT && fds[i] >= 0)
            close(fds[i]);
    }
    close(work_fd);
    note = (struct note){.kind = NOTE_ENDED};
    wait_for(program, &note);
    _exit(message_send(report_fd, &note, sizeof note, NULL, 0) < 0);
}
