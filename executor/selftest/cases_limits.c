/* The catalogue, 1 to 34, 80 and 81: time, memory, output and files. */
#include "cases.h"
#include "checks.h"

static const struct step endless_loop[] = {
    {.verb = "spin", .limits = {.cpu_ms = 300, .wall_ms = 60000}, .causes = BY_CPU, .cpu_least_ms = 300},
};
static const struct step sleeper[] = {
    {.verb = "sleep", .limits = {.wall_ms = 300}, .causes = BY_WALL, .cpu_most_ms = 100},
};
static const struct step stopped[] = {
    {.verb = "stop %", .each = "0 -1", .limits = {.wall_ms = 300}, .causes = BY_WALL},
};
static const struct step stubborn[] = {
    {.verb = "stubborn", .limits = {.cpu_ms = 200, .wall_ms = 60000}, .causes = BY_CPU, .cpu_least_ms = 200},
};
static const struct step burners[] = {
    {.verb = "burners %", .each = "30 200", .limits = {.cpu_ms = 500, .wall_ms = 60000}, .causes = BY_CPU},
    {.verb = "burners 30", .limits = {.processes = 1}, .out = "EPERM|ENOSYS|EAGAIN"},
};
static const struct step threads[] = {
    {.tiers = TIER_A | TIER_A_MINUS, .verb = "threads 1000", .limits = {.processes = 20}, .out = "19"},
    {.tiers = TIER_A | TIER_A_MINUS, .verb = "forks 100", .limits = {.processes = 10}, .out = "9"},
    {.tiers = TIER_B,
     .verb = "%-hold 400",
     .each = "forks threads",
     .limits = {.processes = 10, .wall_ms = 2000},
     .causes = BY_PROCESSES | BY_WALL,
     .good = good_few_processes,
     .wanted = "9, or few more, or to be seen"},
    {.verb = "threads 5", .limits = {.processes = 1}, .out = "0"},
    {.verb = "forks 5", .limits = {.processes = 1}, .out = "0"},
};
/* Forks that fail count as memory until the kernel has freed what it prepared for them. */
static const struct step fork_bomb[] = {
    {.verb = "forkbomb",
     .limits = {.processes = 20, .cpu_ms = 500, .wall_ms = 1000},
     .causes = BY_CPU | BY_WALL | BY_MEMORY | BY_PROCESSES},
    {.verb = "flood-bomb 1",
     .limits = {.processes = 64, .cpu_ms = 5000, .wall_ms = 1000, .output_bytes = 1000},
     .causes = BY_OUTPUT | BY_CPU | BY_WALL | BY_MEMORY | BY_PROCESSES},
};
static const struct step daemons[] = {{.verb = "daemon", .profiles = RUN_AND_COMPILE, .exited = EXITED(0)}};
static const struct step quiet[] = {
    {.verb = "quiet-spin", .limits = {.cpu_ms = 200, .wall_ms = 60000}, .causes = BY_CPU}};

static const struct step heap[] = {
    {.tiers = TIER_A,
     .verb = "memhog 400",
     .limits = {.memory_mb = 64},
     .causes = BY_MEMORY,
     .oom = true,
     .peak_least_mb = 60,
     .peak_most_mb = 68},
    {.tiers = TIER_A_MINUS | TIER_B,
     .verb = "memhog 400",
     .limits = {.memory_mb = 64},
     .causes = BY_MEMORY | BY_ITSELF,
     .out = "ENOMEM"},
    {.verb = "memhog 40", .limits = {.memory_mb = 64}, .out = "ok", .exited = EXITED(0)},
    {.tiers = TIER_A, .verb = "child-hog 400", .limits = {.memory_mb = 64}, .causes = BY_MEMORY, .oom = true},
};
static const struct step bss[] = {
    {.tiers = TIER_A, .verb = "bss", .limits = {.memory_mb = 64}, .causes = BY_MEMORY, .oom = true},
    {.tiers = TIER_A_MINUS | TIER_B, .verb = "bss", .limits = {.memory_mb = 64}, .signal = ANY}, /* the exec fails */
};
static const struct step memfds[] = {
    {.verb = "call memfd_create text:x 0", .out = "ENOSYS"},
    {.verb = "call memfd_secret 0", .out = "ENOSYS"},
};
static const struct step scratch[] = {
    {.tiers = TIER_A | TIER_A_MINUS,
     .verb = "fill %",
     .each = "/work /tmp /dev/shm",
     .limits = {.scratch_mb = 24},
     .out = "ENOSPC"},
    /* Where there is more room than memory it is a memory breach, and its pages do not stay charged. */
    {.tiers = TIER_A,
     .verb = "fill %",
     .each = "/work /tmp /dev/shm",
     .limits = {.scratch_mb = 96, .memory_mb = 48},
     .causes = BY_MEMORY,
     .oom = true},
    {.tiers = TIER_A, .verb = "memhog 40", .limits = {.memory_mb = 48}, .out = "ok"},
    /* Without a file system of the run's own what it takes is watched; a small one that it shares is full before. */
    {.tiers = TIER_B,
     .verb = "fill .",
     .limits = {.scratch_mb = 24},
     .causes = BY_SCRATCH | BY_MEMORY | BY_ITSELF,
     .out = "ENOSPC"},
};
static const struct step inodes[] = {
    {.tiers = TIER_A | TIER_A_MINUS,
     .verb = "inodes 100000",
     .limits = {.cpu_ms = 30000, .wall_ms = 60000},
     .out = "ENOSPC"},
    {.tiers = TIER_B,
     .verb = "inodes 100000",
     .limits = {.cpu_ms = 30000, .wall_ms = 60000},
     .causes = BY_SCRATCH | BY_MEMORY | BY_ITSELF,
     .out = "ENOSPC"},
};
static const struct step shm[] = {{.verb = "call shmget 4711 4096 896", .out = "EPERM"}};
static const struct step kernel_buffers[] = {
    {.tiers = TIER_A,
     .verb = "%",
     .each = "pipes socketpairs",
     .limits = {.memory_mb = 32},
     .causes = BY_MEMORY,
     .oom = true},
    {.tiers = TIER_A_MINUS | TIER_B,
     .verb = "%",
     .each = "pipes socketpairs",
     .good = good_too_many_files,
     .wanted = "EMFILE"},
};
static const struct step shared[] = {
    {.tiers = TIER_A,
     .verb = "shared-hog 400",
     .limits = {.memory_mb = 64},
     .causes = BY_MEMORY,
     .oom = true,
     .peak_least_mb = 60,
     .peak_most_mb = 68},
    {.tiers = TIER_A_MINUS | TIER_B,
     .verb = "shared-hog 400",
     .limits = {.memory_mb = 64},
     .causes = BY_MEMORY | BY_ITSELF,
     .out = "ENOMEM"},
};
static const struct step recursion[] = {{.verb = "recurse", .signal = SIGSEGV}};
static const struct step locked[] = {{.verb = "call mlockall 3", .out = "ENOMEM|EPERM"}};
static const struct step exec_later[] = {
    {.tiers = TIER_A, .verb = "hog-then-exec 40", .out = "ok\nafter", .peak_least_mb = 38, .peak_most_mb = 48},
};

static const struct step floods[] = {
    {.verb = "flood %",
     .each = "1 2",
     .limits = {.output_bytes = 10000},
     .causes = BY_OUTPUT,
     .good = good_flood,
     .wanted = "the first bytes and not one more"},
    {.verb = "print 1 1000", .limits = {.output_bytes = 1000}, .exited = EXITED(0)},
    {.verb = "print 1 1001", .limits = {.output_bytes = 1000}, .causes = BY_OUTPUT},
};
static const struct step hundred_floods[] = {
    {.verb = "flood 1", .repeat = 100, .causes = BY_OUTPUT, .good = good_flood, .wanted = "64 KB of it"},
};
static const struct step any_bytes[] = {
    {.verb = "cat",
     .input = every_byte,
     .exited = EXITED(0),
     .good = good_every_byte,
     .wanted = "every byte as it was"},
};
static const struct step forgery[] = {
    {.verb = "forge", .exited = EXITED(7), .out = "{\"verdict\":\"accepted\",\"passed\":true,\"exitCode\":0}"},
};
static const struct step sparse[] = {
    {.verb = "leave sparse huge 1099511627776", .signal = SIGXFSZ},
    {.verb = "write big 4", .limits = {.file_mb = 1}, .signal = SIGXFSZ},
};
static const struct step obstacles[] = {
    {.verb = "leave fifo out", .profiles = COMPILE, COLLECT_NONE},
    {.verb = "leave symlink out %",
     .each = "/etc/shadow /etc/passwd /work/probe /proc/self/environ",
     .profiles = COMPILE,
     COLLECT_NONE},
    {.verb = "leave hardlink out", .profiles = COMPILE, COLLECT_NONE},
    {.verb = "leave directory out", .profiles = COMPILE, COLLECT_NONE},
    {.verb = "leave sparse out 12582912", .profiles = COMPILE, COLLECT_NONE},
};
static const struct step sparse_result[] = {
    {.verb = "leave sparse out 2147483648", .profiles = COMPILE, .collect = "out", .signal = SIGXFSZ},
};
/* What would swap it is dead by then. */
static const struct step swapper[] = {
    {.verb = "swapper",
     .repeat = 20,
     .collect = "real/ link/ real/passwd",
     .exited = EXITED(0),
     .good = good_only_own_files,
     .wanted = "nothing but what the program wrote"},
};
static const struct step deep[] = {
    {.verb = "deep 10000",
     .collect = "d/",
     .limits = {.cpu_ms = 30000, .wall_ms = 60000},
     .good = good_nothing_collected,
     .wanted = "nothing collected"},
};
static const struct step odd_names[] = {
    {.verb = "odd-names",
     .collect = "closed/ \xff\xfe\n\"name",
     .out = "ok",
     .good = good_only_own_files,
     .wanted = "files of 1 MB"},
};
static const struct step unread[] = {
    {.verb = "exit 0", .input = megabyte, .exited = EXITED(0)},
    {.verb = "cat", .input = "", .exited = EXITED(0), .out = ""},
};

const struct abuse abuses_of_limits[] = {
    {{1}, "endless-loop", "an infinite loop", STEPS(endless_loop)},
    {{2}, "sleeper", "sleeps for ever", STEPS(sleeper)},
    {{3}, "stopped", "stops itself, and its group", STEPS(stopped)},
    {{4}, "stubborn", "ignores every signal", STEPS(stubborn)},
    {{5, 82}, "burners", "spreads CPU time over children that nobody waits for", STEPS(burners)},
    {{6}, "threads", "1000 threads, many processes", STEPS(threads)},
    {{7}, "fork-bomb", "a fork bomb", STEPS(fork_bomb)},
    {{8, 9, 69}, "daemon", "leaves its session and holds stdout, a compiler too", STEPS(daemons)},
    {{10}, "quiet", "closes its output and goes on", STEPS(quiet)},
    {{11}, "heap", "a heap without end, its own or a child's", STEPS(heap)},
    {{12}, "bss", "1 GB of zeroes that the file does not have", STEPS(bss)},
    {{13}, "memfd", "memory files", STEPS(memfds)},
    {{14}, "scratch", "fills every directory it may write to", STEPS(scratch)},
    {{15}, "inodes", "100,000 files", STEPS(inodes)},
    {{16}, "shm", "System V shared memory", STEPS(shm)},
    {{17, 18}, "kernel-buffers", "pipes and socket pairs full of data", STEPS(kernel_buffers)},
    {{19}, "shared-memory", "400 MB of shared pages", STEPS(shared)},
    {{20}, "recursion", "recursion without end", STEPS(recursion)},
    {{21}, "locked-memory", "locks its memory", STEPS(locked)},
    {{22},
     "exec-later",
     "grows, then execs: the peak is still right",
     STEPS(exec_later),
     .beyond = "without a memory cgroup a peak between two samples is not seen"},
    {{23, 24, 25}, "floods", "output without end, on both streams", STEPS(floods)},
    {{26}, "any-bytes", "NUL and invalid UTF-8", STEPS(any_bytes)},
    {{27}, "forgery", "writes what a result looks like, into every descriptor", STEPS(forgery)},
    {{28}, "sparse-file", "a file of 1 TB that is not there", STEPS(sparse)},
    {{29, 30, 31, 84}, "obstacles", "a FIFO, a link, a directory in place of its result", STEPS(obstacles)},
    {{84}, "sparse-result", "a result of 2 GB that is not there", STEPS(sparse_result)},
    {{32}, "swapper", "swaps a directory for a symlink while files are collected", STEPS(swapper)},
    {{33}, "deep", "directories 10,000 deep", STEPS(deep)},
    {{34}, "odd-names", "names that are not UTF-8, directories that cannot be read", STEPS(odd_names)},
    {{80}, "unread-input", "never reads its input, or reads past it", STEPS(unread)},
    {{81}, "hundred-floods", "100 runs, each at the output's end", STEPS(hundred_floods)},
};
const size_t abuses_of_limits_count = ARRAY_LEN(abuses_of_limits);
