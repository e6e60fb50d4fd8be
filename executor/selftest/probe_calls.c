/* The probe's verbs that ask the kernel for what it must not give: system calls by name, sockets, other processes. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* clang-format off */
#define CALL(name) {#name, SYS_##name}
static const struct {
    const char *name;
    long number;
} calls[] = {
    CALL(add_key), CALL(bind), CALL(bpf), CALL(capset), CALL(chroot), CALL(clone), CALL(clone3), CALL(connect),
    CALL(fanotify_init), CALL(flock), CALL(fsopen), CALL(getpid), CALL(init_module), CALL(inotify_init1),
    CALL(io_uring_setup), CALL(ioctl), CALL(ioprio_set), CALL(kcmp), CALL(kexec_load), CALL(keyctl), CALL(landlock_create_ruleset),
    CALL(landlock_restrict_self), CALL(memfd_create), CALL(mlockall), CALL(mount), CALL(move_mount), CALL(mq_open),
    CALL(msgget), CALL(mknodat), CALL(name_to_handle_at), CALL(open_by_handle_at), CALL(open_tree), CALL(openat2),
    CALL(perf_event_open), CALL(personality), CALL(pidfd_getfd), CALL(pidfd_open), CALL(pivot_root), CALL(prctl),
    CALL(prlimit64), CALL(process_vm_readv), CALL(process_vm_writev), CALL(ptrace), CALL(quotactl), CALL(reboot),
    CALL(sched_setaffinity), CALL(sched_setattr), CALL(sched_setscheduler), CALL(seccomp), CALL(semget), CALL(setgroups),
    CALL(sethostname), CALL(setns), CALL(setpriority), CALL(settimeofday), CALL(setxattr), CALL(shmget),
    CALL(socketpair), CALL(swapon), CALL(syslog), CALL(umount2), CALL(unshare), CALL(userfaultfd), CALL(vmsplice),
    {"memfd_secret", 447}, {"newest", 600},
#if defined(__x86_64__)
    CALL(iopl), CALL(modify_ldt), {"x32", 0x40000000 | SYS_getpid},
#else
    {"iopl", -1}, {"modify_ldt", -1}, {"x32", -1}, /* not in this architecture: ENOSYS */
#endif
};
/* clang-format on */

/* call NAME WORD…: a number, text:… for a pointer to it, "zeros" for a pointer to a page of zeroes. */
static int do_call(char **argv)
{
    static char zeros[4096];
    long args[6] = {0};
    size_t at = 0;
    while (at < sizeof calls / sizeof calls[0] && strcmp(calls[at].name, argv[0]) != 0)
        at++;
    if (at == sizeof calls / sizeof calls[0])
        return 99;
    for (int i = 0; i < 6 && argv[i + 1] != NULL; i++) {
        char *word = argv[i + 1];
        if (strncmp(word, "text:", 5) == 0)
            args[i] = (long)(uintptr_t)(word + 5);
        else if (strcmp(word, "zeros") == 0)
            args[i] = (long)(uintptr_t)zeros;
        else
            args[i] = (long)strtoull(word, NULL, 0);
    }
    return tell(syscall(calls[at].number, args[0], args[1], args[2], args[3], args[4], args[5]));
}

/* The other door into the kernel: getpid as i386 has it. */
static int do_int80(char **argv)
{
    long result = -1;
    (void)argv;
#if defined(__x86_64__)
    result = 20;
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
#else
    raise(SIGSYS); /* there is no such door */
#endif
    printf("%ld\n", result);
    return 0;
}

static int do_socket(char **argv)
{
    return tell(socket((int)argument(argv, 0), (int)argument(argv, 1), (int)argument(argv, 2)));
}

static int do_kill(char **argv)
{
    return tell(kill((pid_t)argument(argv, 0), (int)argument(argv, 1)));
}

/* kill-parent: the supervisor, as far as a program can name it, and pid 1. */
static int do_kill_parent(char **argv)
{
    (void)argv;
    tell(kill(getppid(), SIGKILL));
    return tell(kill(1, SIGKILL));
}

/* write-mem PID: to a process' memory through /proc. */
static int do_write_mem(char **argv)
{
    static char victim;
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/mem", argv[0]);
    int fd = open(path, O_RDWR);
    if (fd < 0)
        return tell(-1);
    tell(pwrite(fd, "x", 1, (off_t)(uintptr_t)&victim));
    return victim == 'x' ? 3 : 0; /* 3: one's own, which harms nobody */
}

/* Opens standard input for writing, by every name that it has, and then reads it. */
static int do_reopen(char **argv)
{
    static const char *const names[] = {"/proc/self/fd/0", "/dev/stdin", "/dev/fd/0", "/proc/thread-self/fd/0"};
    char block[4096];
    (void)argv;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int fd = open(names[i], O_RDWR);
        if (fd >= 0)
            write(fd, "spoilt", 6);
    }
    write(0, "spoilt", 6);
    ftruncate(0, 0);
    ssize_t got = pread(0, block, sizeof block, 0);
    return write(1, block, got > 0 ? (size_t)got : 0) < 0;
}

/* Writes what the box's own messages look like into every descriptor that there may be. */
static int do_forge(char **argv)
{
    uint32_t reply[128] = {0x53424f58, 1, 3}; /* magic, version, type */
    (void)argv;
    for (int fd = 3; fd < 64; fd++)
        write(fd, reply, sizeof reply);
    puts("{\"verdict\":\"accepted\",\"passed\":true,\"exitCode\":0}");
    return 7;
}

/* Which mounts would honour a set-user-id bit, and whether an exec could gain anything at all. */
static int do_setuid(char **argv)
{
    static char line[65536]; /* an overlay's layers take pages */
    FILE *mounts = fopen("/proc/self/mountinfo", "r");
    (void)argv;
    while (mounts != NULL && fgets(line, sizeof line, mounts) != NULL) {
        if (strstr(line, "nosuid") == NULL)
            printf("honoured: %s", line);
    }
    printf("gains: %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || getuid() == 0 || getuid() != geteuid());
    return 0;
}

/* ---- doors beside the doors: calls that are fine but for one argument ------------------------------------------ */

static int door_file;
static int door_pair[2];

static long posix_lock(void)
{
    struct flock whole = {.l_type = F_WRLCK};
    return fcntl(door_file, F_SETLK, &whole);
}

static long open_file_lock(void)
{
    struct flock whole = {.l_type = F_WRLCK};
    return fcntl(door_file, F_OFD_SETLK, &whole);
}

static long dnotify(void)
{
    return fcntl(open("/usr", O_RDONLY | O_DIRECTORY), F_NOTIFY, DN_CREATE);
}

static long lease(void)
{
    return fcntl(door_file, F_SETLEASE, F_RDLCK);
}

static long descriptors_in_flight(void)
{
    char space[CMSG_SPACE(sizeof(int))] = {0}, byte = 'x';
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    *head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(head), &door_file, sizeof door_file);
    return sendmsg(door_pair[0], &m, 0);
}

static long datagram_to_a_path(void)
{
    struct sockaddr address = {.sa_family = AF_UNIX, .sa_data = "/tmp/s"};
    return sendto(door_pair[0], "x", 1, 0, &address, sizeof address);
}

static long socket_filter(void)
{
    struct sock_filter accept_all = BPF_STMT(BPF_RET | BPF_K, 0xffff);
    struct sock_fprog program = {.len = 1, .filter = &accept_all};
    return setsockopt(door_pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static long huge_pages(void)
{
    return mmap(NULL, 2 * MB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) == MAP_FAILED ? -1 : 0;
}

static long plain_send(void)
{
    return send(door_pair[0], "x", 1, 0);
}

static long plain_fcntl(void)
{
    return fcntl(door_file, F_SETFL, O_APPEND);
}

static const struct {
    const char *name;
    long (*try)(void);
} doors[] = {
    {"posix-lock", posix_lock},
    {"open-file-lock", open_file_lock},
    {"dnotify", dnotify},
    {"lease", lease},
    {"descriptors-in-flight", descriptors_in_flight},
    {"datagram-to-a-path", datagram_to_a_path},
    {"socket-filter", socket_filter},
    {"huge-pages", huge_pages},
    {"plain-send", plain_send},
    {"plain-fcntl", plain_fcntl},
};

/* door NAME */
static int do_door(char **argv)
{
    door_file = open("door", O_RDWR | O_CREAT, 0600);
    if (door_file < 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, door_pair) < 0)
        return tell(-1);
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        if (strcmp(doors[i].name, argv[0]) == 0)
            return tell(doors[i].try());
    }
    return 99;
}

const struct verb call_verbs[] = {
    {"call", do_call},           {"door", do_door},     {"forge", do_forge},
    {"int80", do_int80},         {"kill", do_kill},     {"kill-parent", do_kill_parent},
    {"reopen", do_reopen},       {"setuid", do_setuid}, {"socket", do_socket},
    {"write-mem", do_write_mem}, {NULL, NULL},
};
