/* The program that misbehaves: one verb a behaviour, for test_box.py. Prints what it finds; never sanitized. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MB ((size_t)1 << 20)

/* "ok" or the name of the error, on a line of its own. */
static int tell(long result)
{
    printf("%s\n", result >= 0 ? "ok" : strerrorname_np(errno));
    fflush(stdout);
    return result < 0;
}

static void burn_ms(long ms)
{
    struct timespec t;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
}

static _Noreturn void spin(void)
{
    for (volatile unsigned long i = 0;; i++)
        ;
}

static long argument(char **argv, int i)
{
    return argv[i] == NULL ? 0 : strtol(argv[i], NULL, 0);
}

static int do_spin(char **argv)
{
    (void)argv;
    spin();
    return 0;
}

static int do_burn(char **argv)
{
    burn_ms(argument(argv, 0));
    return 0;
}

static int do_sleep(char **argv)
{
    (void)argv;
    while (pause() < 0)
        ;
    return 0;
}

static int do_stop(char **argv)
{
    kill((pid_t)argument(argv, 0), SIGSTOP); /* 0: the whole group */
    raise(SIGSTOP);
    return 0;
}

static int do_stubborn(char **argv)
{
    (void)argv;
    for (int s = 1; s < 32; s++)
        signal(s, SIG_IGN);
    spin();
}

/* Children that use CPU time one after the other and are reaped by nobody. */
static int do_burners(char **argv)
{
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        pid_t pid = fork();
        if (pid < 0)
            return tell(-1);
        if (pid == 0) {
            burn_ms(argument(argv, 0));
            _exit(0);
        }
        while (kill(pid, 0) == 0)
            sched_yield();
    }
}

static void *thread_main(void *unused)
{
    pause();
    return unused;
}

static int do_threads(char **argv)
{
    long made = 0;
    pthread_t thread;
    while (made < argument(argv, 0) && pthread_create(&thread, NULL, thread_main, NULL) == 0)
        made++;
    printf("%ld\n", made);
    return 0;
}

static int do_forkbomb(char **argv)
{
    (void)argv;
    while (fork() >= -1)
        ;
    return 0;
}

/* How many children can be had at once. */
static int do_forks(char **argv)
{
    long made = 0;
    for (pid_t pid; made < argument(argv, 0) && (pid = fork()) >= 0; made++) {
        if (pid == 0) {
            pause();
            _exit(0);
        }
    }
    printf("%ld\n", made);
    return 0;
}

/* setsid, double fork; keeps stdout, and the parent exits at once. */
static int do_daemon(char **argv)
{
    (void)argv;
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            prctl(PR_SET_NAME, "leftover");
            for (;;)
                pause();
        }
        _exit(0);
    }
    wait(NULL);
    return 0;
}

static int do_vfork_sleeper(char **argv)
{
    (void)argv;
    if (vfork() == 0) { /* NOLINT: what a lint warns of is the attack */
        for (;;)
            syscall(SYS_pause); /* NOLINT */
    }
    return 0;
}

static int do_quiet_spin(char **argv)
{
    (void)argv;
    close(1);
    close(2);
    spin();
}

static void touch_bytes(char *p, size_t size)
{
    for (size_t i = 0; i < size; i += 4096)
        p[i] = 1;
}

static int do_memhog(char **argv)
{
    size_t left = (size_t)argument(argv, 0) * MB;
    for (; left > 0; left -= MB) {
        char *p = malloc(MB);
        if (p == NULL)
            return tell(-1);
        touch_bytes(p, MB);
    }
    return tell(0);
}

static int do_shared_hog(char **argv)
{
    size_t size = (size_t)argument(argv, 0) * MB;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return tell(-1);
    touch_bytes(p, size);
    tell(0);
    pause(); /* who samples sees it for certain */
    return 0;
}

static int do_memfd(char **argv)
{
    (void)argv;
    int fd = memfd_create("hog", 0);
    return tell(fd < 0 ? -1 : ftruncate(fd, 1));
}

/* A child is too large and dies; the parent waits and exits 0. */
static int do_child_hog(char **argv)
{
    if (fork() == 0)
        _exit(do_memhog(argv));
    wait(NULL);
    return 0;
}

static int do_hog_then_exec(char **argv)
{
    char name[] = "probe", verb[] = "echo", word[] = "after";
    char *rest[] = {name, verb, word, NULL};
    do_memhog(argv);
    execv("./probe", rest);
    return tell(-1);
}

static int write_full(const char *path, size_t size)
{
    static char block[65536];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0)
        return -1;
    memset(block, 'x', sizeof block);
    for (size_t done = 0; done < size;) {
        ssize_t wrote = write(fd, block, sizeof block);
        if (wrote < 0)
            return -1;
        done += (size_t)wrote;
    }
    return close(fd);
}

static int do_write(char **argv)
{
    return tell(write_full(argv[0], (size_t)argument(argv, 1) * MB));
}

/* Many files of 8 MB each, so that no file limit stops it. */
static int do_fill(char **argv)
{
    char path[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "%s/fill%d", argv[0], i);
        if (write_full(path, 8 * MB) < 0)
            return tell(-1);
    }
    return tell(0);
}

static int do_inodes(char **argv)
{
    char path[64];
    for (long i = 0; i < argument(argv, 0); i++) {
        snprintf(path, sizeof path, "inode%ld", i);
        if (mknod(path, S_IFIFO | 0600, 0) < 0)
            return tell(-1);
    }
    return tell(0);
}

static int do_pipes(char **argv)
{
    static char block[65536];
    (void)argv;
    for (int made = 0;; made++) {
        int fds[2];
        if (pipe(fds) < 0) {
            printf("%d pipes, ", made);
            return tell(-1);
        }
        fcntl(fds[1], F_SETFL, O_NONBLOCK);
        while (write(fds[1], block, sizeof block) > 0)
            ;
    }
}

static int do_socketpairs(char **argv)
{
    static char block[65536];
    (void)argv;
    for (int made = 0;; made++) {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0) {
            printf("%d pairs, ", made);
            return tell(-1);
        }
        while (write(fds[1], block, sizeof block) > 0)
            ;
    }
}

static int recurse(volatile char *above, int depth)
{
    volatile char here[4096];
    here[0] = *above;
    return recurse(here, depth + 1) + here[0];
}

static int do_recurse(char **argv)
{
    volatile char start = 0;
    (void)argv;
    return recurse(&start, 0);
}

static int do_flood(char **argv)
{
    static char block[65536];
    int fd = (int)argument(argv, 0);
    memset(block, 'y', sizeof block);
    for (;;) {
        if (write(fd, block, sizeof block) < 0)
            return 1;
    }
}

static int do_print(char **argv)
{
    long left = argument(argv, 1);
    for (; left > 0; left--) {
        if (write((int)argument(argv, 0), "z", 1) != 1)
            return 1;
    }
    return 0;
}

static int do_echo(char **argv)
{
    for (; *argv != NULL; argv++)
        puts(*argv);
    return 0;
}

static int do_cat(char **argv)
{
    char block[65536];
    ssize_t got;
    int fd = argv[0] == NULL ? 0 : open(argv[0], O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return tell(-1);
    while ((got = read(fd, block, sizeof block)) > 0) {
        if (write(1, block, (size_t)got) != got)
            return 1;
    }
    return got < 0 ? tell(-1) : 0;
}

static int do_env(char **argv)
{
    extern char **environ;
    (void)argv;
    return do_echo(environ);
}

static int do_exit(char **argv)
{
    return (int)argument(argv, 0);
}

static int do_raise(char **argv)
{
    return raise((int)argument(argv, 0));
}

/* Which dispositions are not the default, and whether a signal is blocked. */
static int do_signals(char **argv)
{
    struct sigaction action;
    sigset_t mask;
    int odd = 0;
    (void)argv;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int s = 1; s < 65; s++) {
        if (sigaction(s, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            odd++;
        odd += sigismember(&mask, s) == 1;
    }
    printf("%d\n", odd);
    return 0;
}

static int do_open(char **argv)
{
    return tell(open(argv[0], (int)argument(argv, 1), 0600));
}

static int do_fds(char **argv)
{
    int open_fds = 0;
    (void)argv;
    for (int fd = 3; fd < 4096; fd++)
        open_fds += fcntl(fd, F_GETFD) >= 0;
    printf("%d\n", open_fds);
    return 0;
}

/* Writes to a process's memory through /proc. */
static int do_write_mem(char **argv)
{
    static char victim;
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/mem", argv[0]);
    int fd = open(path, O_RDWR);
    return tell(fd < 0 ? -1 : pwrite(fd, "x", 1, (off_t)(uintptr_t)&victim));
}

static int do_kill(char **argv)
{
    return tell(kill((pid_t)argument(argv, 0), (int)argument(argv, 1)));
}

/* syscall NUMBER ARGUMENT…: a number, or text:… for a pointer to it. "zeros": a pointer to a page of zeroes. */
static int do_syscall(char **argv)
{
    static char zeros[4096];
    long args[7] = {0};
    for (int i = 0; i < 7 && argv[i] != NULL; i++) {
        if (strncmp(argv[i], "text:", 5) == 0)
            args[i] = (long)(uintptr_t)(argv[i] + 5);
        else if (strcmp(argv[i], "zeros") == 0)
            args[i] = (long)(uintptr_t)zeros;
        else
            args[i] = (long)strtoull(argv[i], NULL, 0);
    }
    return tell(syscall(args[0], args[1], args[2], args[3], args[4], args[5], args[6]));
}

#if defined(__x86_64__)
static int do_int80(char **argv)
{
    long result = 20; /* getpid, as i386 has it */
    (void)argv;
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
    printf("%ld\n", result);
    return 0;
}
#endif

/* Leaves an obstacle where a result is wanted: what the box collects must not follow it. */
static int do_leave(char **argv)
{
    const char *what = argv[0], *path = argv[1], *target = argv[2];
    if (strcmp(what, "symlink") == 0)
        return tell(symlink(target, path));
    if (strcmp(what, "fifo") == 0)
        return tell(mkfifo(path, 0666));
    if (strcmp(what, "directory") == 0)
        return tell(mkdir(path, 0777));
    if (strcmp(what, "hardlink") == 0)
        return tell(write_full("first", MB) < 0 ? -1 : link("first", path));
    if (strcmp(what, "sparse") == 0)
        return tell(ftruncate(open(path, O_WRONLY | O_CREAT, 0644), argument(argv, 2)));
    return 2;
}

/* A daemon that swaps a directory and a symlink for ever, while the parent exits at once. */
static int do_swapper(char **argv)
{
    (void)argv;
    mkdir("real", 0777);
    write_full("real/file", MB);
    symlink("/etc", "link");
    if (fork() == 0) {
        for (;;)
            syscall(SYS_renameat2, AT_FDCWD, "real", AT_FDCWD, "link", RENAME_EXCHANGE);
    }
    return 0;
}

static int do_deep(char **argv)
{
    for (long i = 0; i < argument(argv, 0); i++) {
        if (mkdir("d", 0777) < 0 || chdir("d") < 0) {
            printf("%ld ", i);
            return tell(-1);
        }
    }
    return tell(0);
}

static int do_odd_names(char **argv)
{
    (void)argv;
    if (mkdir("closed", 0777) < 0 || write_full("closed/file", MB) < 0 || write_full("\xff\xfe\n\"name", MB) < 0)
        return tell(-1);
    return tell(chmod("closed", 0));
}

/* Everything that the next run must not see. */
static int do_litter(char **argv)
{
    (void)argv;
    write_full("/work/litter", MB);
    write_full("/tmp/litter", MB);
    write_full("/dev/shm/litter", MB);
    tell(shmget(4711, 4096, IPC_CREAT | 0600));
    if (fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
    return 0;
}

static int do_look(char **argv)
{
    static const char *const paths[] = {"/work/litter", "/tmp/litter", "/dev/shm/litter"};
    (void)argv;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (access(paths[i], F_OK) == 0)
            printf("saw %s\n", paths[i]);
    }
    if (shmget(4711, 4096, 0) >= 0)
        puts("saw shared memory");
    for (pid_t pid = 3; pid < 200; pid++) {
        if (pid != getpid() && kill(pid, 0) == 0)
            printf("saw process %d\n", (int)pid);
    }
    return 0;
}

static int do_socket(char **argv)
{
    return tell(socket((int)argument(argv, 0), (int)argument(argv, 1), (int)argument(argv, 2)));
}

static int do_limits(char **argv)
{
    (void)argv;
    struct rlimit l;
    getrlimit(RLIMIT_CORE, &l);
    printf("core %lu\n", (unsigned long)l.rlim_max);
    getrlimit(RLIMIT_NOFILE, &l);
    printf("files %lu\n", (unsigned long)l.rlim_max);
    printf("uid %d %d\n", (int)getuid(), (int)geteuid());
    printf("privileges %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    printf("session %d\n", getsid(0) == getpid());
    return 0;
}

static const struct {
    const char *verb;
    int (*run)(char **argv);
} verbs[] = {
    {"burn", do_burn},
    {"burners", do_burners},
    {"cat", do_cat},
    {"child-hog", do_child_hog},
    {"daemon", do_daemon},
    {"deep", do_deep},
    {"echo", do_echo},
    {"env", do_env},
    {"exit", do_exit},
    {"fds", do_fds},
    {"fill", do_fill},
    {"flood", do_flood},
    {"forkbomb", do_forkbomb},
    {"forks", do_forks},
    {"hog-then-exec", do_hog_then_exec},
    {"inodes", do_inodes},
#if defined(__x86_64__)
    {"int80", do_int80},
#endif
    {"kill", do_kill},
    {"leave", do_leave},
    {"limits", do_limits},
    {"litter", do_litter},
    {"look", do_look},
    {"memfd", do_memfd},
    {"memhog", do_memhog},
    {"odd-names", do_odd_names},
    {"open", do_open},
    {"pipes", do_pipes},
    {"print", do_print},
    {"quiet-spin", do_quiet_spin},
    {"raise", do_raise},
    {"recurse", do_recurse},
    {"shared-hog", do_shared_hog},
    {"signals", do_signals},
    {"sleep", do_sleep},
    {"socket", do_socket},
    {"socketpairs", do_socketpairs},
    {"spin", do_spin},
    {"stop", do_stop},
    {"stubborn", do_stubborn},
    {"swapper", do_swapper},
    {"syscall", do_syscall},
    {"threads", do_threads},
    {"vfork-sleeper", do_vfork_sleeper},
    {"write", do_write},
    {"write-mem", do_write_mem},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].verb, argv[1]) == 0)
            return verbs[i].run(argv + 2);
    }
    fprintf(stderr, "probe: no such verb\n");
    return 99;
}
