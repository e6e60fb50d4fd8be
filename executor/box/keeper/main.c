/* sentinel-box: runs untrusted programs, one at a time, for the executor that started it. Theory of operation.
 *
 * Two processes. This one becomes the KEEPER (keeper.c), outside of everything: it owns the executor's socket
 * (descriptor 3), the clock, the kill, the figures and the output. The LAUNCHER (launcher.c) is its child and pid 1 of
 * the box's user, pid, mount, net, uts and ipc namespaces, whose root (root.c) it builds once from read-only binds of
 * what was granted. For each run it makes an INIT (init.c), pid 1 of a PID namespace of the run's own, in mount and
 * cgroup namespaces of its own with a fresh /work, /tmp, /dev/shm and /proc, and the init starts the PROGRAM:
 *
 *   executor ─socket 3─ keeper ─socket─ launcher ─vfork─ init ─vfork─ program ─ whatever it starts
 *                         ├──── pidfd, report ─────────────┘             │
 *                         └──── stdout, stderr pipes ───────────────────┘
 *
 * A run of an interpreter may be spared its start: a warm SERVER (warm.h) is an interpreter that the launcher exec'd
 * ahead and that stands where it would open its script. The keeper (warm.c) then sends the request to it instead of to
 * the launcher, and init and program are forks of it.
 *
 * Who dies takes the rest along: program → init → all in its namespace; launcher → all in the box; keeper → launcher
 * (death signal); executor → keeper (end of file, death signal). The keeper waits on the init's pidfd, which is ready
 * when everything in the run is dead, and only then reads figures and collects files.
 *
 * The box is a policy layer: the ceilings come from its own command line, and no request (request.c), whoever
 * sent it, gets above them. The program is held by, in this order: namespaces and the root, the cgroup (cgroup.c) or,
 * without one, samples of /proc (tree.c), rlimits, Landlock (landlock.c), ids without capabilities, and the seccomp
 * filter (filter.c); all of them stand before the first byte of the user's runs.
 *
 * Each folder sees only those before it: base (requests, helpers), bounds (how much a run may take), confine (what it
 * can reach), warm (starts that are spared), keeper (this one). */
#include "keeper.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < least || value > most)
        die("--%s is \"%s\", allowed: %llu to %llu", option, text, (unsigned long long)least, (unsigned long long)most);
    return value;
}

/* Where toolchains are, and nobody's data. */
static void add_grant(struct config *config, const char *path)
{
    static const char *const roots[] = {"/bin",    "/etc", "/lib", "/lib32", "/lib64",
                                        "/libx32", "/nix", "/opt", "/sbin",  "/usr"};
    struct stat st;
    size_t first = path[0] == '\0' ? 0 : 1 + strcspn(path + 1, "/");
    bool is_allowed = false;
    for (size_t i = 0; i < ARRAY_LEN(roots); i++)
        is_allowed |= strlen(roots[i]) == first && memcmp(path, roots[i], first) == 0;
    if (!is_allowed || strstr(path, "//") != NULL || strstr(path, "/.") != NULL || strlen(path) > 1024)
        die("--grant %s: allowed are absolute paths, without empty or hidden components, beneath /bin, /etc, /lib*, "
            "/nix, /opt, /sbin and /usr",
            path);
    if (lstat(path, &st) < 0)
        die("--grant %s: %s", path, strerror(errno));
    if (config->grant_count == BOX_GRANTS_MAX)
        die("more than %d grants", BOX_GRANTS_MAX);
    config->grants[config->grant_count++] = path;
}

static const char *tier_name(uint32_t tier)
{
    static const char *const names[] = {
        [BOX_TIER_NONE] = "none", [BOX_TIER_B] = "B", [BOX_TIER_A_MINUS] = "A-", [BOX_TIER_A] = "A"};
    return tier < ARRAY_LEN(names) ? names[tier] : "?";
}

static uint32_t tier_number(const char *name)
{
    for (uint32_t tier = BOX_TIER_B; tier <= BOX_TIER_A; tier++) {
        if (strcmp(name, tier_name(tier)) == 0)
            return tier;
    }
    if (strcmp(name, "best") != 0)
        die("--tier is \"%s\", allowed: best, A, A-, B", name);
    return BOX_TIER_NONE;
}

/* Beside these, one for each ceiling (request.c). */
static const char help[] =
    "  --slot N                this box's number among the executor's (0)\n"
    "  --grant PATH            shown read-only inside; may be given again\n"
    "  --languages PATH        a folder shown read-only as " BOX_LANGUAGES "\n"
    "  --cgroup auto|off|PATH  where to make control groups: beneath our own, nowhere, or there\n"
    "  --scratch PATH          a folder in which tier B makes its directories (/tmp)\n"
    "  --uid-base N            first of the two host ids that slot 0 uses, when started as root\n"
    "  --tier best|A|A-|B      the isolation to give; what cannot be had stops the start\n"
    "  --probe                 prints what this machine gives; status 1 when it is nothing\n"
    "  --sweep                 removes the directories that dead boxes of tier B left, and prints how many\n"
    "  --version, --help\n";

static _Noreturn void usage(void)
{
    puts("usage: sentinel-box [OPTION]…\n"
         "Runs untrusted programs for the executor on descriptor 3 (see box_protocol.h).\n");
    for (size_t i = 0; i < LIMIT_FIELDS; i++) {
        if (limit_fields[i].option != NULL)
            printf("  --%-21s N %s (%llu)\n", limit_fields[i].option, limit_fields[i].help,
                   (unsigned long long)limit_fields[i].standard);
    }
    fputs(help, stdout);
    exit(0);
}

static void set_option(struct config *config, const char *name, const char *value)
{
    for (size_t i = 0; i < LIMIT_FIELDS; i++) {
        const struct limit_field *f = &limit_fields[i];
        if (f->option != NULL && strcmp(name, f->option) == 0) {
            limit_set(&config->most, f, number(name, value, 1, f->largest) * f->unit);
            return;
        }
    }
    bool is_path = value[0] == '/';
    char *languages = strcmp(name, "languages") == 0 && chdir(value) == 0 ? getcwd(NULL, 0) : NULL;
    if (strcmp(name, "slot") == 0)
        config->slot = (uint32_t)number(name, value, 0, 4095);
    else if (strcmp(name, "grant") == 0)
        add_grant(config, value);
    else if (languages != NULL)
        config->languages = languages;
    else if (strcmp(name, "languages") == 0)
        die("--languages %s: %s", value, strerror(errno));
    else if (strcmp(name, "cgroup") == 0 && (is_path || strcmp(value, "auto") == 0 || strcmp(value, "off") == 0))
        config->cgroup = value;
    else if (strcmp(name, "cgroup") == 0)
        die("--cgroup is \"%s\", allowed: auto, off, an absolute path", value);
    else if (strcmp(name, "scratch") == 0 && is_path)
        config->scratch = value;
    else if (strcmp(name, "scratch") == 0)
        die("--scratch is \"%s\", allowed: an absolute path", value);
    else if (strcmp(name, "uid-base") == 0)
        config->uid_base = (uint32_t)number(name, value, 1, 4000000000u);
    else if (strcmp(name, "tier") == 0)
        config->tier = tier_number(value);
    else
        die("unknown option --%s", name);
}

static void setup_options(struct config *config, int argc, char **argv)
{
    for (size_t i = 0; i < LIMIT_FIELDS; i++)
        limit_set(&config->most, &limit_fields[i], limit_fields[i].standard * limit_fields[i].unit);
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + 2;
        if (strncmp(argv[i], "--", 2) != 0)
            die("what is \"%s\"? There are only options", argv[i]);
        if (strcmp(name, "help") == 0)
            usage();
        if (strcmp(name, "version") == 0) {
            puts("sentinel-box " SENTINEL_VERSION);
            exit(0);
        }
        if (strcmp(name, "probe") == 0)
            config->probe = true;
        else if (strcmp(name, "sweep") == 0)
            config->sweep = true;
        else if (i + 1 == argc)
            die("--%s wants a value", name);
        else
            set_option(config, name, argv[++i]);
    }
    config->most.stack_bytes = config->most.memory_bytes;
}

/* Whether we could be this user, and so map it: found out by being it for a moment, which costs us our dumpability and
 * with that our own files in /proc. */
static bool can_be(uint32_t id)
{
    bool can = setegid(id) == 0 && seteuid(id) == 0;
    if (seteuid(0) < 0 || setegid(0) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
        die("ids: %s", strerror(errno));
    return can;
}

/* Root maps two host ids that are nobody's; anyone else can map only himself, and so can the root of a user namespace
 * that has no such ids. Where we are root of a pod's user namespace there are 65,536 ids as a rule. */
static void setup_ids(struct config *config)
{
    if (geteuid() != 0)
        return;
    if (config->uid_base == 0)
        config->uid_base = can_be(1900000000) ? 1800000000 : 60000;
    config->uid_base += 2 * config->slot;
    config->two_ids = can_be(config->uid_base) && can_be(config->uid_base + 1);
}

/* The keeper goes with its executor even when a stray copy of the socket's other end is open somewhere. */
static void setup_death_signal(const struct config *config)
{
    if (!config->probe)
        prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    umask(022);
}

/* The best tier that can be had, tried from the top; or the one that was asked for. */
static void setup_tier(struct keeper *keeper, uint32_t asked)
{
    for (uint32_t tier = BOX_TIER_A; tier > BOX_TIER_NONE; tier--) {
        char why[KEEPER_WHY];
        if (asked != BOX_TIER_NONE && asked != tier)
            continue;
        if (keeper_try_tier(keeper, tier, why) == 0)
            return;
        log_line(asked == tier ? "error" : "warn", "tier %s cannot be had: %s", tier_name(tier), why);
    }
    if (asked == BOX_TIER_NONE)
        die("this machine gives no isolation");
    die("tier %s was asked for, and this machine does not give it", tier_name(asked));
}

static void print_hello(const struct box_hello *hello)
{
    static const char *const names[BOX_MECH_COUNT] = {
        [BOX_MECH_USER_NS] = "user namespace",     [BOX_MECH_PID_NS] = "pid namespace",
        [BOX_MECH_MOUNT_NS] = "mount namespace",   [BOX_MECH_NET_NS] = "net namespace",
        [BOX_MECH_IPC_NS] = "ipc namespace",       [BOX_MECH_UTS_NS] = "uts namespace",
        [BOX_MECH_CGROUP_NS] = "cgroup namespace", [BOX_MECH_SECCOMP] = "seccomp",
        [BOX_MECH_LANDLOCK] = "landlock",          [BOX_MECH_CGROUP_MEMORY] = "cgroup memory",
        [BOX_MECH_CGROUP_PIDS] = "cgroup pids",    [BOX_MECH_CGROUP_CPU] = "cgroup cpu",
    };
    for (int i = 0; i < BOX_MECH_COUNT; i++) {
        const char *detail = hello->mechanism[i].detail;
        printf("%-17s %-3s %s\n", names[i], hello->mechanism[i].on ? "yes" : "no", detail);
    }
    printf("%-17s %s\n", "tier", tier_name(hello->tier));
}

static int print_swept(const struct config *config)
{
    int removed = scratch_sweep(config);
    if (removed < 0)
        die("--scratch %s: %s", config->scratch, strerror(-removed));
    printf("%d\n", removed);
    return 0;
}

int main(int argc, char **argv)
{
    static struct config config = {.cgroup = "auto", .scratch = "/tmp"};
    static struct box_hello hello;
    int status = 0;

    setup_options(&config, argc, argv);
    if (config.sweep)
        return print_swept(&config);
    setup_ids(&config);
    setup_death_signal(&config);
    struct keeper *keeper = keeper_create(&config);
    setup_tier(keeper, config.tier);
    keeper_setup_hello(keeper, &hello);

    if (config.probe)
        print_hello(&hello);
    else
        status = keeper_serve(keeper, &hello);
    keeper_destroy(keeper);
    return status;
}
