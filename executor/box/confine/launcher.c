/* The launcher: pid 1 of the box's namespaces. It makes the root once, gives up for good what no run may have, then
 * makes one init a run and reaps it. It runs nothing of the user's, and its death kills everything in the box.
 *
 * It keeps its capabilities, which count only in the box's own user namespace: mounting for the next run needs them.
 *
 * In tier B it has neither namespaces nor capabilities: it takes an ordinary id when the keeper is root, and is the
 * outermost of the Landlock domains. Should an init be killed from outside, it does the init's killing. */
#include "confine.h"
#include "landlock.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <poll.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NODE_PROCESSES_MAX = 1 << 22,
    OTHERS_GROWTH = 64, /* what other processes of an id that is not ours alone may grow by after the start */
};

static alignas(struct box_request) char message[BOX_MESSAGE_MAX];
static struct request request;
static bool can_share; /* its memory, with a run's init */

static _Noreturn void setup_failed(int socket, const char *step)
{
    struct note note = {.kind = NOTE_FAILED, .error = errno};
    snprintf(note.step, sizeof note.step, "%s", step);
    if (message_send(socket, &note, sizeof note, NULL, 0) < 0)
        _exit(2); /* the keeper is gone */
    _exit(1);
}

/* Only what is named is kept, the socket to the keeper first; the executor's socket above all must not come along. */
static void setup_descriptors(int *kept[], int count)
{
    for (int i = 0; i < count; i++) {
        if (*kept[i] >= 0 && (*kept[i] = fcntl(*kept[i], F_DUPFD_CLOEXEC, 10)) < 0)
            _exit(2);
    }
    for (int i = 0; i < count; i++) {
        if (*kept[i] >= 0 && dup3(*kept[i], 3 + i, O_CLOEXEC) < 0)
            _exit(2);
        if (*kept[i] >= 0)
            *kept[i] = 3 + i;
        else
            close(3 + i);
    }
    if (close_range(3 + (unsigned int)count, ~0u, 0) < 0)
        setup_failed(*kept[0], "close_range");
}

/* The program inherits this: default dispositions and an empty mask, whatever the executor had. */
static void setup_signals(void)
{
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        signal(signal_number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* An id without a capability outside. The keeper may have died before it was our death signal: then its end is closed.
 */
static void setup_identity(const struct confinement *c, int socket)
{
    uid_t id = c->tier == BOX_TIER_B ? c->config->uid_base + 1 : LAUNCHER_ID;
    if (c->config->two_ids && (setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0))
        setup_failed(socket, "ids of the launcher");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0) /* a change of ids clears the first */
        setup_failed(socket, "death signal");
    struct pollfd keeper = {.fd = socket};
    if (poll(&keeper, 1, 0) > 0 && (keeper.revents & POLLHUP) != 0)
        _exit(2);
    umask(0);
}

static void setup_names(int socket)
{
    if (sethostname("box", 3) < 0 || setdomainname("", 0) < 0)
        setup_failed(socket, "host name");
}

/* What an exec can keep, when the launcher says so: an inheritable set grows only within the bounding set. */
static int setup_inheritable(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    if (syscall(SYS_capget, &head, sets) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(server_capabilities); i++)
        sets[server_capabilities[i] / 32].inheritable |= 1u << server_capabilities[i] % 32;
    return (int)syscall(SYS_capset, &head, sets);
}

/* No exec beneath the launcher can gain a capability again, but for a warm server's few. */
static void setup_privileges(const struct confinement *c, int socket)
{
    bool optional = c->tier == BOX_TIER_B; /* what has no capability cannot drop them, and need not */
    if (!optional && setup_inheritable() < 0)
        setup_failed(socket, "inheritable capabilities");
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap) < 0 && !optional)
            setup_failed(socket, "bounding set");
    }
    if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED) < 0 && !optional)
        setup_failed(socket, "securebits");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        setup_failed(socket, "ambient capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        setup_failed(socket, "no_new_privs");
}

/* RLIMIT_NPROC counts the processes of an id over the whole node, also those that no /proc shows us: found by the least
 * limit with which a fork succeeds, that of the init to come. */
static rlim_t count_processes(int socket)
{
    struct rlimit was;
    if (getrlimit(RLIMIT_NPROC, &was) < 0)
        setup_failed(socket, "RLIMIT_NPROC");
    rlim_t low = 1, high = was.rlim_max < NODE_PROCESSES_MAX ? was.rlim_max : NODE_PROCESSES_MAX;
    while (low < high) {
        struct rlimit middle = {(low + high) / 2, was.rlim_max};
        pid_t pid = setrlimit(RLIMIT_NPROC, &middle) < 0 ? -1 : fork();
        if (pid == 0)
            _exit(0);
        if (pid > 0)
            waitpid(pid, NULL, 0);
        *(pid > 0 ? &high : &low) = middle.rlim_cur + (pid > 0 ? 0 : 1);
    }
    if (setrlimit(RLIMIT_NPROC, &was) < 0)
        setup_failed(socket, "RLIMIT_NPROC");
    return low;
}

/* Tier B. An id of the box's own counts nobody else's processes; a shared one changes behind our back. */
static void setup_domain(struct confinement *c, int socket)
{
    pid_t keeper = getppid();
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    if (syscall(SYS_capset, &head, none) < 0)
        setup_failed(socket, "capabilities");
    scratch_clear(c->scratch_fd); /* of the launcher before us, should it have died */
    c->uid_processes = count_processes(socket) + (c->config->two_ids ? 0 : OTHERS_GROWTH);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || landlock_restrict(c->fence_fd) < 0)
        setup_failed(socket, "Landlock's outermost domain");
    errno = 0;
    if (kill(keeper, 0) == 0 || errno != EPERM)
        setup_failed(socket, "Landlock does not hold signals back");
}

static void setup_standard_streams(int socket)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(null_fd, 2) < 0)
        setup_failed(socket, "standard streams of the launcher");
    close(null_fd);
}

static void start_run(const struct confinement *c, int socket, int fds[RUN_FDS])
{
    struct birth birth = {.c = c, .request = &request, .fds = fds, .socket = socket, .may_share = can_share};
    int status = 0;
    pid_t pid = birth_give(&birth);
    close_fds(fds, RUN_FDS);
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (c->tier == BOX_TIER_B && !WIFEXITED(status))
        domain_end(); /* the init was killed; the warm servers go too */
}

/* What was not waited for: warm servers, and inits of programs that were started ahead. */
static void reap(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

static void setup_namespaces(struct confinement *c, int socket)
{
    char step[128];
    setup_identity(c, socket);
    setup_names(socket);
    int error = root_setup(c->config, &c->proc_is_hosts, step);
    if (error < 0) {
        errno = -error;
        setup_failed(socket, step);
    }
    setup_privileges(c, socket);
}

void launcher_main(const struct confinement *shared, int socket, launcher_other *other)
{
    struct confinement c = *shared;
    char go;
    setup_descriptors((int *[]){&socket, &c.fence_fd, &c.scratch_fd}, 3);
    setup_signals();
    if (message_receive(socket, &go, sizeof go, NULL, 0, 0) <= 0)
        _exit(2); /* the keeper could not map our ids */
    if (c.tier == BOX_TIER_B) {
        setup_privileges(&c, socket);
        setup_identity(&c, socket);
        setup_domain(&c, socket);
    } else {
        setup_namespaces(&c, socket);
    }
    setup_standard_streams(socket);
    can_share = birth_can_share();

    struct note ready = {.kind = NOTE_READY, .status = c.proc_is_hosts};
    if (message_send(socket, &ready, sizeof ready, NULL, 0) < 0)
        _exit(2);
    for (;;) {
        int fds[RUN_FDS];
        ssize_t got = message_receive(socket, message, sizeof message, fds, RUN_FDS, 0);
        reap();
        if (got == 1) {
            if (message[0] == LAUNCHER_ENDS_ALL)
                domain_end();
            if (message[0] == LAUNCHER_REAPS)
                continue;
            scratch_clear(c.scratch_fd);
            if (message_send(socket, &ready, sizeof ready, NULL, 0) < 0)
                _exit(2);
            continue;
        }
        /* The keeper checked it; what does not parse here means that the two disagree, and nothing may run. */
        if (got <= 0 || request_parse(message, (size_t)got, &c.config->most, &request) != NULL)
            _exit(got == 0 ? 0 : 2);
        if (fds[RUN_REPORT] < 0 || request.head.ahead)
            other(&c, &request, socket, fds);
        else
            start_run(&c, socket, fds);
    }
}
