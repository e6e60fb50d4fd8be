/* The keeper: outside the slot's cgroup and namespaces. It owns the executor's socket, the output area and the
 * launcher (confine/launch.c), which it replaces when it dies; run.c has what happens in between. The keeper
 * never runs, and never trusts, anything that is inside. */
#include "collect.h"
#include "run.h"
#include "warm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static alignas(struct box_request) char message[BOX_MESSAGE_MAX + 1];

static void setup_signal_fd(struct keeper *k)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    k->signal_fd = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    if (k->signal_fd < 0)
        die("signalfd: %s", strerror(errno));
}

/* Sealed in size: whoever has the other end cannot make our writes fault. */
static void setup_output_area(struct keeper *k)
{
    size_t size = 2 * k->config->most.output_bytes;
    k->output_fd = memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (k->output_fd < 0 || ftruncate(k->output_fd, (off_t)size) < 0 ||
        fcntl(k->output_fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        die("output area: %s", strerror(errno));
    k->output = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, k->output_fd, 0);
    if (k->output == MAP_FAILED)
        die("output area: %s", strerror(errno));
}

struct keeper *keeper_create(const struct config *config)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (k == NULL)
        die("out of memory");
    *k = (struct keeper){.config = config, .launcher = {.pid_fd = -1, .socket = -1}};
    k->confinement = (struct confinement){.config = config, .fence_fd = -1, .scratch_fd = -1};
    for (int i = 0; i < WARM_SERVERS; i++)
        k->servers[i] = WARM_NONE;
    setup_signal_fd(k);
    setup_output_area(k);
    return k;
}

/* Without these a run could not be killed, and its files not be collected: neither would show in a trial run. */
static bool kernel_suffices(const struct keeper *k, char why[160])
{
    if (syscall(SYS_pidfd_send_signal, k->launcher.pid_fd, 0, NULL, 0) < 0) {
        snprintf(why, 160, "pidfd_send_signal: %s", strerror(errno));
        return false;
    }
    int error = collect_try();
    if (error < 0)
        snprintf(why, 160, "openat2: %s", strerror(-error));
    return error == 0;
}

/* A run of a program that is not there. Everything but its exec is done, and its files are collected from nothing. */
static bool trial_run(struct keeper *k, char why[160])
{
    static struct {
        struct box_request head;
        char argv[sizeof "./-"];
    } trial = {.argv = "./-"};
    static union {
        struct box_reply head;
        char bytes[BOX_MESSAGE_MAX];
    } answer;
    int given[2] = {open("/dev/null", O_RDONLY | O_CLOEXEC), open("/dev/null", O_RDONLY | O_CLOEXEC)}, collected_fd;
    trial.head = (struct box_request){
        .magic = BOX_MAGIC, .version = BOX_VERSION, .type = BOX_TYPE_REQUEST, .argc = 1, .limits = k->config->most};
    if (trial.head.limits.cpus_milli > 1000)
        trial.head.limits.cpus_milli = 1000;
    run_serve(k, (char *)&trial, offsetof(typeof(trial), argv) + sizeof trial.argv, given, &answer.head, &collected_fd);
    if (answer.head.status == BOX_OK && answer.head.exit_code == 126)
        return true;
    snprintf(why, 160, "%.150s", answer.head.status == BOX_OK ? "a trial run was killed" : answer.head.message);
    return false;
}

static int setup_tier(struct keeper *k, uint32_t tier, char why[160])
{
    if (confinement_setup(&k->confinement, tier, why) < 0)
        return -1;
    if (tier == BOX_TIER_A && (k->cgroup = cgroup_open(k->config, why)) == NULL)
        return -1;
    if (tier == BOX_TIER_B)
        container_open(&k->container);
    return launcher_start(&k->launcher, &k->confinement, k->cgroup, warm_begin, why);
}

void keeper_stop_launcher(struct keeper *k)
{
    warm_forget_all(k);
    k->clearing = false;
    launcher_stop(&k->launcher, &k->confinement);
}

static void drop_tier(struct keeper *k)
{
    keeper_stop_launcher(k);
    cgroup_close(k->cgroup);
    k->cgroup = NULL;
    confinement_drop(&k->confinement);
}

int keeper_try_tier(struct keeper *k, uint32_t tier, char why[KEEPER_WHY])
{
    char what[160] = "";
    if (setup_tier(k, tier, what) == 0 && kernel_suffices(k, what) && trial_run(k, what))
        return 0;
    snprintf(why, KEEPER_WHY, "%s", what);
    snprintf(k->why_not[tier], KEEPER_WHY, "%s", what);
    drop_tier(k);
    return -1;
}

static void tell(struct box_hello *h, enum box_mechanism which, bool on, const char *fmt, ...) PRINTF_LIKE(4, 5);

static void tell(struct box_hello *h, enum box_mechanism which, bool on, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(h->mechanism[which].detail, sizeof h->mechanism[which].detail, fmt, args);
    va_end(args);
    h->mechanism[which].on = on;
}

void keeper_setup_hello(const struct keeper *k, struct box_hello *ret_hello)
{
    const struct confinement *c = &k->confinement;
    struct box_hello *h = ret_hello;
    h->magic = BOX_MAGIC;
    h->version = BOX_VERSION;
    h->type = BOX_TYPE_HELLO;
    h->tier = c->tier;
    h->output_max = k->config->most.output_bytes;
    h->landlock_abi = c->landlock_abi;
    h->memory_bytes = k->container.limit;
    h->cgroup_version = cgroup_version(k->cgroup);
    /* A trial run has used them all, or the tier above was given up for the lack of one. */
    const char *no_groups = k->why_not[BOX_TIER_A], *no_namespaces = k->why_not[BOX_TIER_A_MINUS];
    for (int i = 0; i < BOX_MECH_SECCOMP; i++) {
        bool used = c->tier != BOX_TIER_B;
        tell(h, i, used, "%s", used ? "" : no_namespaces[0] == '\0' ? "not used in this tier" : no_namespaces);
    }
    tell(h, BOX_MECH_SECCOMP, true, "%u + %u + %u instructions", c->filters[FILTER_RUN].len,
         c->filters[FILTER_RUN_ALONE].len, c->filters[FILTER_COMPILE].len);
    const char *more = c->fence_fd < 0 ? ", of use from 4 on" : "";
    tell(h, BOX_MECH_LANDLOCK, c->fence_fd >= 0, "version %u%s", h->landlock_abi,
         c->proc_is_hosts ? ", of files too: no /proc of the box's own can be had" : more);
    for (int i = BOX_MECH_CGROUP_MEMORY; i <= BOX_MECH_CGROUP_CPU; i++) {
        if (k->cgroup != NULL)
            tell(h, i, true, "version %u", h->cgroup_version);
        else
            tell(h, i, false, "%s", no_groups[0] == '\0' ? "not used in this tier" : no_groups);
    }
    if (k->container.limit > 0)
        tell(h, BOX_MECH_CGROUP_MEMORY, false, "polled, of the container: %llu MB",
             (unsigned long long)k->container.limit >> 20);
}

void keeper_destroy(struct keeper *k)
{
    drop_tier(k);
    free(k);
}

static void serve_request(struct keeper *k, size_t len, int given[2])
{
    static union {
        struct box_reply head;
        char bytes[BOX_MESSAGE_MAX];
    } reply;
    struct box_reply *r = &reply.head;
    int collected_fd = -1;
    size_t reply_len = run_serve(k, message, len, given, r, &collected_fd);
    if (r->status != BOX_OK)
        log_line("error", "run %llu %s: %s", (unsigned long long)r->id, r->status == BOX_REFUSED ? "refused" : "failed",
                 r->message);
    if (message_send(BOX_FD, r, reply_len, &collected_fd, collected_fd >= 0) < 0)
        k->leaving = true;
    close_fds(&collected_fd, 1);
}

/* A launcher that dies is replaced; when it cannot be, the box is of no use. */
static void ensure_launcher(struct keeper *k)
{
    char why[160];
    struct pollfd dead = {.fd = k->launcher.pid_fd, .events = POLLIN};
    if (k->launcher.pid_fd >= 0 && poll(&dead, 1, 0) == 0)
        return;
    log_line("warn", "the launcher died and is replaced");
    keeper_stop_launcher(k);
    if (launcher_start(&k->launcher, &k->confinement, k->cgroup, warm_begin, why) < 0) {
        drop_tier(k);
        die("no new launcher: %s", why);
    }
}

static bool wants_another(const struct keeper *k, size_t len)
{
    const struct box_request *head = (const struct box_request *)(const void *)message;
    return len > sizeof *head && head->type == BOX_TYPE_REQUEST && head->warm == BOX_WAY_HOLD && head->file_count > 0 &&
           k->confinement.tier != BOX_TIER_B;
}

int keeper_serve(struct keeper *k, const struct box_hello *hello)
{
    if (message_send(BOX_FD, hello, sizeof *hello, &k->output_fd, 1) < 0) {
        log_line("error", "descriptor 3 is not the executor's socket: %s", strerror(errno));
        return 1;
    }
    while (!k->leaving) {
        struct pollfd events[] = {{.fd = BOX_FD, .events = POLLIN},
                                  {.fd = k->signal_fd, .events = POLLIN},
                                  {.fd = k->launcher.pid_fd, .events = POLLIN}};
        int given[2];
        poll(events, ARRAY_LEN(events), -1);
        if (events[1].revents != 0)
            break;
        if (events[2].revents != 0)
            ensure_launcher(k);
        if (events[0].revents == 0)
            continue;
        ssize_t got = message_receive(BOX_FD, message, sizeof message, given, 2, 0);
        if (got <= 0)
            break;
        const struct box_cancel *late = (const struct box_cancel *)(const void *)message;
        if ((size_t)got != sizeof *late || late->type != BOX_TYPE_CANCEL) /* of a run that is answered already */
            serve_request(k, (size_t)got, given);
        close_fds(given, 2);
        if (!k->leaving)
            ensure_launcher(k);
        if (!k->leaving && wants_another(k, (size_t)got)) {
            ahead_begin(k, message, (size_t)got);
            ensure_launcher(k);
        }
    }
    return 0;
}
