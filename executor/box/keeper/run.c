/* One run, as the keeper sees it: pipes and limits, the launcher told, then a loop until everything in the run is dead,
 * then the figures, the cause, and the files.
 *
 * The loop (run_wait) polls and hands each event to one on_* function; it ends when the init's pidfd says that all are
 * dead. `cause` is set by end_run(), the only place that kills, and settled from the evidence afterwards. */
#include "run.h"
#include "collect.h"
#include "warm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOOK_AGAIN_US = 100000, /* how late an out-of-memory kill of a part of the run may be noticed */
    SAMPLE_US = 10000,      /* without a cgroup */
    FIRST_LOOK_US = 2000,   /* whether it runs; short ones have ended by then */
    SCRATCH_INODES = 16384, /* tier B's files, as many as tier A's tmpfs has */
    TASKS_SLACK = 32,       /* tier B's processes: a walk of a living tree counts some twice */
};

enum {
    EVENT_EXECUTOR,
    EVENT_SIGNAL,
    EVENT_LAUNCHER,
    EVENT_SERVER,
    EVENT_REPORT,
    EVENT_STDOUT,
    EVENT_STDERR,
    EVENT_INIT,
    EVENT_COUNT
};

static void say(struct run *run, enum box_status status, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The first complaint stands. */
static void say(struct run *run, enum box_status status, const char *fmt, ...)
{
    struct box_reply *r = run->reply;
    if (r->status != BOX_OK)
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->message, sizeof r->message, fmt, args);
    va_end(args);
    r->status = status;
}

static pid_t pid_of(int pid_fd)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", pid_fd);
    return (pid_t)read_number_at(AT_FDCWD, name, "Pid:");
}

static uint64_t less(uint64_t value, uint64_t base)
{
    return value > base ? value - base : 0;
}

/* CPU time since the exec, peak, kills. */
static void look(struct keeper *k, struct run *run, struct cgroup_use *ret_use)
{
    if (k->cgroup != NULL) {
        cgroup_use(k->cgroup, ret_use);
        ret_use->cpu_us = less(ret_use->cpu_us, run->cpu_base_us);
        return;
    }
    if (!run->dead && run->init_fd >= 0)
        tree_sample(pid_of(run->init_fd), 2 * run->request->head.limits.processes + TASKS_SLACK, &run->tree);
    if (run->tree.cpu_us > run->peak.cpu_us)
        run->peak.cpu_us = run->tree.cpu_us;
    if (run->tree.memory_bytes > run->peak.memory_bytes)
        run->peak.memory_bytes = run->tree.memory_bytes;
    *ret_use =
        (struct cgroup_use){.cpu_us = less(run->peak.cpu_us, run->cpu_base_us), .memory_peak = run->peak.memory_bytes};
}

/* How long it waited for a processor: the sum over its living threads misses what the dead among them waited, the
 * group's pressure counts the time once in which several did. */
static uint64_t waited_us(const struct keeper *k, const struct run *run)
{
    struct tree_usage threads = {0};
    if (run->init_fd >= 0)
        tree_sample(pid_of(run->init_fd), UINT32_MAX, &threads);
    uint64_t group_us = cgroup_pressure_us(k->cgroup);
    return threads.runqueue_us > group_us ? threads.runqueue_us : group_us;
}

void run_kill(const struct keeper *k, const struct run *run)
{
    int signal_number = k->confinement.tier == BOX_TIER_B ? SIGTERM : SIGKILL;
    if (run->init_fd >= 0)
        syscall(SYS_pidfd_send_signal, run->init_fd, signal_number, NULL, 0);
}

static void end_run(struct keeper *k, struct run *run, enum box_cause cause)
{
    if (run->killed_us != 0 || run->dead)
        return;
    run->killed_us = now_us();
    run->reply->cause = cause;
    if (cause == BOX_CAUSE_WALL)
        run->reply->runqueue_us = waited_us(k, run);
    run_kill(k, run);
    cgroup_let_die(k->cgroup);
}

/* What only tier B must look at: it has no limits of its own on the files and the number of processes of a run, and a
 * full container would take the executor along. */
static void look_around(struct keeper *k, struct run *run)
{
    const struct box_limits *l = &run->request->head.limits;
    const struct scratch_use most = {l->scratch_bytes, SCRATCH_INODES};
    uint64_t used;
    if (run->tree.tasks > l->processes + TASKS_SLACK)
        end_run(k, run, BOX_CAUSE_PROCESSES);
    else if (scratch_is_over(k->confinement.scratch_fd, &run->scratch_start, &most))
        end_run(k, run, BOX_CAUSE_SCRATCH);
    else if (container_is_full(&k->container, &used)) {
        end_run(k, run, BOX_CAUSE_MEMORY);
        snprintf(run->reply->message, sizeof run->reply->message, "the container's memory was at %llu MB of %llu MB",
                 (unsigned long long)used >> 20, (unsigned long long)k->container.limit >> 20);
    }
}

static bool output_is_over(const struct run *run)
{
    uint64_t most = run->request->head.limits.output_bytes;
    return run->streams[0].total_bytes > most || run->streams[1].total_bytes > most;
}

/* No sooner can the rest of its CPU time be used up, or the wall time be over. */
static uint64_t next_look(const struct keeper *k, const struct run *run, uint64_t cpu_us)
{
    const struct box_limits *l = &run->request->head.limits;
    bool stays = run->request->head.warm == BOX_WAY_RESIDENT; /* for so long that looking at it would cost too much */
    uint64_t wait_us = k->cgroup == NULL && !stays ? SAMPLE_US : LOOK_AGAIN_US;
    uint64_t cpu_left_us = (l->cpu_us - cpu_us) * 1000 / l->cpus_milli;
    if (cpu_left_us < wait_us)
        wait_us = cpu_left_us < 1000 ? 1000 : cpu_left_us;
    uint64_t look_us = now_us() + wait_us, end_us = run->started_us + l->wall_us;
    return look_us < end_us ? look_us : end_us;
}

static void on_executor(struct keeper *k, struct run *run)
{
    union {
        struct box_cancel cancel;
        struct box_request other;
    } in;
    ssize_t got = message_receive(BOX_FD, &in, sizeof in, NULL, 0, MSG_DONTWAIT);
    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        k->leaving = true;
        end_run(k, run, BOX_CAUSE_CANCEL);
    } else if (got == sizeof in.cancel && in.cancel.magic == BOX_MAGIC && in.cancel.version == BOX_VERSION &&
               in.cancel.type == BOX_TYPE_CANCEL) {
        if (in.cancel.id == run->request->head.id)
            end_run(k, run, BOX_CAUSE_CANCEL);
    } else {
        log_line("error", "a message that is no cancel came during run %llu",
                 (unsigned long long)run->request->head.id);
    }
}

/* For want of the run's memory it dies with its init, whose memory it shares: the program's doing. */
static void on_launcher_lost(struct keeper *k, struct run *run)
{
    struct cgroup_use use = {0};
    if (k->cgroup != NULL)
        look(k, run, &use);
    if (use.oom_kills == 0)
        say(run, BOX_FAILED, "the launcher died");
    keeper_stop_launcher(k);
    run->dead = true;
}

bool run_take_init(struct keeper *k, struct run *run, const struct note *note, ssize_t got, int *fd)
{
    if (got != sizeof *note || run->init_fd >= 0)
        return false;
    if (*fd < 0) {
        say(run, BOX_FAILED, "%.127s: %s", note->step, strerror(note->error));
        run->dead = true; /* nothing was born */
        return true;
    }
    run->init_fd = *fd;
    *fd = -1;
    if (run->killed_us != 0) /* before it had a descriptor to be killed by */
        run_kill(k, run);
    return true;
}

static void on_launcher(struct keeper *k, struct run *run)
{
    struct note note;
    int fd;
    ssize_t got = message_receive(k->launcher.socket, &note, sizeof note, &fd, 1, MSG_DONTWAIT);
    if (got != -EAGAIN && !run_take_init(k, run, &note, got, &fd))
        on_launcher_lost(k, run);
    close_fds(&fd, 1);
}

/* A server that dies leaves its init to the launcher; when it had not made one, the run was none. */
static void on_server(struct keeper *k, struct run *run)
{
    struct note note;
    int fd;
    ssize_t got = message_receive(run->server->socket, &note, sizeof note, &fd, 1, MSG_DONTWAIT);
    bool taken = got == -EAGAIN || run_take_init(k, run, &note, got, &fd);
    bool failed = got == sizeof note && note.kind == NOTE_FAILED;
    if (!taken || failed) {
        warm_fail(k, run->server, failed ? run->reply->message : "it died");
        run->server = NULL;
        if (run->init_fd < 0) {
            say(run, BOX_FAILED, "the warm server died");
            run->dead = true;
        }
    }
    close_fds(&fd, 1);
}

/* One note. False when there is none. */
static bool take_note(struct keeper *k, struct run *run)
{
    struct note note;
    int fd = -1;
    ssize_t got = -EAGAIN;
    if (run->report_fd >= 0)
        got = message_receive(run->report_fd, &note, sizeof note, &fd, 1, MSG_DONTWAIT);
    if (got == -EAGAIN)
        return false;
    if (got != sizeof note) {
        close_fds(&run->report_fd, 1); /* the init ended; its pidfd says when all is dead */
        if (run->init_fd < 0 && run->server == NULL)
            on_launcher(k, run); /* the pidfd is there by now, or never */
        if (run->init_fd < 0 && run->server == NULL && !run->dead) {
            say(run, BOX_FAILED, "the init ended before it began");
            run->dead = true;
        }
    } else if (note.kind == NOTE_FAILED) {
        say(run, BOX_FAILED, "%.127s: %s", note.step, strerror(note.error));
        run->init_told = true;
    } else if (note.kind == NOTE_STARTED) {
        run->work_fd = fd;
        fd = -1;
        run->started_us = note.at_us;
        run->reply->setup_us = (uint32_t)(note.at_us - run->asked_us);
        run->cpu_base_us = note.ahead_cpu_us + (k->cgroup == NULL ? 0 : note.cpu_us);
        run->next_look_us = output_is_over(run) ? 0 : next_look(k, run, 0);
    } else if (note.kind == NOTE_ENDED) {
        run->end = note;
        run->ended_us = note.at_us;
        run->init_told = true;
    }
    close_fds(&fd, 1);
    return true;
}

/* What the init has said since. A wake-up for each note would be dear beside a short run: once the init can be waited
 * for, they are read when there is another reason to look. */
static void on_report(struct keeper *k, struct run *run)
{
    while (take_note(k, run))
        ;
}

/* Looks at the figures, ends what is above its limit, and says when to look again. */
static void on_time(struct keeper *k, struct run *run)
{
    const struct box_limits *l = &run->request->head.limits;
    uint64_t now = now_us();
    on_report(k, run);
    if (run->dead || now < run->next_look_us) /* it says that it runs since a moment ago */
        return;
    if (run->killed_us != 0) {
        run->next_look_us = run->killed_us + KILL_MAX_US;
        return;
    }
    if (run->started_us == 0) {
        run->next_look_us = now + FIRST_LOOK_US;
        return;
    }
    if (run->ended_us != 0)
        cgroup_let_die(k->cgroup); /* what the program left is slow to die */
    struct cgroup_use use = {0};
    look(k, run, &use);
    if (output_is_over(run))
        end_run(k, run, BOX_CAUSE_OUTPUT);
    else if (use.oom_kills > 0 || (k->cgroup == NULL && use.memory_peak > l->memory_bytes))
        end_run(k, run, BOX_CAUSE_MEMORY);
    else if (use.cpu_us > l->cpu_us)
        end_run(k, run, BOX_CAUSE_CPU);
    else if (now >= run->started_us + l->wall_us)
        end_run(k, run, BOX_CAUSE_WALL);
    else if (k->confinement.tier == BOX_TIER_B)
        look_around(k, run);
    if (run->killed_us != 0) {
        run->next_look_us = now + KILL_MAX_US;
        return;
    }
    run->next_look_us = next_look(k, run, use.cpu_us);
}

static void on_output(struct run *run, struct stream *s)
{
    stream_read(s, run->request->head.limits.output_bytes);
    if (output_is_over(run))
        run->next_look_us = 0;
}

static void dispatch(struct keeper *k, struct run *run, const struct pollfd events[EVENT_COUNT])
{
    if (events[EVENT_EXECUTOR].revents != 0)
        on_executor(k, run);
    if (events[EVENT_SIGNAL].revents != 0) {
        k->leaving = true;
        end_run(k, run, BOX_CAUSE_CANCEL);
    }
    /* The report before a death, so that an exit is never taken for a kill. */
    if (events[EVENT_REPORT].revents != 0 || (events[EVENT_LAUNCHER].revents != 0 && run->init_fd >= 0))
        on_report(k, run);
    if (events[EVENT_STDOUT].revents != 0)
        on_output(run, &run->streams[0]);
    if (events[EVENT_STDERR].revents != 0)
        on_output(run, &run->streams[1]);
    if (events[EVENT_INIT].revents != 0) {
        on_report(k, run);
        run->dead = true;
    }
    /* A launcher that dies closes its socket, then takes the init along: the cause may be told after the effect. */
    if (events[EVENT_LAUNCHER].revents != 0 || run->dead)
        on_launcher(k, run);
    if (events[EVENT_SERVER].revents != 0 && run->server != NULL)
        on_server(k, run);
}

void run_wait(struct keeper *k, struct run *run)
{
    while (!run->dead) {
        uint64_t now = now_us();
        if (now >= run->next_look_us)
            on_time(k, run);
        bool overdue = run->killed_us != 0 ? now > run->killed_us + KILL_MAX_US
                                           : run->started_us == 0 && now > run->asked_us + SETUP_MAX_US;
        if (overdue) {
            say(run, BOX_FAILED, "the set-up or the kill did not end; the launcher was replaced");
            on_launcher_lost(k, run);
            break;
        }
        struct pollfd events[EVENT_COUNT] = {
            [EVENT_EXECUTOR] = {.fd = k->leaving ? -1 : BOX_FD, .events = POLLIN},
            [EVENT_SIGNAL] = {.fd = k->leaving ? -1 : k->signal_fd, .events = POLLIN},
            [EVENT_LAUNCHER] = {.fd = k->launcher.socket, .events = POLLIN},
            [EVENT_SERVER] = {.fd = run->server == NULL ? -1 : run->server->socket, .events = POLLIN},
            [EVENT_REPORT] = {.fd = run->init_fd < 0 ? run->report_fd : -1, .events = POLLIN},
            [EVENT_STDOUT] = {.fd = run->streams[0].fd, .events = POLLIN},
            [EVENT_STDERR] = {.fd = run->streams[1].fd, .events = POLLIN},
            [EVENT_INIT] = {.fd = run->init_fd, .events = POLLIN},
        };
        uint64_t wait_us = run->next_look_us > now ? run->next_look_us - now : 0;
        struct timespec timeout = {(time_t)(wait_us / 1000000), (long)(wait_us % 1000000) * 1000};
        if (ppoll(events, EVENT_COUNT, &timeout, NULL) > 0)
            dispatch(k, run, events);
    }
}

/* To the server, or, when that is gone since, to the launcher. */
static void send_request(struct keeper *k, struct run *run, const int fds[RUN_FDS])
{
    size_t fd_count = fds[RUN_CGROUP] < 0 ? RUN_CGROUP : RUN_FDS;
    struct box_request *head = (struct box_request *)(void *)run->message;
    head->servers = warm_count(k);
    head->ahead = run->begun_ahead;
    if (run->server != NULL && message_send(run->server->socket, run->message, run->message_len, fds, fd_count) == 0)
        return;
    run->server = NULL;
    run->reply->warm = BOX_COLD;
    if (message_send(k->launcher.socket, run->message, run->message_len, fds, fd_count) < 0)
        on_launcher_lost(k, run);
}

int run_start(struct keeper *k, struct run *run, const int given[2])
{
    int fds[RUN_FDS] = {-1, -1, -1, -1, -1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, report[2] = {-1, -1};
    int group_fd = -1, error = 0;
    fds[RUN_STDIN] = request_open_stdin(run->request, given[0]);
    if (fds[RUN_STDIN] < 0) {
        say(run, BOX_REFUSED, "stdin is neither /dev/null nor a memfd sealed against change, nor a compiler's socket");
    } else if (!run->begun_ahead && !request_bundle_is_whole(run->request, given[1])) {
        say(run, BOX_REFUSED, "the bundle is shorter than its files together");
    } else if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 ||
               socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) < 0 ||
               fcntl(out[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(err[0], F_SETFL, O_NONBLOCK) < 0) {
        say(run, BOX_FAILED, "pipes: %s", strerror(errno));
    } else if (k->cgroup != NULL && (error = cgroup_begin(k->cgroup, &run->request->head.limits, &group_fd)) < 0) {
        say(run, BOX_FAILED, "cgroup limits: %s", strerror(-error));
    } else {
        fds[RUN_BUNDLE] = given[1];
        fds[RUN_STDOUT] = out[1];
        fds[RUN_STDERR] = err[1];
        fds[RUN_REPORT] = report[1];
        fds[RUN_CGROUP] = group_fd;
        send_request(k, run, fds);
    }
    run->streams[0].fd = out[0];
    run->streams[1].fd = err[0];
    run->report_fd = report[0];
    close_fds(&fds[RUN_STDIN], 1);
    close_fds(&out[1], 1);
    close_fds(&err[1], 1);
    close_fds(&report[1], 1);
    return run->reply->status == BOX_OK ? 0 : -1;
}

/* What ended it, from the evidence: a limit that was passed counts even when the program was quicker than the kill. */
static void settle_cause(const struct run *run, struct box_reply *r)
{
    const struct box_limits *l = &run->request->head.limits;
    if (r->cause == BOX_CAUSE_CANCEL || r->cause == BOX_CAUSE_OUTPUT || r->cause >= BOX_CAUSE_SCRATCH)
        return;
    if (r->oom_kills > 0)
        r->cause = BOX_CAUSE_MEMORY;
    else if (r->cause == BOX_CAUSE_SELF && output_is_over(run))
        r->cause = BOX_CAUSE_OUTPUT;
    else if (r->cause == BOX_CAUSE_SELF && r->cpu_us > l->cpu_us)
        r->cause = BOX_CAUSE_CPU;
}

static void take_figures(struct keeper *k, struct run *run)
{
    struct box_reply *r = run->reply;
    struct cgroup_use use = {0};
    look(k, run, &use);
    if (k->cgroup == NULL && run->ended_us != 0) {
        uint64_t cpu_us = less(run->end.cpu_us, run->cpu_base_us);
        use.cpu_us = cpu_us > use.cpu_us ? cpu_us : use.cpu_us;
        use.memory_peak = run->end.memory_bytes > use.memory_peak ? run->end.memory_bytes : use.memory_peak;
    }
    /* On cgroup v1 a tiny program can hide in what the run before leaves behind: its resident set tells then. */
    if (use.memory_peak == 0)
        use.memory_peak = run->end.memory_bytes;
    r->cpu_us = use.cpu_us;
    r->memory_peak_bytes = use.memory_peak;
    r->oom_kills = use.oom_kills;
    r->stdout_kept = run->streams[0].kept_bytes;
    r->stdout_total = run->streams[0].total_bytes;
    r->stderr_kept = run->streams[1].kept_bytes;
    r->stderr_total = run->streams[1].total_bytes;
    if (run->ended_us != 0) {
        r->exit_code = WIFEXITED(run->end.status) ? WEXITSTATUS(run->end.status) : -1;
        r->signal = WIFSIGNALED(run->end.status) ? WTERMSIG(run->end.status) : 0;
    } else {
        r->signal = SIGKILL;
        run->ended_us = run->killed_us != 0 ? run->killed_us : now_us();
        if (run->killed_us == 0 && use.oom_kills == 0)
            say(run, BOX_FAILED, "the run's init died");
        else if (run->killed_us == 0 && run->server == NULL)
            keeper_stop_launcher(k); /* where it has the init's memory, it dies of the same */
    }
    r->wall_us = run->ended_us - run->started_us;
    settle_cause(run, r);
}

/* When it is gone, so is whoever would have cleared its directories: the next one does. */
static void tell_answered(struct keeper *k, const struct run *run)
{
    bool killed = run->init_fd >= 0 && !run->init_told;
    const char word = killed && run->reply->warm != BOX_COLD ? LAUNCHER_ENDS_ALL : LAUNCHER_CLEARS;
    k->clearing = k->launcher.socket >= 0 && message_send(k->launcher.socket, &word, 1, NULL, 0) == 0;
    if (!k->clearing)
        keeper_stop_launcher(k);
}

/* A server does not wait for the launcher, so that we do. */
static void await_cleared(struct keeper *k)
{
    struct note note;
    if (k->clearing && message_receive(k->launcher.socket, &note, sizeof note, NULL, 0, 0) != sizeof note)
        keeper_stop_launcher(k);
    k->clearing = false;
}

/* Everything is dead: what is in the pipes is all there will be. */
static size_t run_finish(struct keeper *k, struct run *run, int *ret_collected_fd)
{
    struct box_reply *r = run->reply;
    size_t len = sizeof *r;
    for (int i = 0; i < 2; i++)
        stream_drain(&run->streams[i], run->request->head.limits.output_bytes);
    struct cgroup_use use = {0};
    if (run->started_us == 0 && run->init_fd >= 0)
        look(k, run, &use);
    if (use.oom_kills > 0)
        run->started_us = run->asked_us; /* the program filled the memory before its init could report, and both went */
    if (run->started_us != 0 && r->status == BOX_OK)
        take_figures(k, run);
    else if (r->cause == BOX_CAUSE_CANCEL)
        r->status = BOX_OK; /* it had not begun; the figures are zero */
    else
        say(run, BOX_FAILED, "the run's init died");
    if (r->status == BOX_OK && r->cause == BOX_CAUSE_SELF && r->exit_code == 0 && run->request->head.collect_count > 0)
        len = collect_files(run->request, run->work_fd, r, ret_collected_fd);
    cgroup_end(k->cgroup);
    if (k->confinement.tier == BOX_TIER_B)
        tell_answered(k, run);
    return len;
}

void run_close(struct run *run)
{
    close_fds(&run->streams[0].fd, 1);
    close_fds(&run->streams[1].fd, 1);
    close_fds(&run->report_fd, 1);
    close_fds(&run->init_fd, 1);
    close_fds(&run->work_fd, 1); /* frees the work directory's memory */
}

/* Before the run's limits are set: a start is no run's. */
static void choose_server(struct keeper *k, struct run *run)
{
    bool started;
    run->server = warm_server_for(k, run->request, run->message, run->message_len, &started);
    if (run->server != NULL)
        run->reply->warm = started ? BOX_WARM_STARTED : BOX_WARM;
}

void run_init(struct run *run, const struct keeper *k, const struct request *request, char *message, size_t len,
              struct box_reply *reply)
{
    *run = (struct run){
        .request = request,
        .message = message,
        .message_len = len,
        .reply = reply,
        .streams = {{.fd = -1, .kept = k->output}, {.fd = -1, .kept = k->output + k->config->most.output_bytes}},
        .report_fd = -1,
        .init_fd = -1,
        .work_fd = -1,
        .asked_us = now_us(),
    };
    run->next_look_us = run->asked_us + FIRST_LOOK_US;
    *reply = (struct box_reply){
        .magic = BOX_MAGIC, .version = BOX_VERSION, .type = BOX_TYPE_REPLY, .id = request->head.id, .exit_code = -1};
}

size_t run_serve(struct keeper *k, char *message, size_t len, int given[2], struct box_reply *reply,
                 int *ret_collected_fd)
{
    static struct request request;
    struct run cold, *run = &cold, *begun;
    size_t reply_len = sizeof *reply;
    request.head.id = 0;
    const char *wrong = request_parse(message, len, &k->config->most, &request);
    run_init(run, k, &request, message, len, reply);
    tree_reset();
    await_cleared(k);
    if (wrong != NULL) {
        say(run, BOX_REFUSED, "%s", wrong);
    } else if ((begun = ahead_serve(k, run, given)) != NULL) {
        run = begun;
    } else {
        ahead_drop(k);
        run_init(run, k, &request, message, len, reply);
        if (k->confinement.tier == BOX_TIER_B)
            scratch_begin(k->confinement.scratch_fd, &run->scratch_start);
        if (warm_suits(&request))
            choose_server(k, run);
        if (run_start(k, run, given) == 0)
            run_wait(k, run);
    }
    close_fds(given, 2);
    if (reply->status != BOX_REFUSED)
        reply_len = run_finish(k, run, ret_collected_fd);
    run_close(run);
    if (run->begun_ahead)
        ahead_reap(k);
    if (run->ended_us != 0)
        reply->cleanup_us = (uint32_t)(now_us() - run->ended_us);
    return reply_len;
}
