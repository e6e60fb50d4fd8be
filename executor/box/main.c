/* sentinel-box: runs untrusted programs, one at a time, for the executor that started it. Theory of operation.
 *
 * Two processes. This one becomes the KEEPER (keeper.c), outside of everything: it owns the executor's socket
 * (descriptor 3), the clock, the kill, the figures and the output. The LAUNCHER (launcher.c) is its child and pid 1 of
 * the box's user, pid, mount, net, uts, ipc and cgroup namespaces, whose root (root.c) it builds once from read-only
 * binds of what was granted. For each run it forks an INIT (init.c), pid 1 of a PID namespace of the run's own, in a
 * mount namespace with a fresh /work, /tmp, /dev/shm and /proc, and the init starts the PROGRAM:
 *
 *   executor ─socket 3─ keeper ─socket─ launcher ─fork─ init ─vfork─ program ─ whatever it starts
 *                         ├──── pidfd, report ────────────┘             │
 *                         └──── stdout, stderr pipes ───────────────────┘
 *
 * Who dies takes the rest along: program → init → all in its namespace; launcher → all in the box; keeper → launcher
 * (death signal); executor → keeper (end of file, death signal). The keeper waits on the init's pidfd, which is ready
 * when everything in the run is dead, and only then reads figures and collects files.
 *
 * The box is a policy layer: the ceilings below come from its own command line, and no request (request.c), whoever
 * sent it, gets above them. The program is held by, in this order: namespaces and the root, the cgroup (cgroup*.c) or,
 * without one, samples of /proc (tree.c), rlimits, Landlock (landlock.c), ids without capabilities, and the seccomp
 * filter (filter.c); all of them stand before the first byte of the user's runs. */
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIELD(member, unit) offsetof(struct box_limits, member), sizeof(((struct box_limits *)0)->member), unit

/* Options that set a ceiling; the largest value keeps all sums of them far from overflow. */
static const struct {
    const char *name, *help;
    size_t offset, size;
    uint64_t unit, standard, largest;
} ceilings[] = {
    {"max-cpu-ms", "CPU time of a run", FIELD(cpu_us, 1000), 120000, 86400000},
    {"max-wall-ms", "wall time of a run", FIELD(wall_us, 1000), 300000, 86400000},
    {"max-memory-mb", "memory of a run", FIELD(memory_bytes, 1 << 20), 1024, 1 << 20},
    {"max-processes", "processes and threads of a run", FIELD(processes, 1), 256, 32768},
    {"max-output-kb", "kept of each output stream", FIELD(output_bytes, 1 << 10), 4096, 1 << 20},
    {"max-file-kb", "size of a file that a run writes", FIELD(file_bytes, 1 << 10), 65536, 1 << 30},
    {"max-scratch-mb", "size of /work, and of /tmp", FIELD(scratch_bytes, 1 << 20), 512, 1 << 20},
    {"max-cpus-milli", "thousandths of a processor", FIELD(cpus_milli, 1), 1000, 1024000},
};

enum {
    OPTION_SLOT = 256,
    OPTION_GRANT,
    OPTION_LANGUAGES,
    OPTION_CGROUP,
    OPTION_SCRATCH,
    OPTION_UID_BASE,
    OPTION_TIER,
    OPTION_PROBE,
    OPTION_CEILING
};

static void usage(void)
{
    puts("usage: sentinel-box [OPTION]…\n"
         "Runs untrusted programs for the executor on descriptor 3 (see box_protocol.h).\n");
    for (size_t i = 0; i < ARRAY_LEN(ceilings); i++)
        printf("  --%-16s N  %s (%llu)\n", ceilings[i].name, ceilings[i].help,
               (unsigned long long)ceilings[i].standard);
    puts("  --slot N               this box's number among the executor's (0)\n"
         "  --grant PATH           shown read-only inside; may be given again\n"
         "  --languages PATH       a folder shown read-only as " BOX_LANGUAGES "\n"
         "  --cgroup auto|off|PATH where to make control groups: beneath our own, nowhere, or PATH of the hierarchy\n"
         "  --scratch PATH         a folder in which tier B makes its directories (/tmp)\n"
         "  --uid-base N           first of the two host ids that slot 0 uses, when started as root\n"
         "  --tier best|A|A-|B     the isolation to give; what cannot be had stops the start\n"
         "  --probe                prints what this machine gives; status 1 when it is nothing\n"
         "  --version, --help");
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < least || value > most)
        die("--%s is \"%s\", allowed: %llu to %llu", option, text, (unsigned long long)least, (unsigned long long)most);
    return value;
}

static void set_ceiling(struct box_limits *most, size_t i, uint64_t value)
{
    uint64_t wide = value * ceilings[i].unit;
    uint32_t narrow = (uint32_t)wide;
    const void *from = ceilings[i].size == sizeof wide ? (const void *)&wide : (const void *)&narrow;
    memcpy((char *)most + ceilings[i].offset, from, ceilings[i].size);
}

static void add_grant(struct config *config, const char *path)
{
    static const char *const ours[] = {"/dev", BOX_LANGUAGES, "/old", "/proc", "/tmp", "/work"};
    struct stat st;
    if (path[0] != '/' || path[1] == '\0' || strstr(path, "//") != NULL || strstr(path, "/.") != NULL ||
        strlen(path) > 1024)
        die("--grant %s: an absolute path other than / itself, without empty or hidden components, is wanted", path);
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        size_t len = strlen(ours[i]);
        if (strncmp(path, ours[i], len) == 0 && (path[len] == '/' || path[len] == '\0'))
            die("--grant %s: %s is the box's own", path, ours[i]);
    }
    if (lstat(path, &st) < 0)
        die("--grant %s: %s", path, strerror(errno));
    if (config->grant_count == BOX_GRANTS_MAX)
        die("more than %d grants", BOX_GRANTS_MAX);
    config->grants[config->grant_count++] = path;
}

static void set_tier(struct config *config, const char *name)
{
    if (strcmp(name, "best") == 0)
        return;
    for (uint32_t tier = BOX_TIER_B; tier <= BOX_TIER_A; tier++) {
        if (strcmp(name, probe_tier_name(tier)) == 0) {
            config->tier = tier;
            return;
        }
    }
    die("--tier is \"%s\", allowed: best, A, A-, B", name);
}

static void set_option(struct config *config, int option, const char *name)
{
    switch (option) {
    case 'h':
        usage();
        exit(0);
    case 'v':
        puts("sentinel-box " SENTINEL_VERSION);
        exit(0);
    case OPTION_SLOT:
        config->slot = (uint32_t)number(name, optarg, 0, 4095);
        break;
    case OPTION_GRANT:
        add_grant(config, optarg);
        break;
    case OPTION_LANGUAGES:
        if (chdir(optarg) < 0)
            die("--languages %s: %s", optarg, strerror(errno));
        config->languages = optarg;
        break;
    case OPTION_CGROUP:
        if (strcmp(optarg, "auto") != 0 && strcmp(optarg, "off") != 0 && optarg[0] != '/')
            die("--cgroup is \"%s\", allowed: auto, off, an absolute path", optarg);
        config->cgroup = optarg;
        break;
    case OPTION_SCRATCH:
        if (optarg[0] != '/')
            die("--scratch is \"%s\", allowed: an absolute path", optarg);
        config->scratch = optarg;
        break;
    case OPTION_UID_BASE:
        config->uid_base = (uint32_t)number(name, optarg, 1, 4000000000u);
        break;
    case OPTION_TIER:
        set_tier(config, optarg);
        break;
    case OPTION_PROBE:
        config->probe = true;
        break;
    default:
        set_ceiling(&config->most, (size_t)(option - OPTION_CEILING),
                    number(name, optarg, 1, ceilings[option - OPTION_CEILING].largest));
    }
}

static void setup_options(struct config *config, int argc, char **argv)
{
    struct option options[ARRAY_LEN(ceilings) + 11] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {"slot", required_argument, NULL, OPTION_SLOT},
        {"grant", required_argument, NULL, OPTION_GRANT},
        {"languages", required_argument, NULL, OPTION_LANGUAGES},
        {"cgroup", required_argument, NULL, OPTION_CGROUP},
        {"scratch", required_argument, NULL, OPTION_SCRATCH},
        {"uid-base", required_argument, NULL, OPTION_UID_BASE},
        {"tier", required_argument, NULL, OPTION_TIER},
        {"probe", no_argument, NULL, OPTION_PROBE},
    };
    for (size_t i = 0; i < ARRAY_LEN(ceilings); i++) {
        options[10 + i] = (struct option){ceilings[i].name, required_argument, NULL, OPTION_CEILING + (int)i};
        set_ceiling(&config->most, i, ceilings[i].standard);
    }
    int option, index = 0;
    while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (option == '?')
            exit(2); /* getopt has said why */
        set_option(config, option, options[index].name);
    }
    if (optind < argc)
        die("what is \"%s\"? There are only options", argv[optind]);
    config->most.stack_bytes = config->most.memory_bytes;
}

/* Whether our user namespace has the id, by the map of one of its kinds: lines of inside, outside, count. */
static bool has_id(const char *map_path, uint32_t id)
{
    char map[4096];
    if (read_at(AT_FDCWD, map_path, map, sizeof map) < 0)
        return false;
    for (const char *line = map; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        uint64_t first = word_number(line, 0);
        if (id >= first && id - first < word_number(line, 2))
            return true;
    }
    return false;
}

/* Root maps two host ids that are nobody's; anyone else can map only himself, and so can the root of a user namespace
 * that has no such ids. Where we are root of a pod's user namespace there are 65,536 ids as a rule. */
static void setup_ids(struct config *config)
{
    if (config->uid_base == 0)
        config->uid_base = has_id("/proc/self/uid_map", 1900000000) ? 1800000000 : 60000;
    config->uid_base += 2 * config->slot;
    config->two_ids = geteuid() == 0 && has_id("/proc/self/uid_map", config->uid_base + 1) &&
                      has_id("/proc/self/gid_map", config->uid_base + 1);
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
        log_line(asked == tier ? "error" : "warning", "tier %s cannot be had: %s", probe_tier_name(tier), why);
    }
    if (asked == BOX_TIER_NONE)
        die("this machine gives no isolation");
    die("tier %s was asked for, and this machine does not give it", probe_tier_name(asked));
}

int main(int argc, char **argv)
{
    static struct config config = {.cgroup = "auto", .scratch = "/tmp"};
    static struct box_hello hello;
    int status = 0;

    setup_options(&config, argc, argv);
    setup_ids(&config);
    setup_death_signal(&config);
    struct keeper *keeper = keeper_create(&config);
    setup_tier(keeper, config.tier);
    keeper_setup_hello(keeper, &hello);

    if (config.probe)
        probe_print(&hello);
    else
        status = keeper_serve(keeper, &hello);
    keeper_destroy(keeper);
    return status;
}
