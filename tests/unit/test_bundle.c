/* Memfds that are sealed, also while the kernel holds a page of them. */
#include "bundle.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int reopened(int fd, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, flags | O_CLOEXEC);
}

/* As a program that got the descriptor would try. */
static bool holds(int fd, const char *content)
{
    size_t len = strlen(content);
    char bytes[64] = "";
    int writable = reopened(fd, O_RDWR);
    bool refused = pwrite(fd, "x", 1, 0) < 0 && ftruncate(fd, 0) < 0 && ftruncate(fd, 1 << 20) < 0 &&
                   (writable < 0 || pwrite(writable, "x", 1, 0) < 0) &&
                   mmap(NULL, len, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
                   fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0 && errno == EPERM;
    if (writable >= 0)
        close(writable);
    return refused && box_is_sealed(fd) && read(fd, bytes, sizeof bytes) == (ssize_t)len &&
           memcmp(bytes, content, len) == 0;
}

static void test_bytes(void)
{
    int fd = -1;
    struct err err;
    ok(memfd_of_bytes("abc", 3, &fd, &err) == 0, "bytes become a memfd");
    ok(holds(fd, "abc"), "which nobody can change");
    close(fd);
}

/* A page in a pipe is one that F_SEAL_WRITE finds busy. */
static void test_busy_page(void)
{
    int fd = memfd_create("busy", MFD_CLOEXEC | MFD_ALLOW_SEALING), ends[2] = {-1, -1};
    loff_t at = 0;
    ok(fd >= 0 && pipe(ends) == 0 && write(fd, "abc", 3) == 3 && lseek(fd, 0, SEEK_SET) == 0 &&
           splice(fd, &at, ends[1], NULL, 3, 0) == 3,
       "a page of a memfd is in a pipe");
    ok(!box_is_sealed(fd), "it is not sealed");
    ok(box_seal(fd) == 0, "it can be");
    ok(holds(fd, "abc"), "and nobody can change it");
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    test_bytes();
    test_busy_page();
    return done_testing();
}
