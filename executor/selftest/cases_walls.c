/* The catalogue, 35 to 62, 78, 79, 82 and 83: looking out, the network, the kernel. */
#include "cases.h"
#include "checks.h"

#define NOT_THERE "ENOENT|EACCES|EPERM"

static const struct step host_files[] = {
    {.verb = "open % 0",
     .each = "/etc/passwd /etc/shadow /var/run/secrets/kubernetes.io/serviceaccount/token /root /home /old /run "
             "/proc/1/root/etc/passwd /proc/1/cwd /proc/1/fd/3 /proc/kcore /dev/mem /dev/tty /dev/kmsg",
     .out = NOT_THERE "|ENXIO"},
    {.tiers = TIER_A | TIER_A_MINUS, .verb = "open /sys 0", .out = NOT_THERE},
};
static const struct step environments[] = {{.verb = "open % 0", .each = "/proc/1/environ", .out = NOT_THERE}};
static const struct step host_writes[] = {
    {.verb = "open % 65", /* O_WRONLY | O_CREAT */
     .each = "/usr/x /etc/x /dev/x /x /proc/self/oom_score_adj /proc/1/oom_score_adj /proc/sysrq-trigger "
             "/proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /dev/null/x /proc/self/uid_map /usr/bin/env",
     .out = NOT_THERE "|EROFS|ENOTDIR"},
};
static const struct step memory_of_others[] = {
    {.verb = "write-mem %", .each = "self 1", .out = NOT_THERE "|EROFS|ok|EIO"},
    {.verb = "write-mem 1", .out = NOT_THERE "|EROFS"},
};
static const struct step descriptors[] = {
    {.verb = "fds", .out = "0"},
    {.verb = "reopen", .input = "as sent\n", .out = "as sent"},
};
static const struct step kill_all[] = {
    {.tiers = TIER_A | TIER_A_MINUS, .verb = "kill -1 9", .out = "ESRCH|EPERM"},
    {.tiers = TIER_B, .verb = "kill -1 9", .out = "ESRCH|EPERM|ok"}, /* what the kernel says when it reached nobody */
};
static const struct step kill_others[] = {
    {.verb = "kill % 9", .each = "1 4194303", .out = "ok|ESRCH|EPERM", .exited = 0},
    {.verb = "kill-parent", .good = good_whatever, .wanted = "no harm"},
};
static const struct step other_processes[] = {
    {.verb = "call ptrace 16 1 0 0", .signal = SIGSYS},
    {.verb = "call % 1 0 0 0 0 0", .each = "process_vm_readv process_vm_writev", .signal = SIGSYS},
    {.verb = "call pidfd_getfd 3 0 0", .out = "EPERM"},
    {.verb = "call pidfd_open 1 0", .out = "ENOSYS"},
};
static const struct step limits_of_others[] = {{.verb = "call prlimit64 1 7 zeros zeros", .out = "ENOSYS"}};
static const struct step priorities_of_others[] = {
    {.verb = "call sched_setaffinity 1 128 zeros", .out = "ENOSYS"},
    {.verb = "call setpriority 0 1 0", .out = "ENOSYS"},
    {.verb = "call setpriority 0 0 19", .out = "ok"},
    {.verb = "call ioprio_set 1 1 0", .out = "EPERM"},
    {.verb = "call sched_setscheduler 1 0 zeros", .out = "EPERM"},
    {.verb = "call sched_setattr 1 zeros 0", .out = "EPERM"},
};
/* The next run of the same sources has them as they were sent: the verdict is unmoved. Where launcher and program share
 * an id, the program may replace its own copies (tests/sandbox has what stands elsewhere). */
static const struct step overwrites[] = {
    {.verb = "overwrite main.txt probe", .file = "main.txt", .good = good_whatever, .wanted = "an answer"},
    {.verb = "cat main.txt", .file = "main.txt", .out = "mine"},
    {.verb = "reopen", .input = "as sent\n", .out = "as sent"},
};

static const struct step sockets[] = {
    {.verb = "socket 2 %", .each = "1 2 3", .profiles = RUN_AND_COMPILE, .out = "EACCES"},
    {.verb = "socket 10 %", .each = "1 2 3", .profiles = RUN_AND_COMPILE, .out = "EACCES"},
    {.verb = "socket 2 3 1", .out = "EACCES"}, /* ICMP */
    {.verb = "socket 2 2 1", .out = "EACCES"},
    {.verb = "call socketpair 2 1 0 zeros", .out = "ENOSYS"},
};
static const struct step addresses[] = {
    {.verb = "socket 2 1", .out = "EACCES"},
    {.verb = "call connect 0 zeros 16", .out = "EPERM"},
    {.verb = "door datagram-to-a-path", .out = "ENOSYS"},
};
static const struct step families[] = {
    /* netlink, packet, Bluetooth, ALG, vsock, XDP */
    {.verb = "socket % 3", .each = "16 17 31 38 40 44", .profiles = RUN_AND_COMPILE, .out = "EACCES"},
    {.verb = "socket % 2", .each = "16 17 31 38 40 44", .out = "EACCES"},
};
static const struct step unix_sockets[] = {
    {.verb = "socket 1 %", .each = "1 2 3 5", .profiles = RUN_AND_COMPILE, .out = "EACCES"},
    {.verb = "call socketpair 1 1 0 zeros", .out = "ok"},
    {.verb = "call bind 0 zeros 16", .out = "EPERM"},
    {.verb = "door descriptors-in-flight", .out = "EPERM"},
    {.verb = "door socket-filter", .out = "ENOSYS"},
    {.verb = "door plain-send", .out = "ok"},
};
static const struct step uring[] = {{.verb = "call io_uring_setup 1 zeros", .out = "EPERM"}};

static const struct step foreign_calls[] = {
    {.verb = "int80", .signal = SIGSYS},
    {.verb = "call x32", .good = good_no_such_call, .wanted = "ENOSYS or SIGSYS"},
    {.verb = "call % 0 0 0", .each = "newest modify_ldt", .out = "ENOSYS"},
};
#define NAMESPACE_FLAGS "0x10000000 0x20000000 0x20000 0x40000000 0x02000000 0x04000000 0x08000000"
static const struct step namespaces[] = {
    {.verb = "call unshare %", .each = NAMESPACE_FLAGS, .profiles = RUN_AND_COMPILE, .out = "EPERM"},
    {.verb = "call unshare %", .each = NAMESPACE_FLAGS, .limits = {.processes = 1}, .out = "EPERM"},
    {.verb = "call clone % 0 0 0 0",
     .each = "0x10000011 0x20000011 0x20011 0x40000011 0x02000011 0x04000011 0x08000011 0x10010011 0x10010000011",
     .profiles = RUN_AND_COMPILE,
     .out = "ENOSYS|EPERM"},
    {.verb = "call clone3 zeros 88", .profiles = RUN_AND_COMPILE, .out = "ENOSYS"},
    {.verb = "call setns 0 0", .profiles = RUN_AND_COMPILE, .out = "EPERM"},
};
static const struct step mounts[] = {
    {.verb = "call % 0 0 0 0 0",
     .each = "mount umount2 fsopen open_tree move_mount pivot_root",
     .profiles = RUN_AND_COMPILE,
     .signal = SIGSYS},
    {.verb = "call chroot text:/", .profiles = RUN_AND_COMPILE, .out = "EPERM"},
};
static const struct step kernel_services[] = {
    {.verb = "call % 0 0 0 0 0",
     .each = "bpf init_module kexec_load reboot swapon",
     .profiles = RUN_AND_COMPILE,
     .signal = SIGSYS},
    {.verb = "call % 0 0 0 0 0",
     .each = "add_key capset fanotify_init keyctl kcmp perf_event_open quotactl seccomp setgroups sethostname "
             "settimeofday setxattr syslog userfaultfd vmsplice",
     .profiles = RUN_AND_COMPILE,
     .out = "EPERM"},
    {.verb = "call iopl 3", .out = "EPERM|ENOSYS"},
    {.verb = "call % 0 0 0", .each = "landlock_create_ruleset landlock_restrict_self", .out = "ENOSYS"},
    {.verb = "door huge-pages", .out = "ENOSYS"},
};
static const struct step terminal[] = {
    {.verb = "call ioctl 0 % zeros",
     .each = "0x5412 0x541c 0x100005412 0x10000541c 0xffffffff00005412 0xffffffff0000541c",
     .out = "EPERM"},
};
static const struct step setuid_programs[] = {
    {.tiers = TIER_A | TIER_A_MINUS, .verb = "setuid", .out = "gains: 0"},
    {.tiers = TIER_B, .verb = "setuid", .good = good_gains_nothing, .wanted = "gains: 0"},
    {.verb = "limits",
     .out = "core 1\nfiles 1024\nuid 1000 1000\nprivileges 1\nsession 1",
     .tiers = TIER_A | TIER_A_MINUS},
};
static const struct step handles[] = {
    {.verb = "call openat2 0 text:x zeros 24", .out = "ENOSYS"},
    {.verb = "call name_to_handle_at 0 0 0 0 0", .profiles = RUN_AND_COMPILE, .out = "EPERM"},
    {.verb = "call open_by_handle_at 0 0 0", .profiles = RUN_AND_COMPILE, .signal = SIGSYS},
};
static const struct step channels[] = {
    {.verb = "call inotify_init1 0", .profiles = RUN_AND_COMPILE, .out = "EPERM"},
    {.verb = "call flock 0 2", .out = "EPERM"},
    {.verb = "call flock 0 2", .profiles = COMPILE, .out = "ok"},
    {.verb = "door posix-lock", .out = "ENOLCK"},
    {.verb = "door %", .each = "open-file-lock dnotify lease", .out = "ENOSYS"},
    {.verb = "door plain-fcntl", .out = "ok"},
};
/* conftest of every case looks for what this leaves; so does the host's side. */
static const struct step litter[] = {
    {.verb = "litter", .repeat = 3, .exited = EXITED(0), .good = good_whatever, .wanted = "an answer"},
    {.verb = "look", .out = ""},
    {.verb = "call % 4711 4096 896", .each = "semget msgget", .out = "EPERM"},
    {.verb = "call mq_open text:litter 66 384 0", .out = "EPERM"},
};
static const struct step crashes[] = {{.verb = "raise 11", .repeat = 1000, .signal = SIGSEGV}};
static const struct step vfork_sleeper[] = {{.verb = "vfork-sleeper", .limits = {.wall_ms = 300}, .causes = BY_WALL}};
static const struct step own_attributes[] = {
    {.verb = "call prctl % 1 0 0 0", .each = "35 0x100000023 22", .out = "EPERM"}, /* SET_MM, SET_SECCOMP */
    {.verb = "call prctl % 1 0 0 0", .each = "1 36", .out = "ok"}, /* SET_PDEATHSIG, SET_CHILD_SUBREAPER */
    {.verb = "signals", .out = "0"},
};
static const struct step personalities[] = {
    {.verb = "call personality 0xffffffff", .out = "ok"},
    {.verb = "call personality %", .each = "0x40000 0x400000 8 0x4000000", .out = "ENOSYS"},
    {.verb = "call mknodat -100 text:device 0x21b6 0x103 0", .out = "ENOSYS"},
};

const struct abuse abuses_of_walls[] = {
    {{35}, "host-files", "reads the host's files, a service account's token", STEPS(host_files)},
    {{36}, "environments", "reads the environment of others", STEPS(environments)},
    {{37, 79}, "memory-of-others", "writes to memory through /proc", STEPS(memory_of_others)},
    {{38}, "descriptors", "looks for descriptors, reopens its own", STEPS(descriptors)},
    {{39}, "host-writes", "writes to the host's files and the kernel's knobs", STEPS(host_writes)},
    {{40}, "kill-all", "kill(-1)", STEPS(kill_all)},
    {{41}, "kill-others", "signals the supervisor and pid 1", STEPS(kill_others)},
    {{42}, "other-processes", "ptrace, process_vm_*, pidfd_*", STEPS(other_processes)},
    {{43}, "limits-of-others", "prlimit64 on another process", STEPS(limits_of_others)},
    {{44}, "priorities-of-others", "affinity and priority of another process", STEPS(priorities_of_others)},
    {{45}, "overwrites", "overwrites its sources, its program, its input", STEPS(overwrites)},
    {{46}, "sockets", "TCP, UDP, raw and ICMP sockets", STEPS(sockets)},
    {{47}, "addresses", "connects to metadata services, DNS, Redis", STEPS(addresses)},
    {{48}, "socket-families", "netlink, packet, vsock, ALG, XDP", STEPS(families)},
    {{49, 50}, "unix-sockets", "abstract and pathname sockets", STEPS(unix_sockets)},
    {{51}, "io-uring", "a socket through io_uring", STEPS(uring)},
    {{52}, "foreign-calls", "system calls of other architectures", STEPS(foreign_calls)},
    {{53}, "namespaces", "clone3, clone and unshare with new namespaces", STEPS(namespaces)},
    {{54}, "mounts", "mount, fsopen, pivot_root, chroot", STEPS(mounts)},
    {{55}, "kernel-services", "keys, bpf, perf, userfaultfd, modules", STEPS(kernel_services)},
    {{56}, "terminal-input", "TIOCSTI, with high bits too", STEPS(terminal)},
    {{57}, "setuid", "set-user-id programs, file capabilities", STEPS(setuid_programs)},
    {{58}, "handles", "openat2, file handles", STEPS(handles)},
    {{59}, "channels", "inotify and locks on shared files", STEPS(channels)},
    {{16, 60, 78}, "litter", "leaves files, shared memory, queues, processes", STEPS(litter)},
    {{61}, "crashes", "crashes 1000 times", STEPS(crashes)},
    {{62}, "vfork-sleeper", "a vfork child that sleeps", STEPS(vfork_sleeper)},
    {{82}, "own-attributes", "prctl of its own memory, death signal, subreaper", STEPS(own_attributes)},
    {{83}, "personality", "personality, device nodes", STEPS(personalities)},
    {{74}, "keeper-dies", "the box's keeper is killed in the middle of a fork bomb", .act = act_keeper_dies},
    {{74}, "launcher-dies", "the box's launcher is killed in the middle of a run", .act = act_launcher_dies},
};
const size_t abuses_of_walls_count = ARRAY_LEN(abuses_of_walls);
