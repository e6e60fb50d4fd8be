/* sentinel-probe: the program that misbehaves, one verb a behaviour, for the self-test and tests/sandbox. Prints what
 * it finds. Static, so that it needs nothing of the box's root; never sanitized. System calls by name: probe_calls.c.
 */
#include "probe.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int tell(long result)
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

long argument(char **argv, int i)
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

static int do_forks_hold(char **argv)
{
    do_forks(argv);
    fflush(stdout);
    return do_sleep(argv);
}

static int do_threads_hold(char **argv)
{
    do_threads(argv);
    fflush(stdout);
    return do_sleep(argv);
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

static int do_shared_hog_hold(char **argv)
{
    int failed = do_shared_hog(argv);
    pause();
    return failed;
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

/* A fork bomb whose every process floods. */
static int do_flood_bomb(char **argv)
{
    while (fork() < 0)
        ;
    fork();
    if (fork() == 0)
        do_flood_bomb(argv);
    return do_flood(argv);
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

static int do_fds(char **argv)
{
    int open_fds = 0;
    (void)argv;
    for (int fd = 3; fd < 4096; fd++)
        open_fds += fcntl(fd, F_GETFD) >= 0;
    printf("%d\n", open_fds);
    return 0;
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

/* A thousand megabytes of zeroes that the file does not have: a copy of this program whose last segment is grown. */
static int do_bss(char **argv)
{
    static char page[1 << 20];
    extern char end[]; /* of what the segment was */
    if (argv[0] != NULL) {
        touch_bytes(end, (size_t)argument(argv, 0) * MB);
        return tell(0);
    }
    int from = open("./probe", O_RDONLY), to = open("large", O_RDWR | O_CREAT, 0755);
    for (ssize_t got; (got = read(from, page, sizeof page)) > 0;)
        write(to, page, (size_t)got);
    pread(to, page, sizeof page, 0);
    Elf64_Ehdr *head = (void *)page;
    Elf64_Phdr *segments = (void *)(page + head->e_phoff);
    for (int i = 0; i < head->e_phnum; i++) {
        if (segments[i].p_type == PT_LOAD && segments[i].p_flags & PF_W)
            segments[i].p_memsz += 1025 * MB;
    }
    pwrite(to, page, 4096, 0);
    close(to);
    execl("./large", "large", "bss", "1024", NULL);
    return tell(-1);
}

static const struct verb verbs[] = {
    {"bss", do_bss},
    {"burn", do_burn},
    {"burners", do_burners},
    {"cat", do_cat},
    {"child-hog", do_child_hog},
    {"daemon", do_daemon},
    {"echo", do_echo},
    {"env", do_env},
    {"exit", do_exit},
    {"fds", do_fds},
    {"flood", do_flood},
    {"flood-bomb", do_flood_bomb},
    {"forkbomb", do_forkbomb},
    {"forks", do_forks},
    {"forks-hold", do_forks_hold},
    {"hog-then-exec", do_hog_then_exec},
    {"limits", do_limits},
    {"memhog", do_memhog},
    {"pipes", do_pipes},
    {"print", do_print},
    {"quiet-spin", do_quiet_spin},
    {"raise", do_raise},
    {"recurse", do_recurse},
    {"shared-hog", do_shared_hog},
    {"shared-hog-hold", do_shared_hog_hold},
    {"signals", do_signals},
    {"sleep", do_sleep},
    {"socketpairs", do_socketpairs},
    {"spin", do_spin},
    {"stop", do_stop},
    {"stubborn", do_stubborn},
    {"threads", do_threads},
    {"threads-hold", do_threads_hold},
    {"vfork-sleeper", do_vfork_sleeper},
    {NULL, NULL},
};

static int run_verb(int argc, char **argv)
{
    static const struct verb *const tables[] = {verbs, file_verbs, call_verbs};
    for (size_t t = 0; argc > 1 && t < sizeof tables / sizeof tables[0]; t++) {
        for (const struct verb *v = tables[t]; v->name != NULL; v++) {
            if (strcmp(v->name, argv[1]) == 0)
                return v->run(argv + 2);
        }
    }
    fprintf(stderr, "probe: no such verb\n");
    return 99;
}

/* A file of words in place of a verb and its words: so this is an interpreter, and a warm server can be one of it. */
int main(int argc, char **argv)
{
    static char text[4096];
    char *words[64] = {argv[0]};
    int count = 1, fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
        return run_verb(argc, argv);
    close(fd);
    for (char *rest = text, *word; count < 63 && (word = strsep(&rest, " ")) != NULL;)
        words[count++] = word;
    return run_verb(count, words);
}
