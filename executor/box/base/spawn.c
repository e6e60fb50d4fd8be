/* Children by clone(2), in a copy of our memory or in it. */
#include "util.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/* A system call that leaves nothing on the stack, where the child of a vfork would write over it; nor a frame of its
 * own, which without optimisation only the attribute prevents. */
__attribute__((always_inline)) static inline long call_kernel(long number, long first, long second)
{
#if defined(__x86_64__)
    register long fourth __asm__("r10") = 0, fifth __asm__("r8") = 0;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(0L), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = first, x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = 0, x3 __asm__("x3") = 0, x4 __asm__("x4") = 0;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
#else
#error "how is a system call made here?"
#endif
}

__attribute__((noinline)) pid_t spawn_sharing(uint64_t flags, int cgroup_fd, void (*run)(void *arg), void *arg)
{
    struct clone_args args = {
        .flags = flags | CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)cgroup_fd,
    };
    long pid = cgroup_fd < 0 ? call_kernel(SYS_clone, (long)(flags | CLONE_VM | CLONE_VFORK | SIGCHLD), 0)
                             : call_kernel(SYS_clone3, (long)&args, (long)sizeof args);
    if (pid == 0)
        run(arg);
    if (pid < 0)
        errno = (int)-pid;
    return pid < 0 ? -1 : (pid_t)pid;
}
