/* How an init comes into the world, of the launcher or of a warm server: in its parent's memory, or in a copy of it. */
#include "confine.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SMALL_BYTES = 64 << 10 };

bool birth_can_share(void)
{
    int pid_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    bool can = pid_fd >= 0;
    close_fds(&pid_fd, 1);
    return can;
}

/* The kernel charges a file's pages to the group of whose memory their writer has (version 2), and what it kills for
 * want of memory takes along all who share that: so little is written there. */
static bool is_small(const struct request *r)
{
    uint64_t left = SMALL_BYTES;
    for (uint32_t i = 0; i < r->head.file_count; i++) {
        if (r->files[i].size > left)
            return false;
        left -= r->files[i].size;
    }
    return true;
}

static void live(const struct birth *b)
{
    close(b->socket);
    init_main(b->c, b->request, b->fds, b->parent, b->way);
}

/* Gives the keeper what it can be killed by, as its parent stands still. Should it end before, its report tells. */
static void live_here(void *arg)
{
    const struct birth *b = arg;
    struct note note = {.kind = NOTE_INIT};
    int pid_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (pid_fd < 0 || message_send(b->socket, &note, sizeof note, &pid_fd, 1) < 0)
        _exit(1);
    close(pid_fd);
    live(b);
}

static uint64_t init_namespaces(const struct confinement *c)
{
    return c->tier == BOX_TIER_B ? 0 : CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWCGROUP;
}

static pid_t give_here(struct birth *b)
{
    pid_t pid = spawn_sharing(init_namespaces(b->c), b->fds[RUN_CGROUP], live_here, b);
    if (pid == 0)
        return 0;
    struct note note = {.kind = NOTE_FAILED, .error = errno, .step = "clone of the init"};
    if (pid < 0 && message_send(b->socket, &note, sizeof note, NULL, 0) < 0)
        _exit(2);
    if (prctl(PR_SET_DUMPABLE, 0) < 0) /* the init may have been killed when it was */
        _exit(2);
    return pid;
}

pid_t birth_give(struct birth *b)
{
    struct note note = {.kind = NOTE_INIT};
    int pid_fd = -1;
    b->parent = getpid();
    if (b->may_share && !b->c->proc_is_hosts && is_small(b->request))
        return give_here(b);
    pid_t pid = spawn(init_namespaces(b->c), b->fds[RUN_CGROUP], &pid_fd);
    if (pid == 0) {
        live(b);
        return 0;
    }
    if (pid < 0)
        note = (struct note){.kind = NOTE_FAILED, .error = errno, .step = "fork of the init"};
    if (message_send(b->socket, &note, sizeof note, &pid_fd, pid_fd >= 0) < 0)
        _exit(2);
    close_fds(&pid_fd, 1);
    return pid;
}
