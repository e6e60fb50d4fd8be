/* What a program may ask of the kernel, as data. Whatever is in no table gets ENOSYS, as an older kernel would say, so
 * that libraries fall back; clone3, whose flags a filter cannot read, is the chief of these. */
#ifndef SENTINEL_BOX_FILTER_TABLES_H
#define SENTINEL_BOX_FILTER_TABLES_H

/* clang-format off */

static const char *const allowed[] = {
    /* files */
    "access", "chdir", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3", "faccessat",
    "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchown", "fdatasync", "fgetxattr", "flistxattr",
    "fstat", "fstatfs", "fsync", "ftruncate", "getcwd", "getdents", "getdents64", "getxattr", "lgetxattr", "link",
    "linkat", "listxattr", "llistxattr", "lseek",
    "lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat", "pipe", "pipe2", "pread64", "preadv", "preadv2",
    "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "rename", "renameat",
    "renameat2", "rmdir", "sendfile", "splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync_file_range",
    "tee", "truncate", "umask", "unlink", "unlinkat", "write", "writev",
    /* waiting */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2",
    "poll", "ppoll", "pselect6", "select",
    /* what is left of sockets: pairs (the socket table below) */
    "getpeername", "getsockname", "getsockopt", "recvfrom", "recvmmsg", "recvmsg", "shutdown",
    /* memory */
    "brk", "madvise", "membarrier", "mincore", "mlock", "mlock2", "mlockall", "mprotect", "mremap", "msync",
    "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect", "rseq", "get_mempolicy",
    /* threads and processes (the clone table below) */
    "arch_prctl", "execve", "exit", "exit_group", "futex", "get_robust_list", "set_robust_list", "set_tid_address",
    "sched_yield", "wait4", "waitid",
    /* signals and time */
    "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday", "kill", "nanosleep",
    "pause", "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "setitimer", "sigaltstack", "signalfd", "signalfd4",
    "tgkill", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
    "timerfd_create", "timerfd_gettime", "timerfd_settime", "times", "tkill",
    /* asking, and what changes only oneself */
    "capget", "getcpu", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid", "getppid",
    "getpriority", "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettid", "getuid",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_getscheduler", "sched_rr_get_interval", "setfsgid", "setfsuid", "setgid", "setpgid", "setregid",
    "setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setuid", "sysinfo", "uname",
};

/* Creates processes, as clone does; not for a run with processes = 1. */
static const char *const allowed_unless_alone[] = {"fork", "vfork"};

/* Change a file's attributes by its path, of which Landlock says nothing: in tier B, where the host's files that have
 * the program's owner can be named, EPERM. By a descriptor they are allowed. */
static const char *const allowed_unless_seen[] = {
    "chmod", "chown", "fchmodat", "fchownat", "futimesat", "lchown", "utime", "utimensat", "utimes",
};

/* Locks on granted files would be a channel between boxes, so that only compilers have them. */
static const char *const allowed_compile[] = {"flock"};

/* Known, refused: libraries expect a "no" here. EPERM. */
static const char *const refused[] = {
    "accept", "accept4", "acct", "add_key", "adjtimex", "bind", "capset", "chroot", "clock_adjtime", "clock_settime",
    "connect", "fanotify_init", "fanotify_mark", "fremovexattr", "fsetxattr", "inotify_add_watch", "inotify_init",
    "inotify_init1", "io_setup", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl",
    "ioprio_set", "kcmp", "keyctl", "listen", "lremovexattr", "lsetxattr", "mbind", "migrate_pages", "move_pages",
    "mq_open", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "name_to_handle_at", "perf_event_open",
    "pidfd_getfd", "process_madvise", "quotactl", "removexattr", "request_key", "sched_setattr", "sched_setparam",
    "sched_setscheduler", "seccomp", "semctl", "semget", "semop", "semtimedop", "sendmmsg", "sendmsg",
    "set_mempolicy", "setdomainname", "setgroups", "sethostname", "setns", "settimeofday", "setxattr", "shmat", "shmctl", "shmdt", "shmget", "syslog",
    "unshare", "userfaultfd", "vmsplice",
};

/* No network. EACCES. */
static const char *const refused_sockets[] = {"socket"};

/* Nothing that a box runs ever means these well: SIGSYS for the whole process. */
static const char *const killed[] = {
    "bpf", "delete_module", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module",
    "kexec_file_load", "kexec_load", "mount", "mount_setattr", "move_mount", "open_by_handle_at", "open_tree",
    "pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "reboot", "swapoff", "swapon", "umount2",
};

/* Calls that hang on an argument: `(argument & mask) == value` → allowed, or refused with `error`. What fits no line
 * of its call gets what the tables above say of it. Arguments that the kernel takes as an int are compared on their 32
 * bits. */
struct argument_rule {
    const char *name;
    size_t argument;
    uint64_t mask, value;
    int error; /* 0: allowed */
};

#define AND_NEXT (-1) /* it holds only if the next line does, and that says which */

#define INT 0xffffffffu
#define NAMESPACES                                                                                                 \
    (CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWUTS |       \
     CLONE_PTRACE | CLONE_UNTRACED)

static const struct argument_rule argument_rules[] = {
    /* Locks are kernel memory that no cgroup counts, F_NOTIFY is inotify by another door. */
    {"fcntl", 1, INT, F_DUPFD, 0},
    {"fcntl", 1, INT, F_DUPFD_CLOEXEC, 0},
    {"fcntl", 1, INT, F_GETFD, 0},
    {"fcntl", 1, INT, F_SETFD, 0},
    {"fcntl", 1, INT, F_GETFL, 0},
    {"fcntl", 1, INT, F_SETFL, 0},
    {"fcntl", 1, INT, F_GETLK, 0},
    {"fcntl", 1, INT, F_SETLK, ENOLCK},
    {"fcntl", 1, INT, F_SETLKW, ENOLCK},
    {"fcntl", 1, INT, F_SETOWN, 0},
    {"fcntl", 1, INT, F_GETPIPE_SZ, 0},
    {"fcntl", 1, INT, F_SETPIPE_SZ, 0},
    /* No address and no descriptors (sendmsg): a datagram would reach path sockets in grants, and descriptors in flight
     * outlive their run. No BPF by SO_ATTACH_FILTER. */
    {"sendto", 4, UINT64_MAX, 0, 0},
    {"setsockopt", 2, INT, SO_PASSCRED, 0},
    {"setsockopt", 2, INT, SO_RCVBUF, 0},
    {"setsockopt", 2, INT, SO_SNDBUF, 0},
    {"ioctl", 1, INT, FIOCLEX, 0},
    {"ioctl", 1, INT, FIONBIO, 0},
    {"ioctl", 1, INT, FIONCLEX, 0},
    {"ioctl", 1, INT, FIONREAD, 0},
    {"ioctl", 1, INT, TCGETS, 0},
    {"ioctl", 1, INT, TIOCGPGRP, 0},
    {"ioctl", 1, INT, TIOCGWINSZ, 0},
    {"ioctl", 1, INT, TIOCLINUX, EPERM},
    {"ioctl", 1, INT, TIOCSTI, EPERM},
    {"mmap", 3, MAP_HUGETLB, 0, 0}, /* pages of the host's pool are charged to nobody */
    {"mknod", 1, S_IFMT, S_IFIFO, 0},
    {"mknodat", 2, S_IFMT, S_IFIFO, 0},
    {"personality", 0, INT, 0, 0},
    {"personality", 0, INT, INT, 0}, /* asks */
    {"prctl", 0, INT, PR_CAPBSET_READ, 0},
    {"prctl", 0, INT, PR_GET_DUMPABLE, 0},
    {"prctl", 0, INT, PR_GET_NAME, 0},
    {"prctl", 0, INT, PR_GET_NO_NEW_PRIVS, 0},
    {"prctl", 0, INT, PR_GET_PDEATHSIG, 0},
    {"prctl", 0, INT, PR_GET_SECCOMP, 0},
    {"prctl", 0, INT, PR_GET_TIMERSLACK, 0},
    {"prctl", 0, INT, PR_SET_CHILD_SUBREAPER, 0},
    {"prctl", 0, INT, PR_SET_DUMPABLE, 0},
    {"prctl", 0, INT, PR_SET_MM, EPERM},
    {"prctl", 0, INT, PR_SET_NAME, 0},
    {"prctl", 0, INT, PR_SET_NO_NEW_PRIVS, 0},
    {"prctl", 0, INT, PR_SET_PDEATHSIG, 0},
    {"prctl", 0, INT, PR_SET_SECCOMP, EPERM},
    {"prctl", 0, INT, PR_SET_THP_DISABLE, 0},
    {"prctl", 0, INT, PR_SET_TIMERSLACK, 0},
    {"prctl", 0, INT, PR_SET_VMA, 0},
    {"prlimit64", 0, INT, 0, 0}, /* oneself only, as in the next two */
    {"sched_setaffinity", 0, INT, 0, 0},
    /* Oneself, and not by PRIO_USER: in tier B that is everybody. */
    {"setpriority", 0, INT, PRIO_PROCESS, AND_NEXT},
    {"setpriority", 1, INT, 0, 0},
    {"socketpair", 0, INT, AF_UNIX, 0},
    {"utimensat", 1, UINT64_MAX, 0, 0}, /* without a path it is about a descriptor */
    /* Flags are a word; what CLONE_NEWTIME is to clone3 is the exit signal here. */
    {"clone", 0, NAMESPACES, 0, 0},
};

/* clang-format on */

#endif
