#!/usr/bin/python3
"""Writes the two seccomp profiles; `make.py --check` only says whether they are what it would write.

runtime-default.json  what a pod gets from containerd's RuntimeDefault when it has no capability: the tests' stand-in for
                      it, because podman's own default lets more through.
sentinel-executor.json  the same, and the calls by which a box makes its namespaces and its root (tier A-). The Localhost
                      profile of k8s/components/tier-a-minus and docker/compose.yaml. All of it needs a user namespace
                      to be of use, where it reaches nothing of the node's; programs in the box have a far shorter list
                      of their own (executor/box/confine/filter_tables.h)."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
NODES = HERE.parents[1] / "k8s/nodes"  # kustomize reads no file outside its folder, so there is a copy

BASIC = """
    accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
    clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
    clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
    epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit
    exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2
    fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64
    fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv
    futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid
    geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority
    getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid
    gettimeofday getuid getuid32 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel
    io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill
    landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen
    listxattr llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create
    memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify
    mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap msgctl msgget msgrcv
    msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause
    pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64
    preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink
    readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr rename renameat
    renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
    rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
    sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
    sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
    seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto
    set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
    setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid
    setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr shmat shmctl shmdt shmget
    shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs
    statfs64 statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
    timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink
    unlinkat utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
    process_vm_readv process_vm_writev ptrace arch_prctl modify_ldt
"""

# What a box does at its start and for each run, inside its own user namespace (executor/box/confine/launcher.c, root.c).
BOX = "clone clone3 mount mount_setattr move_mount open_tree pivot_root setdomainname sethostname setns umount umount2 unshare"

NAMESPACES = 0x7E020000  # every CLONE_NEW* flag but CLONE_NEWTIME, which clone cannot carry
AF_VSOCK = 40
PERSONALITIES = (0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
EPERM, ENOSYS = 1, 38


def allow(names, *arguments):
    return {"names": names, "action": "SCMP_ACT_ALLOW", **({"args": list(arguments)} if arguments else {})}


def profile(own_rules):
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}],
        "syscalls": [
            allow(BASIC.split()),
            allow(["socket"], {"index": 0, "value": AF_VSOCK, "op": "SCMP_CMP_NE"}),
            *(allow(["personality"], {"index": 0, "value": value, "op": "SCMP_CMP_EQ"}) for value in PERSONALITIES),
            *own_rules,
        ],
    }


def profiles():
    plain = [allow(["clone"], {"index": 0, "value": NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}),
             # Its flags are in memory, where a filter cannot look; libraries fall back to clone.
             {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS}]
    own = profile([allow(BOX.split())])
    return {HERE / "runtime-default.json": profile(plain), HERE / "sentinel-executor.json": own,
            NODES / "sentinel-executor.json": own}


def main():
    wrong = []
    for path, content in profiles().items():
        text = json.dumps(content, indent=1) + "\n"
        if "--check" in sys.argv[1:]:
            wrong += [] if path.exists() and path.read_text() == text else [str(path)]
        else:
            path.write_text(text)
    if wrong:
        sys.exit(f"{', '.join(wrong)}: not what make.py writes")


if __name__ == "__main__":
    main()
