/* The launcher from outside, for the keeper: what a tier needs, the namespaces, the ids in them, and the end. */
#include "cgroup.h"
#include "confine.h"
#include "landlock.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LAUNCHER_START_MS = 10000 };

/* The id, outside, of the launcher and of the program. */
static uid_t outer_id(const struct config *config, uid_t which)
{
    return config->two_ids ? config->uid_base + which : geteuid();
}

static int setup_tier_b(struct confinement *c, char why[160])
{
    if (c->landlock_abi < LANDLOCK_SCOPES_ABI) {
        snprintf(why, 160, "Landlock has version %u here, 6 is needed (Linux 6.12)", c->landlock_abi);
        return -1;
    }
    c->fence_fd = landlock_outer_fence();
    c->scratch_fd = scratch_create(c->config, outer_id(c->config, 1), c->scratch);
    if (c->scratch_fd < 0)
        snprintf(why, 160, "scratch directory %.60s: %s", c->config->scratch, strerror(-c->scratch_fd));
    else if (c->fence_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        snprintf(why, 160, "Landlock's ruleset: %s", strerror(errno));
    else
        return 0;
    return -1;
}

int confinement_setup(struct confinement *c, uint32_t tier, char why[160])
{
    c->tier = tier;
    c->proc_is_hosts = false;
    c->landlock_abi = landlock_version();
    filter_build_all(tier, c->filters);
    c->uid_processes = c->config->two_ids ? 0 : 2; /* in the box's user namespace: the launcher and the init */
    if (tier == BOX_TIER_B)
        return setup_tier_b(c, why);
    c->fence_fd = landlock_fence(c->landlock_abi); /* extra; its absence is in the hello */
    return 0;
}

void confinement_drop(struct confinement *c)
{
    close_fds(&c->fence_fd, 1);
    scratch_destroy(&c->scratch_fd, c->scratch);
}

/* Its death is the death of all in its namespaces; that is waited for here. In tier B an init adopted by us sees to it,
 * and ends last. */
void launcher_stop(struct launcher *l, const struct confinement *c)
{
    siginfo_t info;
    close_fds(&l->socket, 1); /* which ends it, too */
    if (l->pid_fd < 0)
        return;
    syscall(SYS_pidfd_send_signal, l->pid_fd, SIGKILL, NULL, 0);
    while (waitid(P_PIDFD, (id_t)l->pid_fd, &info, WEXITED) < 0 && errno == EINTR)
        ;
    while (c->tier == BOX_TIER_B && (wait(NULL) >= 0 || errno == EINTR))
        ;
    close_fds(&l->pid_fd, 1);
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
        snprintf(uids, sizeof uids, "%d %u 1\n%d %u 1\n", LAUNCHER_ID, outer_id(config, 0), PROGRAM_ID,
                 outer_id(config, 1));
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
static int await_ready(const struct launcher *l, struct confinement *c, char why[160])
{
    struct note note = {.error = ETIMEDOUT, .step = "the launcher's start"};
    struct pollfd ready = {.fd = l->socket, .events = POLLIN};
    ssize_t got = 0;
    if (poll(&ready, 1, LAUNCHER_START_MS) > 0) {
        note.error = ECHILD;
        do /* one that ended before it was admitted is told first, and its note then */
            got = message_receive(l->socket, &note, sizeof note, NULL, 0, 0);
        while (got == -ECONNRESET);
    }
    if (got == sizeof note && note.kind == NOTE_READY) {
        c->proc_is_hosts = note.status != 0;
        return 0;
    }
    snprintf(why, 160, "%.100s: %s", note.step, strerror(note.error));
    return note.error > 0 ? -note.error : -EINVAL;
}

static int admit(struct launcher *l, struct confinement *c, struct cgroup *cg, pid_t pid, char why[160])
{
    int error = 0;
    if (c->tier != BOX_TIER_B && (error = map_ids(c->config, pid)) < 0)
        snprintf(why, 160, "mapping ids: %s", strerror(-error));
    else if (cg != NULL && (error = cgroup_admit(cg, pid, outer_id(c->config, 0))) < 0)
        snprintf(why, 160, "entering the cgroup: %s", strerror(-error));
    if (error < 0)
        return error;
    if (message_send(l->socket, "", 1, NULL, 0) < 0)
        snprintf(why, 160, "the launcher ended early"); /* its note says why */
    return await_ready(l, c, why);
}

int launcher_start(struct launcher *l, struct confinement *c, struct cgroup *cg, launcher_other *other, char why[160])
{
    const uint64_t namespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC;
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        snprintf(why, 160, "socketpair: %s", strerror(errno));
        return -errno;
    }
    pid_t pid = spawn(c->tier == BOX_TIER_B ? 0 : namespaces, -1, &l->pid_fd);
    if (pid == 0)
        launcher_main(c, sockets[1], other);
    int error = pid < 0 ? -errno : 0;
    close(sockets[1]);
    l->socket = sockets[0];
    if (error < 0)
        snprintf(why, 160, "namespaces: %s", strerror(-error));
    else
        error = admit(l, c, cg, pid, why);
    if (error < 0)
        launcher_stop(l, c);
    return error;
}
