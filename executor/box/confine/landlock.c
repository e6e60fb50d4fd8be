/* Landlock. In tier A a second wall: one prebuilt ruleset (the fence) against TCP, and against signals and abstract
 * sockets that lead outside; no rule about files, because a ruleset that has one also refuses every rename between
 * directories, and the mount namespace says it all. In tier B the wall itself: the launcher, each run's init and each
 * program stand in a domain of their own, one in the other, and the program's also says which files there are.
 *
 * Debian 12's headers end at version 2 of the interface, so the constants are here. */
#include "landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    CREATE_RULESET_VERSION = 1 << 0,
    RULE_PATH_BENEATH = 1,
    NET_TCP = 3,             /* bind and connect, from version 4 */
    SCOPES = 3,              /* abstract sockets and signals, from version 6 */
    FS_ALL = (1 << 16) - 1,  /* to LANDLOCK_ACCESS_FS_IOCTL_DEV, version 5 */
    FS_OF_FILES = 1 | 2 | 4, /* execute, write, read: what a rule about a file may say; and truncate, bit 14 */
    FS_REFER = 1 << 13,
    FS_TRUNCATE = 1 << 14,
};

struct ruleset {
    uint64_t handled_fs, handled_net, scoped;
};

struct rule {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

static int create(uint64_t handled_fs, uint32_t abi)
{
    struct ruleset rules = {.handled_fs = handled_fs, .handled_net = NET_TCP};
    if (abi >= LANDLOCK_SCOPES_ABI)
        rules.scoped = SCOPES;
    /* An older kernel refuses a struct with bytes set that it does not know; zeroes are fine. */
    return (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
}

uint32_t landlock_version(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    return abi > 0 ? (uint32_t)abi : 0;
}

int landlock_fence(uint32_t abi)
{
    return abi < LANDLOCK_NET_ABI ? -1 : create(0, abi);
}

/* Under a domain that rules over files, one around it that does not refuses renames between directories. */
int landlock_outer_fence(void)
{
    int fd = create(FS_REFER, LANDLOCK_SCOPES_ABI);
    int root_fd = open("/", O_PATH | O_CLOEXEC);
    if (fd < 0 || root_fd < 0 || landlock_grant(fd, root_fd, FS_REFER) < 0)
        return -1;
    close(root_fd);
    return fd;
}

int landlock_files(void)
{
    return create(FS_ALL, LANDLOCK_SCOPES_ABI);
}

int landlock_grant(int ruleset_fd, int path_fd, uint64_t rights)
{
    struct stat st;
    if (fstat(path_fd, &st) < 0)
        return -1;
    struct rule rule = {S_ISDIR(st.st_mode) ? rights : rights & (FS_OF_FILES | FS_TRUNCATE), path_fd};
    return (int)syscall(SYS_landlock_add_rule, ruleset_fd, RULE_PATH_BENEATH, &rule, 0);
}

int landlock_restrict(int ruleset_fd)
{
    return (int)syscall(SYS_landlock_restrict_self, ruleset_fd, 0);
}
