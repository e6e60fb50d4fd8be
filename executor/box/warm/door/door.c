/* The library in a warm server (warm.h): it stops the interpreter at the door, serves runs there, and is nothing but
 * the init and a few dead bytes to a program. In a process that was started ahead of its files (way_ahead.c) it does
 * less: it waits at the door until they are there.
 *
 * The calls below stand before libc's. All pass their arguments on; the first that names the script does so only when
 * its process is a program: serve() returns nowhere else. Before that call the interpreter has read its own files and
 * the environment, which a request must match (the keeper sees to it); what it does after is as in a cold run.
 *
 * The server must have one thread, since only the one that forks is copied, and no descriptor of its own, since all its
 * programs would share it. Ruby (ruby.c) is different in that, and reads its script twice. Python's end is python.c's.
 */
#undef _FORTIFY_SOURCE   /* whose own read() would stand before ours */
#undef _FILE_OFFSET_BITS /* else <fcntl.h> gives one name to two of the calls below */
#include "php.h"
#include "python.h"
#include "ruby.h"
#include "warm.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct handover *waiting; /* NULL: no server's process, or past the door */

/* Of a program that was started ahead of its files, their names; 0 bytes: past the door. */
static char names[BOX_MESSAGE_MAX];
static atomic_size_t names_len;

/* ---- the server ------------------------------------------------------------------------------------------------ */

static alignas(struct box_request) char message[BOX_MESSAGE_MAX];
static struct request request;

/* Entries of a folder of /proc/self that are numbers from `from` below `to`. */
static int count_numbers(const char *path, int from, int to)
{
    int count = 0;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return -1;
    int own = dirfd(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        int number = 0;
        for (const char *c = entry->d_name; *c >= '0' && *c <= '9'; c++)
            number = number * 10 + (*c - '0');
        count += entry->d_name[0] != '.' && number >= from && number < to && number != own;
    }
    closedir(dir);
    return count;
}

/* What an init may use of the stack; and what libc registers with rseq(2). */
enum { STACK_OF_INIT = 512 << 10, STACK_NEAR = 32 << 10, RSEQ_AREA = 32 };

static pid_t fork_program(void);

static bool shares_memory; /* an init has the server's */
static pid_t (*fork_interpreter)(void) = fork_program;

/* The last step stands behind the filter, which allows these two calls: the pipe tells the init how far it came. */
static pid_t begin_by_fork(bool (*take_steps)(void), volatile struct outcome *outcome)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    pid_t program = fork_interpreter();
    struct outcome end = {.step = "fork"};
    if (program == 0) {
        bool done = dup2(ends[1], OUTCOME_FD) == OUTCOME_FD && take_steps();
        outcome->at_us = now_us();
        end = *outcome;
        if (write(OUTCOME_FD, &end, sizeof end) != sizeof end || !done)
            _exit(1);
        close(OUTCOME_FD);
        return 0;
    }
    close(ends[1]);
    while (program > 0 && read(ends[0], &end, sizeof end) < 0 && errno == EINTR)
        ;
    *outcome = end;
    close(ends[0]);
    return program;
}

/* A fork keeps the interpreter's own descriptors, and its pipe until its last step is done. */
static struct way way_fork = {.begin = begin_by_fork, .kept = {{OUTCOME_FD, OUTCOME_FD}}};

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* The end of an interpreter, Ruby's, frees nearly all that was allocated, and so copies it. Copied at the start, it is
 * no peak at the end of a small program, beside which a larger one would seem to take less than it does. Not so the
 * large areas of collectors that leave them as they are: AREA_MOST. Python's and PHP's are cut short. */
enum { AREAS_MOST = 64, AREA_MOST = 4 << 20 };

static struct {
    char *from;
    size_t len;
} copied[AREAS_MOST];
static int copied_count;

/* Takes the pages of an area that are there, as runs. */
static void take_area(char *from, size_t len, size_t page)
{
    static unsigned char there[AREA_MOST / 4096];
    if (len / page > sizeof there || mincore(from, len, there) < 0)
        return;
    bool taking = false;
    for (size_t i = 0; i < len / page; i++) {
        bool was = taking;
        taking = (there[i] & 1) != 0 && (was || copied_count < AREAS_MOST);
        if (taking && !was)
            copied[copied_count++].from = from + i * page;
        if (taking)
            copied[copied_count - 1].len += page;
    }
}

static void find_memory(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        char *at = line;
        unsigned long from = strtoul(line, &at, 16), to = *at == '-' ? strtoul(at + 1, &at, 16) : 0;
        if (to <= from || strncmp(at, " rw-p ", 6) != 0 || strstr(line, "[stack]") != NULL)
            continue;
        char *area;
        memcpy(&area, &from, sizeof area);
        take_area(area, to - from, (size_t)sysconf(_SC_PAGESIZE));
    }
    if (maps != NULL)
        fclose(maps);
}

/* What fails is copied later, page by page. */
static void copy_memory(void)
{
    for (int i = 0; i < copied_count; i++)
        madvise(copied[i].from, copied[i].len, MADV_POPULATE_WRITE);
}

/* ---- the server, ready and serving ------------------------------------------------------------------------------- */

static void say_ready(void)
{
    struct note note = {.kind = NOTE_READY};
    int most = 0;
    if (ruby_is_here()) {
        fork_interpreter = ruby_fork;
        most = RUBY_FDS;
    } else {
        shares_memory = birth_can_share(); /* Ruby has something to do at its forks, in the parent as well */
    }
    int own = count_numbers("/proc/self/fd", 3, OUTCOME_FD);
    if (own > 0) {
        way_fork.kept[1] = way_fork.kept[0];
        way_fork.kept[0] = (struct fd_range){3, 2 + (unsigned int)own};
    }
    if (count_numbers("/proc/self/task", 1, INT_MAX) != 1)
        note = (struct note){.kind = NOTE_FAILED, .error = ENOTSUP, .step = "more than one thread"};
    else if (own > most || count_numbers("/proc/self/fd", 3, 3 + own) != own)
        note = (struct note){.kind = NOTE_FAILED, .error = ENOTSUP, .step = "descriptors of the interpreter's own"};
    if (message_send(SERVER_SOCKET_FD, &note, sizeof note, NULL, 0) < 0 || note.kind == NOTE_FAILED)
        _exit(1);
}

/* ---- a run's init ---------------------------------------------------------------------------------------------- */

/* A process in another's memory has no restartable sequences (rseq(2)), and neither has what it forks; libc takes it
 * that they are there, and tells a processor's number by them. */
static pid_t fork_program(void)
{
    pid_t pid = fork();
    if (pid == 0 && __rseq_size > 0)
        syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, RSEQ_AREA, 0, RSEQ_SIG);
    return pid;
}

static __attribute__((noinline)) void clear_near(void)
{
    char space[STACK_NEAR];
    explicit_bzero(space, sizeof space);
}

/* What the init left on our stack, below us, may be the request's. The calls that are made for it stand there as well.
 */
static __attribute__((noinline)) void clear_stack(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    char *here = __builtin_frame_address(0);
    char *near = here - (uintptr_t)here % page - STACK_NEAR / 2;
    clear_near();
    madvise(near - STACK_OF_INIT, STACK_OF_INIT, MADV_DONTNEED);
}

/* Makes the run's init and reaps it. True in the program. Of the request nothing is left for the next program to find.
 * In our memory page tables are copied once a run: for the program. An init may be killed at any time, and leaves
 * nothing half done: it allocates nothing, and fork() takes libc's locks only where there are more threads than one. */
static bool serve_run(const struct confinement *c, size_t len, int fds[RUN_FDS])
{
    struct birth birth = {.c = c,
                          .request = &request,
                          .fds = fds,
                          .socket = SERVER_SOCKET_FD,
                          .way = &way_fork,
                          .may_share = shares_memory};
    pid_t pid = birth_give(&birth);
    if (pid == 0) {
        copy_memory();
        python_begin();
        return true;
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
    if (shares_memory)
        clear_stack();
    close_fds(fds, RUN_FDS);
    explicit_bzero(message, len);
    explicit_bzero(&request, sizeof request);
    return false;
}

/* Returns in each program. Signals wait until then: the interpreter's handlers are not for the server or an init. */
static void serve(const struct handover *h)
{
    sigset_t all, was;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &was);
    if (h->confinement.tier == BOX_TIER_B)
        unlinkat(SERVER_SCRATCH_FD, "work", AT_REMOVEDIR); /* each run makes its own */
    bool end_is_short = python_prepare(h->script, h->absolute) || php_prepare();
    say_ready();
    if (!end_is_short)
        find_memory();
    for (;;) {
        int fds[RUN_FDS];
        ssize_t got = message_receive(SERVER_SOCKET_FD, message, sizeof message, fds, RUN_FDS, 0);
        if (got <= 0 || request_parse(message, (size_t)got, &h->config.most, &request) != NULL)
            _exit(got == 0 ? 0 : 1);
        if (serve_run(&h->confinement, (size_t)got, fds))
            break;
    }
    sigprocmask(SIG_SETMASK, &was, NULL);
}

/* In a program that is none for a server after all: as its init would have, had there been no server. */
static _Noreturn void start_cold(void)
{
    execve(request.argv[0], request.argv, request.env);
    _exit(126);
}

/* ---- the door -------------------------------------------------------------------------------------------------- */

/* Whether it is one of the files, by its name or from the work directory. */
static bool is_named(const char *path, size_t len)
{
    static const char folder[] = "/work/";
    if (strncmp(path, folder, strlen(folder)) == 0)
        path += strlen(folder);
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        if (strcmp(path, name) == 0)
            return true;
    }
    return false;
}

/* Waits for the files, and takes the input that comes with the word that they are there. One thread does. */
static void await_files(void)
{
    char word;
    int fd = -1, error = errno;
    if (atomic_exchange(&names_len, 0) == 0)
        return;
    /* Not by sendmsg, which the filter refuses. */
    if (message_receive(SERVER_SOCKET_FD, &word, 1, &fd, 1, 0) != 1 || dup2(fd, 0) < 0 ||
        write(SERVER_SOCKET_FD, "", 1) != 1)
        _exit(1);
    close(fd);
    close(SERVER_SOCKET_FD);
    close(SERVER_LIBRARY_FD);
    errno = error;
}

static bool is_awaited(const char *path)
{
    const struct handover *h = waiting;
    return h != NULL && path != NULL && (strcmp(path, h->script) == 0 || strcmp(path, h->absolute) == 0);
}

static void pass(void)
{
    const struct handover *h = waiting;
    int error = errno;
    waiting = NULL;
    serve(h);
    errno = error;
}

static void knock(const char *path)
{
    size_t len = names_len;
    if (is_awaited(path))
        pass();
    else if (len > 0 && path != NULL && is_named(path, len))
        await_files();
}

/* NOLINTBEGIN(bugprone-macro-parentheses,bugprone-reserved-identifier): parameters and names of libc's */

/* A call of libc's that stands behind ours. */
#define DOOR(type, name, parameters, path, arguments)           \
    __attribute__((visibility("default"))) type name parameters \
    {                                                           \
        static type(*real) parameters;                          \
        if (real == NULL)                                       \
            *(void **)(&real) = dlsym(RTLD_NEXT, #name);        \
        knock(path);                                            \
        return real arguments;                                  \
    }

/* What open() is where it is called with fortified headers. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);

DOOR(int, stat, (const char *path, struct stat *s), path, (path, s))
DOOR(int, lstat, (const char *path, struct stat *s), path, (path, s))
DOOR(int, fstatat, (int dir, const char *path, struct stat *s, int flags), path, (dir, path, s, flags))
DOOR(int, stat64, (const char *path, struct stat64 *s), path, (path, s))
DOOR(int, lstat64, (const char *path, struct stat64 *s), path, (path, s))
DOOR(int, fstatat64, (int dir, const char *path, struct stat64 *s, int flags), path, (dir, path, s, flags))
DOOR(int, statx, (int dir, const char *path, int flags, unsigned mask, struct statx *s), path,
     (dir, path, flags, mask, s))
DOOR(FILE *, fopen, (const char *path, const char *mode), path, (path, mode))
DOOR(FILE *, fopen64, (const char *path, const char *mode), path, (path, mode))
DOOR(int, __open_2, (const char *path, int flags), path, (path, flags))
DOOR(int, __open64_2, (const char *path, int flags), path, (path, flags))

/* Those that have a mode only when they make a file; passing one on that nobody gave does no harm. */
#define DOOR_MODE(name, parameters, path, arguments)           \
    __attribute__((visibility("default"))) int name parameters \
    {                                                          \
        static int(*real) parameters;                          \
        va_list rest;                                          \
        va_start(rest, flags);                                 \
        mode_t mode = va_arg(rest, mode_t);                    \
        va_end(rest);                                          \
        if (real == NULL)                                      \
            *(void **)(&real) = dlsym(RTLD_NEXT, #name);       \
        if (is_awaited(path) && ruby_is_here())                \
            return ruby_open();                                \
        knock(path);                                           \
        return real arguments;                                 \
    }

DOOR_MODE(open, (const char *path, int flags, ...), path, (path, flags, mode))
DOOR_MODE(open64, (const char *path, int flags, ...), path, (path, flags, mode))
DOOR_MODE(openat, (int dir, const char *path, int flags, ...), path, (dir, path, flags, mode))
DOOR_MODE(openat64, (int dir, const char *path, int flags, ...), path, (dir, path, flags, mode))

/* Node's libuv calls statx so. The kernel takes six words whatever the call. */
__attribute__((visibility("default"))) long syscall(long number, ...)
{
    static long (*real)(long number, ...);
    long words[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        words[i] = va_arg(rest, long);
    va_end(rest);
    if (real == NULL)
        *(void **)(&real) = dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_statx) {
        const char *path;
        memcpy(&path, &words[1], sizeof path);
        knock(path);
    }
    return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

__attribute__((visibility("default"))) ssize_t read(int fd, void *buf, size_t size)
{
    static ssize_t (*real)(int fd, void *buf, size_t size);
    if (real == NULL)
        *(void **)(&real) = dlsym(RTLD_NEXT, "read");
    if (waiting != NULL && ruby_is_script(fd)) {
        size_t first = size < 16 ? 0 : ruby_read_first(buf);
        if (first > 0)
            return (ssize_t)first;
        const char *script = waiting->script;
        pass();
        if (!ruby_swap_script(script))
            start_cold();
    }
    return real(fd, buf, size);
}

/* A timer is its process's own, so that there is none before the door. */
__attribute__((visibility("default"))) int timer_create(clockid_t clock, struct sigevent *event, timer_t *ret_timer)
{
    static int (*real)(clockid_t clock, struct sigevent * event, timer_t * ret_timer);
    if (real == NULL)
        *(void **)(&real) = dlsym(RTLD_NEXT, "timer_create");
    if (waiting == NULL)
        return real(clock, event, ret_timer);
    errno = ENOSYS;
    return -1;
}

/* NOLINTEND(bugprone-macro-parentheses,bugprone-reserved-identifier) */

/* ---- the start ------------------------------------------------------------------------------------------------- */

static struct handover *take_handover(void)
{
    struct stat st;
    if (fstat(SERVER_HANDOVER_FD, &st) < 0 || (size_t)st.st_size < sizeof(struct handover))
        return NULL;
    struct handover *h = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, SERVER_HANDOVER_FD, 0);
    if (h == MAP_FAILED)
        return NULL;
    struct sock_filter *code = (struct sock_filter *)(void *)(h + 1);
    for (int i = 0; i < FILTER_COUNT; i++) {
        h->confinement.filters[i].filter = code;
        code += h->confinement.filters[i].len;
    }
    h->confinement.config = &h->config;
    const char *text = (const char *)code;
    h->config.languages = *text == '\0' ? NULL : text;
    for (size_t i = 0; i < h->config.grant_count; i++) {
        text += strlen(text) + 1;
        h->config.grants[i] = text;
    }
    return h;
}

/* The program's environment, also what /proc shows of it, is the request's. */
static void take_off_preload(void)
{
    extern char **environ;
    char **last = environ;
    while (last[0] != NULL && last[1] != NULL)
        last++;
    if (last[0] == NULL || strstr(last[0], SERVER_PRELOAD) == NULL)
        return;
    memset(last[0], 0, strlen(last[0]));
    last[0] = NULL;
}

__attribute__((constructor)) static void door_open(void)
{
    take_off_preload();
    struct stat st;
    if (fstat(SERVER_HANDOVER_FD, &st) < 0) {
        ssize_t got = message_receive(SERVER_SOCKET_FD, names, sizeof names, NULL, 0, 0);
        names_len = got > 0 && close_range(OUTCOME_FD, ~0u, CLOSE_RANGE_CLOEXEC) == 0 ? (size_t)got : 0;
        return;
    }
    /* Nothing that the interpreter starts has these. */
    if (prctl(PR_SET_DUMPABLE, 0) == 0 && close_range(OUTCOME_FD, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
        waiting = take_handover();
}
