/* What the launcher does for starts that are spared. A server has the launcher's namespaces and, in the box's user
 * namespace, those of its capabilities that an init needs; it keeps them over its exec as ambient ones. */
#include "warm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

bool warm_suits(const struct request *r)
{
    bool named = false;
    if (r->head.warm != BOX_WAY_FORK || r->head.profile != BOX_PROFILE_RUN || r->head.file_count == 0 ||
        r->argv[0][0] != '/')
        return false;
    for (uint32_t i = 1; i < r->head.argc; i++)
        named |= strcmp(r->argv[i], r->names[0]) == 0;
    /* A hidden file may be one that the interpreter's own start would have read: ~/.local is Python's. */
    for (uint32_t i = 0; i < r->head.file_count; i++)
        named &= r->names[i][0] != '.';
    return named;
}

static int write_all(int fd, const void *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, (const char *)bytes + done, len - done);
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

static int write_string(int fd, const char *text)
{
    return write_all(fd, text == NULL ? "" : text, text == NULL ? 1 : strlen(text) + 1);
}

/* A sealed memfd, or -1. */
static int open_library(void)
{
    int fd = memfd_create("sentinel-warm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && (write_all(fd, warm_library, warm_library_size) < 0 || box_seal(fd) < 0))
        close_fds(&fd, 1);
    return fd;
}

void warm_preload(struct request *r)
{
    static char preload[] = SERVER_PRELOAD_VARIABLE;
    r->env[r->head.envc] = preload;
    r->env[r->head.envc + 1] = NULL;
}

/* With the descriptors' numbers as they will be in the server. */
static int open_handover(const struct confinement *c, const struct request *r)
{
    static struct handover h;
    bool on_disk = c->tier == BOX_TIER_B;
    h = (struct handover){.config = *c->config, .confinement = *c};
    h.confinement.fence_fd = c->fence_fd < 0 ? -1 : SERVER_FENCE_FD;
    h.confinement.scratch_fd = c->scratch_fd < 0 ? -1 : SERVER_SCRATCH_FD;
    snprintf(h.script, sizeof h.script, "%s", r->names[0]);
    snprintf(h.absolute, sizeof h.absolute, "%s/work/%s", on_disk ? c->scratch : "", r->names[0]);
    int fd = memfd_create("handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write_all(fd, &h, sizeof h) < 0)
        return -1;
    for (int i = 0; i < FILTER_COUNT; i++) {
        if (write_all(fd, c->filters[i].filter, c->filters[i].len * sizeof *c->filters[i].filter) < 0)
            return -1;
    }
    if (write_string(fd, c->config->languages) < 0)
        return -1;
    for (size_t i = 0; i < c->config->grant_count; i++) {
        if (write_string(fd, c->config->grants[i]) < 0)
            return -1;
    }
    return box_seal(fd) < 0 ? -1 : fd;
}

/* Of the kinds that a run's are, for what an interpreter decides by them at its start. Nobody reads what it says. */
static int setup_streams(void)
{
    int ends[2], in_fd = memfd_create("stdin", MFD_CLOEXEC);
    if (in_fd < 0 || dup2(in_fd, 0) < 0)
        return -1;
    for (int i = 1; i <= 2; i++) {
        if (pipe2(ends, O_CLOEXEC) < 0 || dup2(ends[1], i) < 0)
            return -1;
    }
    return 0;
}

static int setup_descriptors(const struct confinement *c, int socket, int handover_fd, int library_fd)
{
    const int moves[][2] = {{socket, SERVER_SOCKET_FD},
                            {handover_fd, SERVER_HANDOVER_FD},
                            {library_fd, SERVER_LIBRARY_FD},
                            {c->fence_fd, SERVER_FENCE_FD},
                            {c->scratch_fd, SERVER_SCRATCH_FD}};
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        if (moves[i][0] >= 0 && dup2(moves[i][0], moves[i][1]) < 0)
            return -1;
    }
    return 0;
}

/* An interpreter measures its stack, and libc its threads', by the limit of its start. */
static int setup_rlimits(const struct request *r)
{
    return lower_limit(RLIMIT_STACK, r->head.limits.stack_bytes) < 0 ? -1 : lower_limit(RLIMIT_NOFILE, OPEN_FILES);
}

static int setup_capabilities(const struct confinement *c)
{
    for (size_t i = 0; c->tier != BOX_TIER_B && i < ARRAY_LEN(server_capabilities); i++) {
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, server_capabilities[i], 0, 0) < 0)
            return -1;
    }
    return 0;
}

/* An interpreter may ask where it is before the door: there its programs will be, and nothing is there yet. In tier B
 * the server removes what is made here. */
static int setup_folder(const struct confinement *c)
{
    if (c->tier != BOX_TIER_B)
        return chdir("/work");
    return chdir(c->scratch) < 0 || mkdir("work", 0700) < 0 ? -1 : chdir("work");
}

/* Ends with the launcher. Whatever fails shows as a socket that closes. */
static _Noreturn void server_exec(const struct confinement *c, struct request *r, int socket, pid_t launcher)
{
    int handover_fd = open_handover(c, r), library_fd = open_library();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != launcher || handover_fd < 0 || library_fd < 0)
        _exit(1);
    if (c->tier == BOX_TIER_B)
        request_move_words(r, c->config, c->scratch);
    warm_preload(r);
    if (setup_folder(c) < 0 || setup_streams() < 0 || setup_descriptors(c, socket, handover_fd, library_fd) < 0 ||
        setup_rlimits(r) < 0 || setup_capabilities(c) < 0)
        _exit(1);
    execve(r->argv[0], r->argv, r->env);
    _exit(126);
}

static void server_start(const struct confinement *c, struct request *r, int keeper_socket)
{
    struct note note = {.kind = NOTE_FAILED, .step = "a warm server"};
    int ends[2] = {-1, -1}, given[2] = {-1, -1};
    pid_t launcher = getpid(), pid = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0)
        pid = spawn(0, -1, &given[1]);
    if (pid == 0)
        server_exec(c, r, ends[1], launcher);
    note.error = errno;
    given[0] = ends[0];
    if (pid > 0)
        note.kind = NOTE_SERVER;
    close_fds(&ends[1], 1);
    if (message_send(keeper_socket, &note, sizeof note, given, pid > 0 ? 2 : 0) < 0)
        _exit(2);
    close_fds(given, 2);
}

/* Its init waits beside us, so it never has our memory. */
static void ahead_start(const struct confinement *c, struct request *r, int keeper_socket, int fds[RUN_FDS])
{
    struct birth birth = {.c = c, .request = r, .fds = fds, .socket = keeper_socket, .way = &way_ahead};
    close(fds[RUN_BUNDLE]);
    fds[RUN_BUNDLE] = open_library();
    birth_give(&birth);
}

void warm_begin(const struct confinement *c, struct request *r, int socket, int fds[RUN_FDS])
{
    if (fds[RUN_REPORT] < 0)
        server_start(c, r, socket);
    else
        ahead_start(c, r, socket, fds);
    close_fds(fds, RUN_FDS);
}
