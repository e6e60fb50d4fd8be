/* What this machine gives, found out by doing it in children, and how that is told. */
#include "box.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *name;
    uint64_t flag; /* of clone, together with CLONE_NEWUSER; 0: not a namespace */
} mechanisms[BOX_MECH_COUNT] = {
    [BOX_MECH_USER_NS] = {"user namespace", CLONE_NEWUSER},
    [BOX_MECH_PID_NS] = {"pid namespace", CLONE_NEWPID},
    [BOX_MECH_MOUNT_NS] = {"mount namespace", CLONE_NEWNS},
    [BOX_MECH_NET_NS] = {"net namespace", CLONE_NEWNET},
    [BOX_MECH_IPC_NS] = {"ipc namespace", CLONE_NEWIPC},
    [BOX_MECH_UTS_NS] = {"uts namespace", CLONE_NEWUTS},
    [BOX_MECH_CGROUP_NS] = {"cgroup namespace", CLONE_NEWCGROUP},
    [BOX_MECH_SECCOMP] = {"seccomp", 0},
    [BOX_MECH_LANDLOCK] = {"landlock", 0},
    [BOX_MECH_CGROUP_MEMORY] = {"cgroup memory", 0},
    [BOX_MECH_CGROUP_PIDS] = {"cgroup pids", 0},
    [BOX_MECH_CGROUP_CPU] = {"cgroup cpu", 0},
};

pid_t spawn(uint64_t flags, int cgroup_fd, int *ret_pid_fd)
{
    if (cgroup_fd < 0) /* clone3 is refused in many containers */
        return (pid_t)syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, NULL, ret_pid_fd, NULL, 0);
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD | CLONE_INTO_CGROUP,
        .pidfd = (uint64_t)(uintptr_t)ret_pid_fd,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)cgroup_fd,
    };
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

void probe_namespaces(struct box_hello *hello)
{
    for (int i = 0; i < BOX_MECH_COUNT; i++) {
        int pid_fd = -1;
        if (mechanisms[i].flag == 0)
            continue;
        pid_t pid = spawn(CLONE_NEWUSER | mechanisms[i].flag, -1, &pid_fd);
        if (pid == 0)
            _exit(0);
        hello->mechanism[i].on = pid > 0;
        if (pid > 0)
            waitpid(pid, NULL, 0);
        else
            snprintf(hello->mechanism[i].detail, sizeof hello->mechanism[i].detail, "clone: %s", strerror(errno));
        close_fds(&pid_fd, 1);
    }
}

const char *probe_tier_name(uint32_t tier)
{
    static const char *const names[] = {
        [BOX_TIER_NONE] = "none", [BOX_TIER_B] = "B", [BOX_TIER_A_MINUS] = "A-", [BOX_TIER_A] = "A"};
    return tier < ARRAY_LEN(names) ? names[tier] : "?";
}

void probe_print(const struct box_hello *hello)
{
    for (int i = 0; i < BOX_MECH_COUNT; i++) {
        const char *detail = hello->mechanism[i].detail;
        printf("%-17s %-3s %s\n", mechanisms[i].name, hello->mechanism[i].on ? "yes" : "no", detail);
    }
    printf("%-17s %s\n", "tier", probe_tier_name(hello->tier));
}
