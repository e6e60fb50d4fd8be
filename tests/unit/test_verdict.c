/* verdict.[ch] and result.[ch]: from the box's reply to the verdict, its evidence and the figures. */
#include "result.h"
#include "tap.h"
#include "verdict.h"

#include <signal.h>

static const struct limits limits = {
    .cpu_ms = 1000,
    .wall_ms = 3000,
    .memory_mb = 256,
    .processes = 1,
    .output_kb = 64,
    .file_kb = 16384,
    .cpus_milli = 1000,
};

static char java_says[] = "java.lang.OutOfMemoryError", node_says[] = "heap out of memory";
static char *out_of_memory[] = {java_says, node_says};
static const struct lang_step step = {.out_of_memory = out_of_memory, .out_of_memory_count = 2};

static void check(const char *name, struct box_reply reply, enum verdict want, const char *want_reason)
{
    char reason[VERDICT_REASON_SIZE], text[96];
    enum verdict got = verdict_of_reply(&reply, &step, &limits, "", reason);
    snprintf(text, sizeof text, "%s: verdict", name);
    is_str(verdict_name(got), verdict_name(want), text);
    snprintf(text, sizeof text, "%s: reason", name);
    is_str(reason, want_reason, text);
}

static void test_verdicts(void)
{
    check("clean end", (struct box_reply){.cause = BOX_CAUSE_SELF}, VERDICT_ACCEPTED, "");
    check("exit code", (struct box_reply){.exit_code = 3}, VERDICT_RUNTIME_ERROR, "exited with code 3");
    check("signal", (struct box_reply){.exit_code = -1, .signal = SIGSEGV}, VERDICT_RUNTIME_ERROR,
          "killed by signal 11 (SIGSEGV: Segmentation fault)");
    check("its own SIGKILL", (struct box_reply){.exit_code = -1, .signal = SIGKILL}, VERDICT_RUNTIME_ERROR,
          "killed by signal 9 (SIGKILL: Killed)");
    check("real-time signal", (struct box_reply){.exit_code = -1, .signal = SIGRTMIN + 1}, VERDICT_RUNTIME_ERROR,
          "killed by signal 35 (SIGRT: real-time signal)");
    check("filter", (struct box_reply){.exit_code = -1, .signal = SIGSYS}, VERDICT_DENIED,
          "killed by the system call filter (SIGSYS)");
    check("exit code 159 is no filter", (struct box_reply){.exit_code = 159}, VERDICT_RUNTIME_ERROR,
          "exited with code 159");
    check("file size", (struct box_reply){.exit_code = -1, .signal = SIGXFSZ}, VERDICT_OUTPUT_EXCEEDED,
          "wrote a file larger than 16384 KB (SIGXFSZ)");
    check("CPU", (struct box_reply){.cause = BOX_CAUSE_CPU, .signal = SIGKILL, .cpu_us = 1004321},
          VERDICT_CPU_TIME_EXCEEDED, "used 1004 ms of 1000 ms of CPU time");
    check("wall", (struct box_reply){.cause = BOX_CAUSE_WALL, .signal = SIGKILL, .wall_us = 3001999, .cpu_us = 2000},
          VERDICT_WALL_TIME_EXCEEDED,
          "took 3001 ms of 3000 ms of wall time (CPU time 2 ms, waiting for a processor 0 ms)");
    check("memory", (struct box_reply){.cause = BOX_CAUSE_MEMORY, .memory_peak_bytes = 256u << 20, .oom_kills = 1},
          VERDICT_MEMORY_EXCEEDED, "the memory cgroup killed 1 process; peak 256.0 MB of 256 MB");
    check("memory of two",
          (struct box_reply){.cause = BOX_CAUSE_MEMORY, .memory_peak_bytes = 255u << 20, .oom_kills = 2},
          VERDICT_MEMORY_EXCEEDED, "the memory cgroup killed 2 processes; peak 255.0 MB of 256 MB");
    check("memory by polling", (struct box_reply){.cause = BOX_CAUSE_MEMORY, .memory_peak_bytes = 300u << 20},
          VERDICT_MEMORY_EXCEEDED, "used 300.0 MB of 256 MB of memory");
    check("stdout", (struct box_reply){.cause = BOX_CAUSE_OUTPUT, .stdout_kept = 65536, .stdout_total = 70000},
          VERDICT_OUTPUT_EXCEEDED, "wrote 70000 bytes to stdout, 64 KB are allowed");
    check("stderr", (struct box_reply){.cause = BOX_CAUSE_OUTPUT, .stdout_total = 65536, .stderr_total = 65537},
          VERDICT_OUTPUT_EXCEEDED, "wrote 65537 bytes to stderr, 64 KB are allowed");
    check("a limit outweighs the signal it used",
          (struct box_reply){.cause = BOX_CAUSE_CPU, .signal = SIGSYS, .cpu_us = 1000000}, VERDICT_CPU_TIME_EXCEEDED,
          "used 1000 ms of 1000 ms of CPU time");
    check("memory of the container",
          (struct box_reply){.cause = BOX_CAUSE_MEMORY,
                             .memory_peak_bytes = 100u << 20,
                             .message = "the container's memory was at 500 MB of 512 MB"},
          VERDICT_MEMORY_EXCEEDED, "the container's memory was at 500 MB of 512 MB; the run had 100.0 MB of 256 MB");
    check("scratch", (struct box_reply){.cause = BOX_CAUSE_SCRATCH}, VERDICT_OUTPUT_EXCEEDED,
          "its files took more than the work directory may hold, or were too many");
    check("processes", (struct box_reply){.cause = BOX_CAUSE_PROCESSES}, VERDICT_RUNTIME_ERROR,
          "had more than 1 processes and threads");
    check("nobody cancelled", (struct box_reply){.cause = BOX_CAUSE_CANCEL}, VERDICT_INTERNAL_ERROR,
          "the box answered with cause 5");
}

static void test_runtimes(void)
{
    static const char errout[] = "FATAL ERROR: heap out of memory\n";
    struct box_reply r = {.exit_code = -1,
                          .signal = SIGABRT,
                          .stderr_kept = sizeof errout - 1,
                          .stderr_total = sizeof errout - 1,
                          .memory_peak_bytes = 300u << 20};
    char reason[VERDICT_REASON_SIZE];
    is_str(verdict_name(verdict_of_reply(&r, &step, &limits, errout, reason)), "memory_exceeded",
           "a runtime that says so ended for want of memory");
    is_str(reason, "the runtime ended with \"heap out of memory\"; peak 300.0 MB", "and that is the evidence");
    r.stderr_kept = 20;
    is_str(verdict_name(verdict_of_reply(&r, &step, &limits, errout, reason)), "runtime_error",
           "only what was kept is looked at");
    r = (struct box_reply){.stderr_kept = sizeof errout - 1};
    is_str(verdict_name(verdict_of_reply(&r, &step, &limits, errout, reason)), "accepted",
           "words do not fail a run that succeeded");
    struct lang_step java = {.memory_overhead_mb = 128};
    r = (struct box_reply){.cause = BOX_CAUSE_MEMORY, .memory_peak_bytes = 384u << 20, .oom_kills = 1};
    verdict_of_reply(&r, &java, &limits, "", reason);
    is_str(reason, "the memory cgroup killed 1 process; peak 384.0 MB of 384 MB", "the runtime's own share counts");
}

static void test_contended(void)
{
    const struct limits half = {.cpus_milli = 500}, one = {.cpus_milli = 1000};
    struct box_reply r = {.cause = BOX_CAUSE_WALL, .wall_us = 3000, .runqueue_us = 1500, .cpu_us = 1000};
    ok(verdict_contended(&r, &one), "half of the wall time waiting is the host's fault");
    ok(!verdict_contended(&r, &half), "unless the program got its share: its own quota made it wait");
    r.runqueue_us = 60000;
    r.cpu_us = 2900;
    ok(!verdict_contended(&r, &one), "nor when its own threads wait for each other");
    r.cpu_us = 1000;
    r.runqueue_us = 1499;
    ok(!verdict_contended(&r, &one), "less is not");
    r.runqueue_us = 3000;
    r.cause = BOX_CAUSE_CPU;
    ok(!verdict_contended(&r, &one), "CPU time is never the host's fault");
}

static void test_figures(void)
{
    char out[] = "caf\xc3\xa9", errout[] = "e";
    struct box_reply r = {
        .cpu_us = 5,
        .wall_us = 7,
        .memory_peak_bytes = 3 << 20,
        .exit_code = 0,
        .stdout_kept = 4,
        .stdout_total = 5,
        .stderr_kept = 1,
        .stderr_total = 1,
    };
    struct run_figures run;
    result_set_run(&run, &r, &limits, out, errout, "");
    is_str(run.out.data, "caf", "a cut does not leave half a character");
    is_int(run.out_total, 5, "what was not kept is counted");
    is_str(run.errout.data, "e", "a whole stream stays whole");
    ok(run.truncated, "and the cut is flagged");
    is_int(run.memory_kb, 3072, "peak in KB");
    ok(run.reason == NULL, "no reason is NULL");
    run_figures_finish(&run);

    r.stdout_kept = r.stdout_total = 4;
    result_set_run(&run, &r, &limits, out, errout, "why");
    is_int(run.out.len, 4, "half a character that the program wrote stays");
    ok(!run.truncated, "nothing was cut");
    is_str(run.reason, "why", "the reason is kept");
    run_figures_finish(&run);
}

enum { TESTS = 4 };

static void arrive(struct job_result *result, size_t i)
{
    struct run_figures *run = &result->tests[i].run;
    run->out = (struct bytes){xmemdup("0123456789", 10), 10};
    run->errout = (struct bytes){xmemdup("abcdef", 6), 6};
}

static void check_shared(const struct job_result *r, const char *order)
{
    ok(r->tests[0].run.out.len == 10 && r->tests[0].run.errout.len == 6 && !r->tests[0].run.truncated,
       "%s: the first test keeps all", order);
    ok(r->tests[1].run.out.len == 9 && r->tests[1].run.errout.len == 0 && r->tests[1].run.truncated,
       "%s: the second has the rest", order);
    is_str(r->tests[1].run.out.data, "012345678", "what came first is kept");
    ok(r->tests[2].run.out.len == 0 && r->tests[3].run.errout.len == 0, "%s: the others keep nothing", order);
}

static void test_share(void)
{
    static const size_t orders[][TESTS] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}};
    for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
        struct job_result r = {.tests = xcalloc(TESTS, sizeof *r.tests), .test_count = TESTS};
        for (size_t i = 0; i < TESTS; i++) {
            arrive(&r, orders[o][i]);
            result_share_output(&r, 25);
        }
        char name[32];
        snprintf(name, sizeof name, "order %zu", o);
        check_shared(&r, name);
        job_result_finish(&r);
    }
}

static void test_share_counts_as_json(void)
{
    struct job_result r = {.tests = xcalloc(1, sizeof *r.tests), .test_count = 1};
    r.tests[0].run.out = (struct bytes){.data = xmemdup("ab\n\x01\x01zz", 7), .len = 7};
    result_share_output(&r, 11);
    is_int((long long)r.tests[0].run.out.len, 4, "a control byte takes six, a line's end two");
    ok(r.tests[0].run.truncated, "and what is cut is said");
    job_result_finish(&r);
}

static void test_skip(void)
{
    struct job_result r = {.tests = xcalloc(1, sizeof *r.tests), .test_count = 1};
    arrive(&r, 0);
    r.tests[0].passed = true;
    result_skip_test(&r.tests[0], "JOB_TIMEOUT");
    is_str(verdict_name(r.tests[0].verdict), "skipped", "a skipped test says so");
    ok(!r.tests[0].passed && r.tests[0].run.out.data == NULL, "and shows nothing of a run");
    is_str(r.tests[0].run.reason, "JOB_TIMEOUT", "but why");
    job_result_finish(&r);
}

int main(void)
{
    test_verdicts();
    test_runtimes();
    test_contended();
    test_figures();
    test_share();
    test_share_counts_as_json();
    test_skip();
    return done_testing();
}
