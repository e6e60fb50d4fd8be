/* The keeper: outside the slot's cgroup and namespaces. It owns the executor's socket, the output area and the
 * launcher, which it starts, admits, replaces when it dies, and ends; run.c has what happens in between. The keeper
 * never runs, and never trusts, anything that is inside. */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LAUNCHER_START_MS = 10000 };

static alignas(struct box_request) char message[BOX_MESSAGE_MAX + 1];

static void setup_signal_fd(struct keeper *k)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    k->signal_fd = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    if (k->signal_fd < 0)
        die("signalfd: %s", strerror(errno));
}

/* Sealed in size: whoever has the other end cannot make our writes fault. */
static void setup_output_area(struct keeper *k)
{
    size_t size = 2 * k->config->most.output_bytes;
    k->output_fd = memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (k->output_fd < 0 || ftruncate(k->output_fd, (off_t)size) < 0 ||
        fcntl(k->output_fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        die("output area: %s", strerror(errno));
    k->output = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, k->output_fd, 0);
    if (k->output == MAP_FAILED)
        die("output area: %s", strerror(errno));
}

struct keeper *keeper_create(const struct config *config, struct confinement *c)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (k == NULL)
        die("out of memory");
    *k = (struct keeper){.config = config, .confinement = c, .launcher_fd = -1, .launcher_socket = -1};
    setup_signal_fd(k);
    setup_output_area(k);
    k->cgroup = cgroup_open(config, k->no_cgroup);
    c->memory_by_rlimit = k->cgroup == NULL;
    return k;
}

/* The launcher's death is the death of all in its namespaces; that is waited for here. */
void launcher_stop(struct keeper *k)
{
    siginfo_t info;
    if (k->launcher_fd < 0)
        return;
    syscall(SYS_pidfd_send_signal, k->launcher_fd, SIGKILL, NULL, 0);
    while (waitid(P_PIDFD, (id_t)k->launcher_fd, &info, WEXITED) < 0 && errno == EINTR)
        ;
    close_fds(&k->launcher_fd, 1);
    close_fds(&k->launcher_socket, 1);
}

static int write_proc(pid_t pid, const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return write_at(AT_FDCWD, path, "%s", text);
}

/* Two ids need a privileged keeper; an ordinary user can map itself alone, and must give up setgroups for it. */
static int map_ids(const struct config *config, pid_t launcher)
{
    char uids[64], gids[64];
    int error = 0;
    if (config->two_ids) {
        snprintf(uids, sizeof uids, "%d %u 1\n%d %u 1\n", LAUNCHER_ID, config->uid_base, PROGRAM_ID,
                 config->uid_base + 1);
        snprintf(gids, sizeof gids, "%s", uids);
    } else {
        snprintf(uids, sizeof uids, "%d %u 1\n", PROGRAM_ID, geteuid());
        snprintf(gids, sizeof gids, "%d %u 1\n", PROGRAM_ID, getegid());
        error = write_proc(launcher, "setgroups", "deny");
    }
    if (error == 0)
        error = write_proc(launcher, "uid_map", uids);
    return error < 0 ? error : write_proc(launcher, "gid_map", gids);
}

/* Waits until the launcher's root stands. 0 or -errno, and `why`. */
static int await_ready(struct keeper *k, char why[160])
{
    struct note note = {.error = ETIMEDOUT, .step = "the launcher's start"};
    struct pollfd ready = {.fd = k->launcher_socket, .events = POLLIN};
    if (poll(&ready, 1, LAUNCHER_START_MS) > 0 &&
        message_receive(k->launcher_socket, &note, sizeof note, NULL, 0, 0) != sizeof note)
        note.error = ECHILD;
    else if (note.kind == NOTE_READY)
        return 0;
    snprintf(why, 160, "%.100s: %s", note.step, strerror(note.error));
    return -note.error;
}

static int launcher_admit(struct keeper *k, pid_t pid, char why[160])
{
    const struct config *config = k->config;
    int error = map_ids(config, pid);
    if (error < 0) {
        snprintf(why, 160, "mapping ids: %s", strerror(-error));
        return error;
    }
    if (k->cgroup != NULL && (error = k->cgroup->driver->join(k->cgroup, pid)) < 0) {
        snprintf(why, 160, "entering the cgroup: %s", strerror(-error));
        return error;
    }
    error = message_send(k->launcher_socket, "", 1, NULL, 0);
    if (error == 0)
        error = await_ready(k, why);
    uid_t its_id = config->two_ids ? config->uid_base : geteuid();
    if (error == 0 && k->cgroup != NULL && (error = k->cgroup->driver->settle(k->cgroup, pid, its_id)) < 0)
        snprintf(why, 160, "settling in the cgroup: %s", strerror(-error));
    return error;
}

static int launcher_start(struct keeper *k, char why[160])
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        snprintf(why, 160, "socketpair: %s", strerror(errno));
        return -errno;
    }
    struct clone_args args = {
        .flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&k->launcher_fd,
        .exit_signal = SIGCHLD,
    };
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        launcher_main(k->confinement, sockets[1]);
    int error = pid < 0 ? -errno : 0;
    close(sockets[1]);
    k->launcher_socket = sockets[0];
    if (error < 0)
        snprintf(why, 160, "namespaces: %s", strerror(-error));
    else
        error = launcher_admit(k, (pid_t)pid, why);
    if (error < 0) {
        launcher_stop(k);
        close_fds(&k->launcher_socket, 1);
    }
    return error;
}

void keeper_setup_launcher(struct keeper *k)
{
    char why[160];
    if (launcher_start(k, why) < 0)
        die("this machine gives no isolation: %s", why);
}

void keeper_setup_hello(struct keeper *k, struct box_hello *ret_hello)
{
    struct box_hello *h = ret_hello;
    h->magic = BOX_MAGIC;
    h->version = BOX_VERSION;
    h->type = BOX_TYPE_HELLO;
    h->tier = k->cgroup != NULL ? BOX_TIER_A : BOX_TIER_A_MINUS;
    h->output_max = k->config->most.output_bytes;
    h->cgroup_version = k->cgroup == NULL ? 0 : (uint32_t)k->cgroup->driver->version;
    for (int i = BOX_MECH_CGROUP_MEMORY; i <= BOX_MECH_CGROUP_CPU; i++) {
        h->mechanism[i].on = k->cgroup != NULL;
        if (k->cgroup != NULL)
            snprintf(h->mechanism[i].detail, sizeof h->mechanism[i].detail, "version %u", h->cgroup_version);
        else
            snprintf(h->mechanism[i].detail, sizeof h->mechanism[i].detail, "%.94s", k->no_cgroup);
    }
}

void keeper_destroy(struct keeper *k)
{
    launcher_stop(k);
    cgroup_close(k->cgroup);
    free(k);
}

static void serve_request(struct keeper *k, size_t len, int given[2])
{
    static union {
        struct box_reply head;
        char bytes[BOX_MESSAGE_MAX];
    } reply;
    struct box_reply *r = &reply.head;
    int collected_fd = -1;
    size_t reply_len = run_serve(k, message, len, given, r, &collected_fd);
    if (r->status != BOX_OK)
        log_line("error", "run %llu %s: %s", (unsigned long long)r->id, r->status == BOX_REFUSED ? "refused" : "failed",
                 r->message);
    if (message_send(BOX_FD, r, reply_len, &collected_fd, collected_fd >= 0) < 0)
        k->leaving = true;
    close_fds(&collected_fd, 1);
}

/* A launcher that dies is replaced; when it cannot be, the box is of no use. */
static void ensure_launcher(struct keeper *k)
{
    char why[160];
    struct pollfd dead = {.fd = k->launcher_fd, .events = POLLIN};
    if (k->launcher_fd >= 0 && poll(&dead, 1, 0) == 0)
        return;
    log_line("warning", "the launcher died and is replaced");
    launcher_stop(k);
    if (launcher_start(k, why) < 0) {
        cgroup_close(k->cgroup);
        die("no new launcher: %s", why);
    }
}

int keeper_serve(struct keeper *k, const struct box_hello *hello)
{
    if (message_send(BOX_FD, hello, sizeof *hello, &k->output_fd, 1) < 0) {
        log_line("error", "descriptor 3 is not the executor's socket: %s", strerror(errno));
        return 1;
    }
    while (!k->leaving) {
        struct pollfd events[] = {{.fd = BOX_FD, .events = POLLIN},
                                  {.fd = k->signal_fd, .events = POLLIN},
                                  {.fd = k->launcher_fd, .events = POLLIN}};
        int given[2];
        poll(events, ARRAY_LEN(events), -1);
        if (events[1].revents != 0)
            break;
        if (events[2].revents != 0)
            ensure_launcher(k);
        if (events[0].revents == 0)
            continue;
        ssize_t got = message_receive(BOX_FD, message, sizeof message, given, 2, 0);
        if (got <= 0)
            break;
        const struct box_cancel *late = (const struct box_cancel *)(const void *)message;
        if ((size_t)got != sizeof *late || late->type != BOX_TYPE_CANCEL) /* of a run that is answered already */
            serve_request(k, (size_t)got, given);
        close_fds(given, 2);
        if (!k->leaving)
            ensure_launcher(k);
    }
    return 0;
}
