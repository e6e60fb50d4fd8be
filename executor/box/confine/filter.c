/* Builds the seccomp filters once, from the tables, and keeps them as plain BPF for the children to load. Each run pays
 * for their length, so that calls with neighbouring numbers and one answer are one leaf of a search tree: two thirds of
 * what libseccomp makes, which names the calls here. Native architecture only: int 0x80 and x32 kill the process. */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "filter_tables.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "what does seccomp call this architecture?"
#endif

enum {
    CALLS = 1024, /* no kernel knows a number from here on */
    X32_CALLS = 0x40000000,
    RULES = ARRAY_LEN(argument_rules),
    CODE_MAX = 2048,
    REACH = 250, /* of a test's jump; what is farther is reached by a jump of its own */
};

#define REFUSED(error) (SECCOMP_RET_ERRNO | (uint32_t)(error))

/* The first rule of the call that fits says what becomes of it; when there is none, its own action. */
struct policy {
    uint32_t action[CALLS];
    bool has_rules[CALLS];
    int rule_call[RULES];
};

/* The number; -1 when this architecture has no such call, which is fine: it has another of the table. */
static int resolve(const char *name)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || number >= CALLS)
        die("seccomp: this libseccomp does not know the system call %s", name);
    return number < 0 ? -1 : number;
}

static void set(struct policy *p, uint32_t action, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int number = resolve(names[i]);
        if (number >= 0)
            p->action[number] = action;
    }
}

static void policy_init(struct policy *p, enum filter_kind kind, bool host_is_seen)
{
    *p = (struct policy){0};
    for (int i = 0; i < CALLS; i++)
        p->action[i] = REFUSED(ENOSYS);
    set(p, SECCOMP_RET_ALLOW, allowed, ARRAY_LEN(allowed));
    set(p, REFUSED(EPERM), refused, ARRAY_LEN(refused));
    set(p, REFUSED(EACCES), refused_sockets, ARRAY_LEN(refused_sockets));
    set(p, SECCOMP_RET_KILL_PROCESS, killed, ARRAY_LEN(killed));
    set(p, host_is_seen ? REFUSED(EPERM) : SECCOMP_RET_ALLOW, allowed_unless_seen, ARRAY_LEN(allowed_unless_seen));
    set(p, kind == FILTER_COMPILE ? SECCOMP_RET_ALLOW : REFUSED(EPERM), allowed_compile, ARRAY_LEN(allowed_compile));
    for (size_t i = 0; i < RULES; i++) {
        p->rule_call[i] = resolve(argument_rules[i].name);
        if (p->rule_call[i] >= 0)
            p->has_rules[p->rule_call[i]] = true;
    }
    bool alone = kind == FILTER_RUN_ALONE;
    set(p, alone ? REFUSED(EPERM) : SECCOMP_RET_ALLOW, allowed_unless_alone, ARRAY_LEN(allowed_unless_alone));
    if (!alone)
        return;
    set(p, REFUSED(EPERM), (const char *const[]){"clone"}, 1);
    p->has_rules[resolve("clone")] = false;
}

/* The program, made from its end on, as jumps lead forward only. A place in it is the index of an instruction. */
struct code {
    struct sock_filter at[CODE_MAX];
    size_t start;
    size_t answers[8], answer_count; /* where the last ones are */
};

static size_t put(struct code *c, int op, uint32_t k, size_t yes, size_t no)
{
    if (c->start == 0)
        die("seccomp: the filter is too long");
    size_t next = c->start--;
    c->at[c->start] = (struct sock_filter){(uint16_t)op, (uint8_t)(yes - next), (uint8_t)(no - next), k};
    return c->start;
}

static size_t put_load(struct code *c, size_t offset)
{
    return put(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, c->start, c->start);
}

static size_t near(struct code *c, size_t place)
{
    size_t distance = place - c->start;
    return distance < REACH ? place : put(c, BPF_JMP | BPF_JA, (uint32_t)distance, c->start, c->start);
}

static size_t put_test(struct code *c, int op, uint32_t k, size_t yes, size_t no)
{
    yes = near(c, yes);
    no = near(c, no);
    return put(c, BPF_JMP | BPF_K | op, k, yes, no);
}

static size_t put_answer(struct code *c, uint32_t action)
{
    for (size_t i = 0; i < ARRAY_LEN(c->answers) && i < c->answer_count; i++) {
        if (c->at[c->answers[i]].k == action && c->answers[i] - c->start < REACH)
            return c->answers[i];
    }
    size_t place = put(c, BPF_RET | BPF_K, action, c->start, c->start);
    c->answers[c->answer_count++ % ARRAY_LEN(c->answers)] = place;
    return place;
}

static size_t put_rule(struct code *c, const struct argument_rule *r, size_t yes, size_t no)
{
    for (size_t half = 2; half-- > 0;) { /* the upper one is tested last */
        uint32_t mask = (uint32_t)(r->mask >> 32 * half), value = (uint32_t)(r->value >> 32 * half);
        if (mask == 0)
            continue;
        put_test(c, BPF_JEQ, value, yes, no);
        if (mask != UINT32_MAX)
            put(c, BPF_ALU | BPF_AND | BPF_K, mask, c->start, c->start);
        yes = put_load(c, offsetof(struct seccomp_data, args) + 8 * r->argument + 4 * half);
    }
    return yes;
}

static size_t put_call(struct code *c, const struct policy *p, size_t number)
{
    size_t place = put_answer(c, p->action[number]), otherwise = place;
    for (size_t i = RULES; i-- > 0 && p->has_rules[number];) {
        const struct argument_rule *r = &argument_rules[i];
        if (p->rule_call[i] != (int)number)
            continue;
        size_t fits = place;
        if (r->error != AND_NEXT) {
            otherwise = place;
            fits = put_answer(c, r->error == 0 ? SECCOMP_RET_ALLOW : REFUSED(r->error));
        }
        place = put_rule(c, r, fits, otherwise);
    }
    return place;
}

/* Of the leaves from `low` to `high`, each of which begins at the number firsts[leaf]. */
static size_t put_tree(struct code *c, const struct policy *p, const uint16_t *firsts, size_t low, size_t high)
{
    if (low == high)
        return put_call(c, p, firsts[low]);
    size_t middle = (low + high + 1) / 2;
    size_t above = put_tree(c, p, firsts, middle, high);
    size_t below = put_tree(c, p, firsts, low, middle - 1);
    return put_test(c, BPF_JGE, firsts[middle], above, below);
}

static void build(const struct policy *p, struct sock_fprog *ret_program)
{
    static struct code c;
    uint16_t firsts[CALLS] = {0};
    size_t leaves = 1;
    for (int i = 1; i < CALLS; i++) {
        if (p->has_rules[i] || p->has_rules[i - 1] || p->action[i] != p->action[i - 1])
            firsts[leaves++] = (uint16_t)i;
    }
    c = (struct code){.start = CODE_MAX};
    size_t calls = put_tree(&c, p, firsts, 0, leaves - 1);
    size_t foreign = put_answer(&c, SECCOMP_RET_KILL_PROCESS);
    size_t beyond = put_test(&c, BPF_JEQ, UINT32_MAX, calls, foreign); /* -1 is no call at all, and no x32 one */
    put_test(&c, BPF_JGE, X32_CALLS, beyond, calls);
    calls = put_load(&c, offsetof(struct seccomp_data, nr));
    put_test(&c, BPF_JEQ, NATIVE, calls, foreign);
    put_load(&c, offsetof(struct seccomp_data, arch));

    size_t len = CODE_MAX - c.start;
    struct sock_filter *code = calloc(len, sizeof *code);
    if (code == NULL)
        die("out of memory");
    memcpy(code, c.at + c.start, len * sizeof *code);
    *ret_program = (struct sock_fprog){(unsigned short)len, code};
}

void filter_build_all(uint32_t tier, struct sock_fprog ret_filters[FILTER_COUNT])
{
    static struct policy policy;
    const uint32_t kill = SECCOMP_RET_KILL_PROCESS;
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kill) < 0)
        die("seccomp: refused to us, or too old here");
    for (int kind = 0; kind < FILTER_COUNT; kind++) {
        free(ret_filters[kind].filter);
        policy_init(&policy, (enum filter_kind)kind, tier == BOX_TIER_B);
        build(&policy, &ret_filters[kind]);
    }
}
