/* The launcher: pid 1 of the box's namespaces. It makes the root once, gives up for good what no run may have, then
 * forks one init a run and reaps it. It runs nothing of the user's, and its death kills everything in the box.
 *
 * It keeps its capabilities, which count only in the box's own user namespace: mounting for the next run needs them. */
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static alignas(struct box_request) char message[BOX_MESSAGE_MAX];
static struct request request;

static _Noreturn void setup_failed(int socket, const char *step)
{
    struct note note = {.kind = NOTE_FAILED, .error = errno};
    snprintf(note.step, sizeof note.step, "%s", step);
    if (message_send(socket, &note, sizeof note, NULL, 0) < 0)
        _exit(2); /* the keeper is gone */
    _exit(1);
}

/* Only the socket and the Landlock ruleset are kept; the executor's socket above all must not come along. */
static void setup_descriptors(int *socket, int *landlock_fd)
{
    int from = fcntl(*socket, F_DUPFD_CLOEXEC, 10);
    int rules = *landlock_fd < 0 ? -1 : fcntl(*landlock_fd, F_DUPFD_CLOEXEC, 10);
    if (from < 0 || dup3(from, 3, O_CLOEXEC) < 0 || (rules >= 0 && dup3(rules, 4, O_CLOEXEC) < 0))
        _exit(2);
    close_range(rules >= 0 ? 5 : 4, ~0u, 0);
    *socket = 3;
    *landlock_fd = rules >= 0 ? 4 : -1;
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

static void setup_identity(const struct config *config, int socket)
{
    if (config->two_ids) {
        if (setgroups(0, NULL) < 0 || setresgid(LAUNCHER_ID, LAUNCHER_ID, LAUNCHER_ID) < 0 ||
            setresuid(LAUNCHER_ID, LAUNCHER_ID, LAUNCHER_ID) < 0)
            setup_failed(socket, "ids of the launcher");
    }
    /* After the change of ids, which clears it. The keeper may have died before: then its end is closed. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
        setup_failed(socket, "death signal");
    struct pollfd keeper = {.fd = socket};
    if (poll(&keeper, 1, 0) > 0 && (keeper.revents & POLLHUP) != 0)
        _exit(2);
    umask(0);
}

static void setup_names(int socket)
{
    if (unshare(CLONE_NEWCGROUP) < 0)
        setup_failed(socket, "cgroup namespace");
    if (sethostname("box", 3) < 0 || setdomainname("", 0) < 0)
        setup_failed(socket, "host name");
}

/* No exec beneath the launcher can gain a capability again. */
static void setup_privileges(int socket)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap) < 0)
            setup_failed(socket, "bounding set");
    }
    if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED) < 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        setup_failed(socket, "securebits");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        setup_failed(socket, "no_new_privs");
}

static void setup_standard_streams(int socket)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(null_fd, 2) < 0)
        setup_failed(socket, "standard streams of the launcher");
    close(null_fd);
}

/* Forks the run's init and hands its pidfd to the keeper. A plain fork: it costs 60 µs more than sharing the memory,
 * and a run then never writes where the next one reads. */
static void start_run(const struct confinement *c, int socket, int fds[RUN_FDS])
{
    struct note note = {.kind = NOTE_INIT};
    int pid_fd = -1;
    struct clone_args args = {
        .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&pid_fd,
        .exit_signal = SIGCHLD,
    };
    if (fds[RUN_CGROUP] >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)fds[RUN_CGROUP];
    }
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        close(socket);
        init_main(c, &request, fds);
    }
    if (pid < 0) {
        note = (struct note){.kind = NOTE_FAILED, .error = errno, .step = "fork of the init"};
    }
    close_fds(fds, RUN_FDS);
    if (message_send(socket, &note, sizeof note, &pid_fd, pid_fd >= 0) < 0)
        _exit(2);
    close_fds(&pid_fd, 1);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
}

void launcher_main(const struct confinement *shared, int socket)
{
    struct confinement c = *shared;
    char go, step[128];
    setup_descriptors(&socket, &c.landlock_fd);
    setup_signals();
    if (message_receive(socket, &go, sizeof go, NULL, 0, 0) <= 0)
        _exit(2); /* the keeper could not map our ids */
    setup_identity(c.config, socket);
    setup_names(socket);
    int error = root_setup(c.config, step);
    if (error < 0) {
        errno = -error;
        setup_failed(socket, step);
    }
    setup_privileges(socket);
    setup_standard_streams(socket);

    struct note ready = {.kind = NOTE_READY};
    if (message_send(socket, &ready, sizeof ready, NULL, 0) < 0)
        _exit(2);
    for (;;) {
        int fds[RUN_FDS];
        ssize_t got = message_receive(socket, message, sizeof message, fds, RUN_FDS, 0);
        /* The keeper checked it; what does not parse here means that the two disagree, and nothing may run. */
        if (got <= 0 || request_parse(message, (size_t)got, &c.config->most, &request) != NULL)
            _exit(got == 0 ? 0 : 2);
        start_run(&c, socket, fds);
    }
}
