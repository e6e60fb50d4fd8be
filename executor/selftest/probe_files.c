/* The probe's verbs about files: floods, obstacles in place of a result, what is left behind for the next run. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

int write_full(const char *path, size_t size)
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

static int do_open(char **argv)
{
    return tell(open(argv[0], (int)argument(argv, 1), 0600));
}

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
    return tell(fchmod(open("closed", O_RDONLY | O_DIRECTORY), 0));
}

enum { LITTER_KEY = 4711 }; /* of what System V calls would leave; selftest_box.c looks for it */

static const char *const litter_dirs[] = {"/work", "/tmp", "/dev/shm", "/var/tmp", "/dev/mqueue", "/usr", "."};

/* NULL behind the last; $TMPDIR is where tier B has what is /tmp elsewhere. */
static const char *litter_path(size_t i)
{
    static char path[4200];
    const size_t count = sizeof litter_dirs / sizeof litter_dirs[0];
    const char *temporary = getenv("TMPDIR");
    if (i > count || (i == count && temporary == NULL))
        return NULL;
    snprintf(path, sizeof path, "%s/sentinel-litter", i == count ? temporary : litter_dirs[i]);
    return path;
}

static int litter_socket(int (*use)(int, const struct sockaddr *, socklen_t))
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(address.sun_path + 1, "sentinel-litter", 15); /* abstract */
    return fd < 0 ? -1 : use(fd, (const struct sockaddr *)&address, sizeof address);
}

/* Everything that the next run must not see. Nothing of it has to work. */
static int do_litter(char **argv)
{
    const char *path;
    (void)argv;
    for (size_t i = 0; (path = litter_path(i)) != NULL; i++)
        write_full(path, 65536);
    tell(shmget(LITTER_KEY, 4096, IPC_CREAT | 0600));
    tell(msgget(LITTER_KEY, IPC_CREAT | 0600));
    litter_socket(bind);
    if (fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
    return 0;
}

/* Prints what it sees of that; nothing is well. */
static int do_look(char **argv)
{
    const char *path;
    (void)argv;
    for (size_t i = 0; (path = litter_path(i)) != NULL; i++) {
        if (access(path, F_OK) == 0)
            printf("saw %s\n", path);
    }
    if (shmget(LITTER_KEY, 4096, 0) >= 0)
        puts("saw shared memory");
    if (msgget(LITTER_KEY, 0) >= 0)
        puts("saw a message queue");
    if (litter_socket(connect) >= 0)
        puts("saw an abstract socket");
    for (pid_t pid = 3; pid < 200; pid++) {
        if (pid != getpid() && kill(pid, 0) == 0)
            printf("saw process %d\n", (int)pid);
    }
    return 0;
}

/* overwrite FILE…: does to each whatever could change what runs or is read, and then prints them. */
static int do_overwrite(char **argv)
{
    char block[4096];
    for (char **name = argv; *name != NULL; name++) {
        int fd = open(*name, O_WRONLY);
        if (fd >= 0 && write(fd, "spoilt\n", 7) == 7)
            close(fd);
        if (chmod(*name, 0777) == 0)
            write_full(*name, 8);
        if (rename("/bin/sh", *name) < 0 && link("/bin/sh", "other") == 0)
            rename("other", *name);
        if (unlink(*name) == 0)
            write_full(*name, 8);
    }
    for (char **name = argv; *name != NULL; name++) {
        int fd = open(*name, O_RDONLY);
        ssize_t got = fd < 0 ? -1 : read(fd, block, sizeof block);
        if (got > 0)
            fwrite(block, 1, (size_t)got, stdout);
    }
    return 0;
}

const struct verb file_verbs[] = {
    {"deep", do_deep},           {"fill", do_fill},       {"inodes", do_inodes},       {"leave", do_leave},
    {"litter", do_litter},       {"look", do_look},       {"odd-names", do_odd_names}, {"open", do_open},
    {"overwrite", do_overwrite}, {"swapper", do_swapper}, {"write", do_write},         {NULL, NULL},
};
