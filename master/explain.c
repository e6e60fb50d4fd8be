/* Owns no state. What stands here by whom a limit is held follows from the tier and the mechanisms that the executor
 * stored with the result; docs/SANDBOX.md has the same as a table. */
#include "explain.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct isolation {
    const char *tier;
    cJSON *stored;           /* job_result.isolation; NULL: an older executor's result */
    const struct lang *lang; /* NULL: unknown here */
};

static bool held(const struct isolation *in, const char *mechanism)
{
    const cJSON *name;
    cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(in->stored, "held"))
    {
        if (cJSON_IsString(name) && strcmp(name->valuestring, mechanism) == 0)
            return true;
    }
    return false;
}

static bool in_tier_b(const struct isolation *in)
{
    return in->tier && strcmp(in->tier, "B") == 0;
}

/* ---- limits --------------------------------------------------------------------------------------------------- */

static const char *cpu_by(const struct isolation *in)
{
    return in->tier && strcmp(in->tier, "A") == 0
               ? "the control group's CPU accounting, read by the box; RLIMIT_CPU behind it"
               : "samples of every process in /proc; RLIMIT_CPU behind them";
}

static const char *wall_by(const struct isolation *in)
{
    return in_tier_b(in) ? "CLOCK_MONOTONIC in the box, which kills the run's Landlock domain"
                         : "CLOCK_MONOTONIC in the box, which kills the run's pid namespace";
}

static const char *memory_by(const struct isolation *in)
{
    if (held(in, "memoryCgroup"))
        return "the memory control group: exact, files and kernel buffers included";
    return in_tier_b(in) ? "RLIMIT_DATA, and samples of the processes and of the container's memory"
                         : "RLIMIT_DATA, and samples of the processes";
}

static const char *processes_by(const struct isolation *in)
{
    if (held(in, "pidsCgroup"))
        return "the pids control group; RLIMIT_NPROC and the system call filter behind it";
    return in_tier_b(in) ? "RLIMIT_NPROC, the system call filter, and samples of the processes"
                         : "RLIMIT_NPROC in a user namespace of the box's own, and the system call filter";
}

struct limit {
    const char *name; /* as in a submission */
    double limit, used;
    const char *by;
    bool measured;
    bool enforced;
    bool reached; /* it ended the run */
};

/* What the runtime has beside the program's memory limit. */
static int64_t runtime_mb(const struct isolation *in, bool compile)
{
    return !in->lang ? 0 : compile ? in->lang->compile.memory_overhead_mb : in->lang->run.memory_overhead_mb;
}

static void put_limit(struct json_writer *w, const struct limit *l)
{
    json_open(w, l->name, '{');
    json_put_double(w, "limit", l->limit);
    if (l->measured)
        json_put_double(w, "used", l->used);
    else
        json_put_null(w, "used");
    json_put_bool(w, "reached", l->reached);
    json_put_bool(w, "enforced", l->enforced);
    json_put_str(w, "by", l->by);
    json_close(w, '}');
}

enum kind { KIND_COMPILATION, KIND_TEST, KIND_HIDDEN_TEST };

static void put_limits(struct json_writer *w, const struct isolation *in, const struct run_figures *run, enum kind kind)
{
    const struct limits *l = &run->limits;
    bool hidden = kind == KIND_HIDDEN_TEST;
    int64_t written = run->out_total > run->errout_total ? run->out_total : run->errout_total;
    bool quota = held(in, "cpuCgroup");
    const struct limit limits[] = {
        {"cpuTimeMs", (double)l->cpu_ms, (double)run->cpu_us / 1e3, cpu_by(in), true, true, run->end == RUN_END_CPU},
        {"wallTimeMs", (double)l->wall_ms, (double)run->wall_us / 1e3, wall_by(in), true, true,
         run->end == RUN_END_WALL},
        {"memoryMb", (double)l->memory_mb, (double)run->memory_kb / 1024, memory_by(in), true, true,
         run->end == RUN_END_MEMORY},
        {"processes", (double)l->processes, 0, processes_by(in), false, true, run->end == RUN_END_PROCESSES},
        {"outputKb", (double)l->output_kb, (double)written / 1024,
         "the box, which reads both streams; the larger is told", !hidden, true, run->end == RUN_END_OUTPUT},
        {"fileKb", (double)l->file_kb, 0, "RLIMIT_FSIZE (SIGXFSZ)", false, true, !hidden && run->signal == SIGXFSZ},
        {"cpus", (double)l->cpus_milli / 1e3, run->wall_us ? (double)run->cpu_us / (double)run->wall_us : 0,
         quota ? "the CPU control group's quota" : "nothing: there is no CPU control group here", true, quota, false},
    };
    json_open(w, "limits", '{');
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        put_limit(w, &limits[i]);
    json_close(w, '}');
    json_put_int(w, "runtimeMb", runtime_mb(in, kind == KIND_COMPILATION));
}

/* ---- runs ----------------------------------------------------------------------------------------------------- */

static void put_signal(struct json_writer *w, int number)
{
    char name[32];
    const char *abbreviation = sigabbrev_np(number), *text = sigdescr_np(number);
    json_put_int(w, "signal", number);
    snprintf(name, sizeof name, "SIG%s", abbreviation ? abbreviation : "RT");
    json_put_str(w, "signalName", name);
    json_put_str(w, "signalMeaning", text ? text : "real-time signal");
}

static void put_end(struct json_writer *w, const struct run_figures *run)
{
    json_open(w, "ended", '{');
    json_put_str(w, "by", run_end_name(run->end));
    if (run->exit_code >= 0)
        json_put_int(w, "exitCode", run->exit_code);
    else
        json_put_null(w, "exitCode");
    if (run->signal > 0)
        put_signal(w, run->signal);
    else
        json_put_null(w, "signal");
    json_put_int(w, "oomKills", run->oom_kills);
    json_close(w, '}');
}

/* Whether a busy host had part in it: this run, or the one before it that does not count. */
static void put_contention(struct json_writer *w, const struct run_figures *run)
{
    json_put_bool(w, "contended", run->lost_us > 0);
    if (run->lost_us > 0) {
        json_open(w, "earlierRun", '{');
        json_put_double(w, "waitedMs", (double)run->lost_us / 1e3);
        json_put_double(w, "wallTimeMs", (double)run->lost_of_us / 1e3);
        json_close(w, '}');
    }
    if (run->end == RUN_END_WALL)
        json_put_double(w, "waitedMs", (double)run->waited_us / 1e3);
}

static void put_run(struct json_writer *w, const struct isolation *in, const struct run_figures *run, enum kind kind)
{
    put_end(w, run);
    put_limits(w, in, run, kind);
    put_contention(w, run);
    json_put_bool(w, "warm", run->warm);
    json_put_str(w, "evidence", run->reason);
}

static const char *checker_of(enum compare_kind kind)
{
    static const char *const texts[] = {
        [COMPARE_TRIM] = "equal but for white space at both ends",
        [COMPARE_EXACT] = "equal to the byte",
        [COMPARE_TOKENS] = "the same words, whatever white space is between",
        [COMPARE_FLOAT] = "the same words, numbers within the difference",
    };
    return texts[kind];
}

static void put_checker(struct json_writer *w, const struct submission *s)
{
    json_open(w, "checker", '{');
    json_put_str(w, "compare", compare_name(s->compare));
    if (s->compare == COMPARE_FLOAT)
        json_put_double(w, "difference", s->compare_epsilon);
    json_put_str(w, "accepts", checker_of(s->compare));
    json_close(w, '}');
}

/* Who said so: the box that ended it, the program's own end, the checker, or nobody because it did not run. */
static const char *decided_by(const struct test_result *test, const struct test_case *given)
{
    if (test->verdict == VERDICT_SKIPPED)
        return "skipped";
    if (test->run.end != RUN_END_ITSELF)
        return "limit";
    if (test->verdict == VERDICT_WRONG_ANSWER || (test->verdict == VERDICT_ACCEPTED && given && given->has_expected))
        return "checker";
    return "program";
}

static void put_test(struct json_writer *w, const struct isolation *in, const struct test_result *test,
                     const struct test_case *given)
{
    bool hidden = !given || given->hidden;
    json_open(w, NULL, '{');
    json_put_bool(w, "hidden", hidden);
    json_put_str(w, "verdict", verdict_name(test->verdict));
    json_put_str(w, "decidedBy", decided_by(test, given));
    if (test->verdict == VERDICT_SKIPPED)
        json_put_str(w, "evidence", hidden ? NULL : test->run.reason);
    else if (hidden)
        put_limits(w, in, &test->run, KIND_HIDDEN_TEST);
    else
        put_run(w, in, &test->run, KIND_TEST);
    json_close(w, '}');
}

/* ---- the job -------------------------------------------------------------------------------------------------- */

static void put_isolation(struct json_writer *w, const struct isolation *in, const char *text)
{
    json_open(w, "isolation", '{');
    json_put_str(w, "tier", in->tier);
    if (in->stored)
        json_put_raw(w, "facts", text, strlen(text));
    else
        json_put_null(w, "facts");
    json_close(w, '}');
}

static void put_tests(struct json_writer *w, const struct isolation *in, const struct submission *s,
                      const struct job_result *result)
{
    size_t count = result->test_count < EXPLAIN_TESTS_MAX ? result->test_count : EXPLAIN_TESTS_MAX;
    json_open(w, "tests", '[');
    for (size_t i = 0; i < count; i++)
        put_test(w, in, &result->tests[i], s && i < s->test_count ? &s->tests[i] : NULL);
    json_close(w, ']');
    json_put_int(w, "testsLeftOut", (int64_t)(result->test_count - count));
}

void explain_put(struct json_writer *w, const struct reply_job *reply)
{
    const struct job_result *result = reply->result;
    struct err err;
    if (!result) {
        json_put_null(w, "explain");
        return;
    }
    struct isolation in = {.tier = result->tier, .lang = reply->lang};
    if (result->isolation && json_parse(result->isolation, strlen(result->isolation), &in.stored, &err) < 0)
        in.stored = NULL;
    json_open(w, "explain", '{');
    put_isolation(w, &in, result->isolation);
    if (reply->submission)
        put_checker(w, reply->submission);
    if (result->compile.present) {
        json_open(w, "compile", '{');
        json_put_bool(w, "cached", result->compile.cached);
        put_run(w, &in, &result->compile.run, KIND_COMPILATION);
        json_close(w, '}');
    }
    put_tests(w, &in, reply->submission, result);
    json_close(w, '}');
    cJSON_Delete(in.stored);
}
