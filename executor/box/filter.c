/* Builds the seccomp filters once, from the tables, in tree form, and keeps them as plain BPF for the children to load.
 * Native architecture only: int 0x80 and x32 kill the process. */
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filter_tables.h"

enum { API_KILL_PROCESS = 3 };

static void must(int error, const char *what)
{
    if (error < 0)
        die("seccomp: %s: %s", what, strerror(-error));
}

/* The number; negative when this architecture has no such call, which is fine: it has another of the table. */
static int resolve(const char *name)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        die("seccomp: this libseccomp does not know the system call %s", name);
    return number;
}

static void add_names(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int number = resolve(names[i]);
        if (number >= 0)
            must(seccomp_rule_add(filter, action, number, 0), names[i]);
    }
}

static void add_argument_rule(scmp_filter_ctx filter, const struct argument_rule *rule)
{
    int number = resolve(rule->name);
    uint32_t action = rule->error == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((uint32_t)rule->error);
    if (number >= 0)
        must(seccomp_rule_add(filter, action, number, 1,
                              SCMP_CMP((unsigned int)rule->argument, SCMP_CMP_MASKED_EQ, rule->mask, rule->value)),
             rule->name);
}

static void export(scmp_filter_ctx filter, struct sock_fprog *ret_program)
{
    int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0)
        die("seccomp: memfd_create: %s", strerror(errno));
    must(seccomp_export_bpf(filter, fd), "export");
    off_t size = lseek(fd, 0, SEEK_END);
    struct sock_filter *code = malloc((size_t)size);
    if (code == NULL || pread(fd, code, (size_t)size, 0) != size)
        die("seccomp: cannot read the program back");
    close(fd);
    *ret_program = (struct sock_fprog){(unsigned short)((size_t)size / sizeof *code), code};
}

static void build(enum filter_kind kind, bool host_is_seen, struct sock_fprog *ret_program)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL)
        die("seccomp: out of memory");
    must(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "bad architecture");
    must(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "tree form");

    add_names(filter, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
    add_names(filter, SCMP_ACT_ERRNO(EPERM), refused, ARRAY_LEN(refused));
    add_names(filter, SCMP_ACT_KILL_PROCESS, killed, ARRAY_LEN(killed));
    must(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), resolve("socket"), 0), "socket");
    for (size_t i = 0; i < ARRAY_LEN(argument_rules); i++)
        add_argument_rule(filter, &argument_rules[i]);

    /* Oneself, and not by PRIO_USER: in tier B that is everybody. */
    must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, resolve("setpriority"), 2, SCMP_A0_32(SCMP_CMP_EQ, PRIO_PROCESS),
                          SCMP_A1_32(SCMP_CMP_EQ, 0)),
         "setpriority");
    add_names(filter, host_is_seen ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW, allowed_unless_seen,
              ARRAY_LEN(allowed_unless_seen));
    /* Without a path it is about a descriptor. */
    must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, resolve("utimensat"), 1, SCMP_A1(SCMP_CMP_EQ, 0)), "utimensat");
    must(seccomp_rule_add(filter, host_is_seen ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW, resolve("utimensat"), 1,
                          SCMP_A1(SCMP_CMP_NE, 0)),
         "utimensat");

    bool alone = kind == FILTER_RUN_ALONE;
    add_argument_rule(filter, alone ? &clone_rule_alone : &clone_rule);
    add_names(filter, alone ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW, allowed_unless_alone,
              ARRAY_LEN(allowed_unless_alone));
    bool compile = kind == FILTER_COMPILE;
    add_names(filter, compile ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), allowed_compile, ARRAY_LEN(allowed_compile));

    export(filter, ret_program);
    seccomp_release(filter);
}

void filter_build_all(uint32_t tier, struct sock_fprog ret_filters[FILTER_COUNT])
{
    if (seccomp_api_get() < API_KILL_PROCESS)
        die("seccomp: refused to us, or too old here");
    for (int kind = 0; kind < FILTER_COUNT; kind++) {
        free(ret_filters[kind].filter);
        build((enum filter_kind)kind, tier == BOX_TIER_B, &ret_filters[kind]);
    }
}
