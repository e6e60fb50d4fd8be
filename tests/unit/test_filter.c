/* box/confine/filter.c: each filter answers each call as the one that libseccomp makes of the same tables. */
#include "confine.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filter_tables.h"

enum { CALLS = 1100, VALUES = 80, X32 = 0x40000000 };

/* ---- what libseccomp makes of them ------------------------------------------------------------------------------ */

static void must(int error, const char *what)
{
    if (error < 0)
        die("%s: %s", what, strerror(-error));
}

static void add(scmp_filter_ctx filter, uint32_t action, const char *name)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number >= 0)
        must(seccomp_rule_add(filter, action, number, 0), name);
}

#define ADD_ALL(filter, action, names)            \
    for (size_t n = 0; n < ARRAY_LEN(names); n++) \
    add(filter, action, (names)[n])

static void add_rule(scmp_filter_ctx filter, const struct argument_rule *r)
{
    int number = seccomp_syscall_resolve_name(r->name);
    if (number < 0)
        return;
    struct scmp_arg_cmp args[2] = {
        SCMP_CMP((unsigned int)r->argument, SCMP_CMP_MASKED_EQ, r->mask, r->value),
        SCMP_CMP((unsigned int)r[1].argument, SCMP_CMP_MASKED_EQ, r[1].mask, r[1].value),
    };
    bool two = r->error == AND_NEXT;
    int error = two ? r[1].error : r->error;
    uint32_t action = error == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((uint32_t)error);
    must(seccomp_rule_add_array(filter, action, number, two ? 2 : 1, args), r->name);
}

static struct sock_fprog reference(enum filter_kind kind, bool host_is_seen)
{
    bool alone = kind == FILTER_RUN_ALONE;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    must(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "bad architecture");
    ADD_ALL(filter, SCMP_ACT_ALLOW, allowed);
    ADD_ALL(filter, SCMP_ACT_ERRNO(EPERM), refused);
    ADD_ALL(filter, SCMP_ACT_ERRNO(EACCES), refused_sockets);
    ADD_ALL(filter, SCMP_ACT_KILL_PROCESS, killed);
    ADD_ALL(filter, kind == FILTER_COMPILE ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), allowed_compile);
    ADD_ALL(filter, alone ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW, allowed_unless_alone);
    for (size_t i = 0; i < ARRAY_LEN(allowed_unless_seen); i++) {
        if (strcmp(allowed_unless_seen[i], "utimensat") != 0)
            add(filter, host_is_seen ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW, allowed_unless_seen[i]);
    }
    must(seccomp_rule_add(filter, host_is_seen ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW, SCMP_SYS(utimensat), 1,
                          SCMP_A1(SCMP_CMP_NE, 0)),
         "utimensat");
    for (size_t i = 0; i < ARRAY_LEN(argument_rules); i++) {
        if (!alone || strcmp(argument_rules[i].name, "clone") != 0)
            add_rule(filter, &argument_rules[i]);
        i += argument_rules[i].error == AND_NEXT;
    }
    if (alone)
        add(filter, SCMP_ACT_ERRNO(EPERM), "clone");

    int fd = memfd_create("reference", MFD_CLOEXEC);
    must(seccomp_export_bpf(filter, fd), "export");
    off_t size = lseek(fd, 0, SEEK_END);
    struct sock_filter *code = malloc((size_t)size);
    if (code == NULL || pread(fd, code, (size_t)size, 0) != size)
        die("the reference cannot be read");
    close(fd);
    seccomp_release(filter);
    return (struct sock_fprog){(unsigned short)((size_t)size / sizeof *code), code};
}

/* ---- a filter, run ---------------------------------------------------------------------------------------------- */

static uint32_t run(const struct sock_fprog *p, const struct seccomp_data *data)
{
    uint32_t a = 0;
    for (size_t at = 0; at < p->len; at++) {
        const struct sock_filter *f = &p->filter[at];
        switch (f->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&a, (const char *)data + f->k, sizeof a);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= f->k;
            break;
        case BPF_JMP | BPF_JA:
            at += f->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += a == f->k ? f->jt : f->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += a >= f->k ? f->jt : f->jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            at += a > f->k ? f->jt : f->jf;
            break;
        case BPF_RET | BPF_K:
            return f->k;
        default:
            die("instruction %#x", f->code);
        }
    }
    die("the filter's end was passed");
}

/* ---- what is asked ---------------------------------------------------------------------------------------------- */

static uint64_t values[VALUES * 8];
static size_t value_count;

/* Each word that a rule names, what is beside it, and what only its upper half makes different. */
static void collect_values(void)
{
    const uint64_t always[] = {
        0, 1, UINT32_MAX, UINT64_MAX, 1ull << 32, CLONE_NEWUSER, CLONE_VM | CLONE_VFORK | SIGCHLD};
    memcpy(values, always, sizeof always);
    value_count = ARRAY_LEN(always);
    for (size_t i = 0; i < ARRAY_LEN(argument_rules); i++) {
        uint64_t value = argument_rules[i].value, mask = argument_rules[i].mask;
        const uint64_t beside[] = {value, value + 1, value - 1, value | 1ull << 40, mask, ~mask, value | ~mask};
        memcpy(values + value_count, beside, sizeof beside);
        value_count += ARRAY_LEN(beside);
    }
}

static long long differ(const struct sock_fprog *ours, const struct sock_fprog *theirs, struct seccomp_data *data)
{
    uint32_t got = run(ours, data), want = run(theirs, data);
    if (got != want)
        printf("# call %d (%llx, %llx, %llx, %llx): %x, libseccomp %x\n", data->nr, data->args[0], data->args[1],
               data->args[2], data->args[3], got, want);
    return got != want;
}

static bool has_rules(int number)
{
    for (size_t i = 0; i < ARRAY_LEN(argument_rules); i++) {
        if (seccomp_syscall_resolve_name(argument_rules[i].name) == number)
            return true;
    }
    return false;
}

/* Of one call: each value in each place; and in each two of the first two, where a rule has two. */
static long long differences_of(const struct sock_fprog *ours, const struct sock_fprog *theirs, int number)
{
    long long count = 0;
    struct seccomp_data data = {.nr = number, .arch = seccomp_arch_native()};
    for (size_t argument = 0; argument < 6; argument++) {
        for (size_t v = 0; v < (has_rules(number) ? value_count : 2); v++) {
            memset(data.args, v % 2 == 0 ? 0 : 0xff, sizeof data.args);
            data.args[argument] = values[v];
            count += differ(ours, theirs, &data);
        }
    }
    for (size_t v = 0; v < (number == SCMP_SYS(setpriority) ? value_count * value_count : 0); v++) {
        data.args[0] = values[v / value_count];
        data.args[1] = values[v % value_count];
        count += differ(ours, theirs, &data);
    }
    data.arch = AUDIT_ARCH_I386;
    return count + differ(ours, theirs, &data);
}

static long long differences(const struct sock_fprog *ours, const struct sock_fprog *theirs)
{
    const int others[] = {-1, INT_MAX, INT_MIN, X32, X32 + 59, X32 - 1};
    long long count = 0;
    for (int number = 0; number < CALLS; number++)
        count += differences_of(ours, theirs, number);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        count += differences_of(ours, theirs, others[i]);
    return count;
}

int main(void)
{
    static const char *const names[FILTER_COUNT] = {"run", "run alone", "compile"};
    collect_values();
    for (uint32_t tier = BOX_TIER_B; tier <= BOX_TIER_A; tier += BOX_TIER_A - BOX_TIER_B) {
        struct sock_fprog filters[FILTER_COUNT] = {0};
        filter_build_all(tier, filters);
        for (int kind = 0; kind < FILTER_COUNT; kind++) {
            struct sock_fprog theirs = reference((enum filter_kind)kind, tier == BOX_TIER_B);
            is_int(differences(&filters[kind], &theirs), 0, names[kind]);
            ok(filters[kind].len < theirs.len, "%u instructions, libseccomp's are %u", filters[kind].len, theirs.len);
            free(theirs.filter);
        }
        for (int kind = 0; kind < FILTER_COUNT; kind++)
            free(filters[kind].filter);
    }
    return done_testing();
}
