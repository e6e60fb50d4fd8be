/* A run's init: pid 1 of the run's own PID namespace, in its own mount namespace, with the launcher's ids. It makes
 * what is fresh for the run, starts the program, waits for it, and ends; the kernel then kills what the program left.
 *
 * In tier B there is no namespace. The init is in a Landlock domain of its own, from which signals reach only what is
 * in it: itself, and the program's domain. So kill(-1) by the init is what the end of pid 1 is in the other tiers; it
 * does that when the program has ended, when the keeper asks for it, and when the launcher dies, all by SIGTERM, and is
 * the last to end. The program can neither signal nor trace it, nor be adopted by another.
 *
 * An init that need not run beside its launcher is in that one's memory, and the program's first steps are in the
 * init's (CLONE_VM | CLONE_VFORK): each parent stands still, so they share errno and this file's statics without a
 * race, and the failed step is simply left in `start`. Both keep their capabilities and are not dumpable, so the
 * program can neither trace them nor write to their memory.
 *
 * A program may come to be in another way than by an exec (struct way; warm/): it takes the same steps. */
#include "confine.h"
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PENDING_SIGNALS = 4096,
    LOCKED_BYTES = 64 << 10,
};

static const char STEP_EXEC[] = "exec ";

/* The launcher's memory is every init's, so that each begins by making this new. */
static struct start {
    const struct confinement *c;
    const struct request *request;
    const struct way *way;
    const int *fds;
    int work_fd;
    int oom_score_fd;
    char oom_score[8];        /* before it was raised */
    int rules_fd;             /* of Landlock, for the program; -1: none */
    struct sigaction on_term; /* tier B: what SIGTERM did before it was the init's */
    volatile struct outcome outcome;
} start;

static volatile sig_atomic_t in_domain, asked_to_end; /* tier B */

/* We may have no right to raise them. */
int lower_limit(__rlimit_resource_t resource, rlim_t value)
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
    /* Reserved thread stacks count as data, used or not; what is used is polled. */
    rlim_t data = l->memory_bytes + l->processes * l->stack_bytes;
    /* The servers are counted with the program where they have its id. */
    rlim_t others = c->uid_processes + (c->uid_processes > 0 ? start.request->head.servers : 0);
    const struct {
        __rlimit_resource_t resource;
        rlim_t value;
    } limits[] = {
        {RLIMIT_CORE, 1},                      /* 0 would not stop a core_pattern that is a pipe */
        {RLIMIT_CPU, l->cpu_us / 1000000 + 2}, /* should the keeper be stopped itself */
        {RLIMIT_DATA, c->tier == BOX_TIER_A ? RLIM_INFINITY : data},
        {RLIMIT_FSIZE, l->file_bytes},
        {RLIMIT_MEMLOCK, LOCKED_BYTES},
        {RLIMIT_MSGQUEUE, 0},
        {RLIMIT_NOFILE, OPEN_FILES},
        {RLIMIT_NPROC, others + l->processes},
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
    return setsid() < 0 ? -1 : fchdir(start.work_fd);
}

/* Raw calls: libc's versions would look for other threads to change in the memory that we borrow. */
static int setup_ids(void)
{
    if (start.c->tier != BOX_TIER_B && start.c->config->two_ids &&
        (syscall(SYS_setresgid, PROGRAM_ID, PROGRAM_ID, PROGRAM_ID) < 0 ||
         syscall(SYS_setresuid, PROGRAM_ID, PROGRAM_ID, PROGRAM_ID) < 0))
        return -1;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    return (int)syscall(SYS_capset, &head, none);
}

static int setup_landlock(void)
{
    if (start.rules_fd < 0)
        return 0; /* extra in this tier; its absence is in the hello */
    if ((start.c->tier == BOX_TIER_B || start.c->proc_is_hosts) && view_add_self(start.rules_fd) < 0)
        return -1;
    return landlock_restrict(start.rules_fd);
}

static int setup_descriptors(void)
{
    unsigned int next = 3;
    if (start.way->place != NULL && start.way->place() < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(start.way->kept) && start.way->kept[i].last > 0; i++) {
        const struct fd_range *kept = &start.way->kept[i];
        if (kept->first > next && close_range(next, kept->first - 1, 0) < 0)
            return -1;
        next = kept->last + 1;
    }
    return close_range(next, ~0u, 0);
}

/* What an exec would do: in tier B SIGTERM is the init's until now, and the change of ids took what a fork is to be. */
static int setup_process(void)
{
    if (start.c->tier == BOX_TIER_B && sigaction(SIGTERM, &start.on_term, NULL) < 0)
        return -1;
    return start.way->begin == NULL ? 0 : prctl(PR_SET_DUMPABLE, 1);
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
    {"streams", setup_streams},         {"rlimits", setup_rlimits}, {"landlock", setup_landlock},
    {"descriptors", setup_descriptors}, {"ids", setup_ids},         {"process", setup_process},
    {"seccomp", setup_filter},
};

static bool take_steps(void)
{
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        start.outcome.step = steps[i].name;
        if (steps[i].run() < 0) {
            start.outcome.error = errno;
            return false;
        }
    }
    start.outcome.step = STEP_EXEC;
    return true;
}

static int program_main(void *unused)
{
    (void)unused;
    if (!take_steps())
        _exit(1);
    execve(start.request->argv[0], start.request->argv, start.request->env);
    if (start.request->argv[0][0] != '.')
        start.outcome.error = errno; /* else the file is the user's, and so is the error */
    _exit(126);
}

/* Comes back when the next byte that the program runs is the user's, or it ended before, as `outcome` says. */
static pid_t begin_by_exec(void)
{
    static alignas(16) char stack[64 << 10];
    pid_t program = clone(program_main, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    start.outcome.at_us = now_us();
    return program;
}

static _Noreturn void run_failed(int report_fd, const char *step, const char *which, int error)
{
    struct note note = {.kind = NOTE_FAILED, .error = error};
    snprintf(note.step, sizeof note.step, "%s%.100s", step, which);
    _exit(message_send(report_fd, &note, sizeof note, NULL, 0) < 0);
}

/* A full memory cgroup takes the program, and neither the launcher nor the init, in whose memory it may be; the program
 * inherits the score, and only then is the init's own lowered again. The file is ours only while we are dumpable, and
 * nothing of the run before can be alive to use that. */
static int setup_oom_score(void)
{
    if (prctl(PR_SET_DUMPABLE, 1) < 0)
        return -errno;
    start.oom_score_fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    int error = start.oom_score_fd < 0 ? -errno : 0;
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    if (error == 0 && (pread(start.oom_score_fd, start.oom_score, sizeof start.oom_score - 1, 0) < 0 ||
                       write(start.oom_score_fd, "1000", 4) < 0))
        error = -errno;
    if (start.c->proc_is_hosts)
        close_fds(&start.oom_score_fd, 1); /* that /proc becomes read-only, which nothing open for writing allows */
    return error;
}

static void restore_oom_score(void)
{
    if (start.oom_score_fd >= 0 && pwrite(start.oom_score_fd, start.oom_score, strlen(start.oom_score), 0) > 0)
        close(start.oom_score_fd);
}

void domain_end(void)
{
    for (;;) {
        pid_t ended = waitpid(-1, NULL, __WALL | WNOHANG);
        if (ended < 0 && errno == ECHILD)
            return;
        if (ended == 0) { /* nobody that is signalled here can fork any more */
            kill(-1, SIGKILL);
            waitpid(-1, NULL, __WALL);
        }
    }
}

static void on_end_asked(int unused)
{
    int error = errno;
    (void)unused;
    asked_to_end = 1;
    if (!in_domain)
        _exit(1); /* there is nothing yet, and kill(-1) would reach everybody */
    kill(-1, SIGKILL);
    errno = error;
}

/* Tier B's stand-in for a PID namespace: what we start can signal, trace and outlive nobody. Tried, not believed. */
static int setup_domain(const struct confinement *c, pid_t parent)
{
    struct sigaction action = {.sa_handler = on_end_asked};
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    if (sigaction(SIGTERM, &action, &start.on_term) < 0 || sigprocmask(SIG_UNBLOCK, &term, NULL) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ||
        landlock_restrict(c->fence_fd) < 0)
        return -errno;
    if (getppid() != parent)
        _exit(1); /* it died before it could be our death signal */
    if (kill(parent, 0) == 0 || errno != EPERM)
        return -ENOTSUP;
    in_domain = 1;
    return 0;
}

/* Fresh directories, and which files may be opened. */
static int setup_view(const struct confinement *c, struct request *r, char step[128])
{
    int run_fds[2];
    snprintf(step, 128, "scratch directories");
    static const char *const names[] = {"work", "tmp"};
    for (int i = 0; i < 2; i++) {
        if (mkdirat(c->scratch_fd, names[i], 0700) < 0)
            return -errno;
        run_fds[i] = openat(c->scratch_fd, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (run_fds[i] < 0)
            return -errno;
    }
    start.work_fd = run_fds[0];
    request_move_words(r, c->config, c->scratch);
    start.rules_fd = view_ruleset(c->config, run_fds, ARRAY_LEN(run_fds), step);
    return start.rules_fd < 0 ? start.rules_fd : 0;
}

/* Which files may be opened, where the root alone does not say it. */
static int setup_root_view(const struct confinement *c, char step[128])
{
    static const char *const names[] = {"/work", "/tmp", "/dev/shm"};
    int run_fds[ARRAY_LEN(names)];
    struct config config = *c->config;
    if (config.languages != NULL)
        config.languages = BOX_LANGUAGES;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        run_fds[i] = open(names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    start.rules_fd = view_ruleset(&config, run_fds, ARRAY_LEN(run_fds), step);
    return start.rules_fd < 0 ? start.rules_fd : 0;
}

static void setup_run(const struct confinement *c, struct request *r, pid_t parent)
{
    char step[128] = "oom_score_adj";
    int error = setup_oom_score();
    start.rules_fd = c->fence_fd;
    if (error == 0 && c->tier == BOX_TIER_B) {
        snprintf(step, sizeof step, "Landlock's outer domain");
        error = setup_domain(c, parent);
        if (error == 0)
            error = setup_view(c, r, step);
    } else if (error == 0) {
        error = root_setup_run(r, c->proc_is_hosts, &start.work_fd, step);
        if (error == 0 && c->proc_is_hosts)
            error = setup_root_view(c, step);
    }
    if (error == 0 && start.way->files_come_later)
        error = request_make_folders(r, start.work_fd, step);
    else if (error == 0)
        error = request_write_files(r, start.work_fd, start.fds[RUN_BUNDLE], step);
    if (error == 0 && start.way->prepare != NULL) {
        snprintf(step, sizeof step, "the way to the door");
        error = start.way->prepare(r, start.fds);
    }
    if (error < 0)
        run_failed(start.fds[RUN_REPORT], step, "", -error);
}

/* Reaps orphans until the program itself has ended. */
static void wait_for(const struct confinement *c, pid_t program, struct note *note)
{
    pid_t ended;
    do
        ended = wait4(-1, &note->status, 0, NULL);
    while (ended != program && (ended >= 0 || errno == EINTR));
    note->at_us = now_us();
    if (c->tier == BOX_TIER_B)
        domain_end();
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    note->cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
                   (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    note->memory_bytes = (uint64_t)usage.ru_maxrss * 1024;
}

/* The set-up's, by our own clock: the keeper may hear of the start when the program has long used its processor. */
static uint64_t own_cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

/* Held, the program's entry in /proc, which its ruleset names, cannot be forgotten and made anew. It is our eldest
 * child's, by its number in whatever namespace that /proc is of. */
static void hold_entry(void)
{
    char children[4096], path[32];
    if (read_at(AT_FDCWD, "/proc/thread-self/children", children, sizeof children) < 0)
        return;
    snprintf(path, sizeof path, "/proc/%lu", strtoul(children, NULL, 10));
    if (open(path, O_PATH | O_CLOEXEC) < 0)
        return; /* it has ended already */
}

/* It runs, or it ended by itself since. */
static void tell_start(const struct confinement *c, int report_fd)
{
    if (c->tier == BOX_TIER_B || c->proc_is_hosts)
        hold_entry();
    struct note note = {.kind = NOTE_STARTED,
                        .at_us = start.outcome.at_us,
                        .cpu_us = own_cpu_us(),
                        .ahead_cpu_us = start.outcome.ahead_cpu_us};
    if (message_send(report_fd, &note, sizeof note, &start.work_fd, 1) < 0 && c->tier != BOX_TIER_B)
        _exit(1);
}

void init_main(const struct confinement *c, struct request *r, const int fds[RUN_FDS], pid_t parent,
               const struct way *way)
{
    static const struct way plain;
    int report_fd = fds[RUN_REPORT];
    char step[128] = "";
    in_domain = asked_to_end = 0;
    start = (struct start){.c = c,
                           .request = r,
                           .way = way == NULL ? &plain : way,
                           .fds = fds,
                           .work_fd = -1,
                           .oom_score_fd = -1,
                           .rules_fd = -1};
    setup_run(c, r, parent);
    pid_t program = start.way->begin == NULL ? begin_by_exec() : start.way->begin(take_steps, &start.outcome);
    if (program == 0)
        return;
    if (program < 0)
        run_failed(report_fd, "fork of the program", "", errno);
    restore_oom_score();
    const char *last = start.outcome.step;
    if (start.outcome.error != 0)
        run_failed(report_fd, last, last == STEP_EXEC ? r->argv[0] : "", start.outcome.error);
    if (last != STEP_EXEC)
        run_failed(report_fd, last == NULL ? "the program" : last, ": killed in it", ECANCELED);
    if (asked_to_end)
        kill(-1, SIGKILL); /* the signal came before there was a program */

    int error =
        start.way->release == NULL ? 0 : start.way->release(c, program, report_fd, start.work_fd, &start.outcome, step);
    if (error < 0)
        run_failed(report_fd, step, "", -error);
    tell_start(c, report_fd);
    for (int i = 0; i < RUN_FDS; i++) {
        if (i != RUN_REPORT && fds[i] >= 0)
            close(fds[i]);
    }
    close(start.work_fd);
    struct note note = {.kind = NOTE_ENDED};
    wait_for(c, program, &note);
    _exit(message_send(report_fd, &note, sizeof note, NULL, 0) < 0);
}
