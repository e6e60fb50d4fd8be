/* The one job model that every dialect translates to: what was asked (submission), what came out (job_result), and
 * which states a job goes through. Plain data, owned trees, no I/O. */
#ifndef SENTINEL_JOB_H
#define SENTINEL_JOB_H

#include "err.h"

/* Stored requests and results carry this version; a reader takes it and the one before (PROTOCOL.md). */
enum { JOB_VERSION = 1 };

/* "<language>-<uuidv4>", language [a-z][a-z0-9]{0,15}. */
enum { JOB_LANGUAGE_MAX = 16, JOB_ID_SIZE = JOB_LANGUAGE_MAX + 1 + 36 + 1 };

enum job_state {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_COMPLETED, /* has a verdict */
    JOB_FAILED,    /* the service's fault */
    JOB_CANCELLED,
    JOB_EXPIRED, /* nobody claimed it in time */
};

enum verdict {
    VERDICT_ACCEPTED,
    VERDICT_WRONG_ANSWER,
    VERDICT_COMPILE_ERROR,
    VERDICT_RUNTIME_ERROR,
    VERDICT_CPU_TIME_EXCEEDED,
    VERDICT_WALL_TIME_EXCEEDED,
    VERDICT_MEMORY_EXCEEDED,
    VERDICT_OUTPUT_EXCEEDED,
    VERDICT_DENIED, /* killed by the filter: SIGSYS, nothing else */
    VERDICT_INTERNAL_ERROR,
    VERDICT_SKIPPED,
};

/* What ended a run. */
enum run_end {
    RUN_END_ITSELF,
    RUN_END_CPU,
    RUN_END_WALL,
    RUN_END_MEMORY,
    RUN_END_OUTPUT,
    RUN_END_SCRATCH,   /* tier B: its files */
    RUN_END_PROCESSES, /* tier B */
};

enum compare_kind { COMPARE_TRIM, COMPARE_EXACT, COMPARE_TOKENS, COMPARE_FLOAT };

/* Any bytes. `data` has a NUL behind `len`, and may be NULL when len is 0. */
struct bytes {
    char *data;
    size_t len;
};

/* 0 in a submission means "the language's default"; resolved values are never 0. */
struct limits {
    int64_t cpu_ms; /* CPU time of everything the run started */
    int64_t wall_ms;
    int64_t memory_mb;
    int64_t processes;  /* processes and threads */
    int64_t output_kb;  /* kept of each stream */
    int64_t file_kb;    /* size of one written file */
    int64_t cpus_milli; /* thousandths of a processor */
};

struct source_file {
    char *name; /* relative path, no "..", no empty component */
    struct bytes content;
};

struct test_case {
    char *name; /* or NULL */
    struct bytes input;
    struct bytes expected;
    bool has_expected; /* false in single-input mode: nothing is compared */
    bool hidden;
};

struct submission {
    char *language;            /* canonical name */
    struct source_file *files; /* at least one; files[0] is the entry */
    size_t file_count;
    struct test_case *tests; /* at least one; exactly one when single_input */
    size_t test_count;
    bool single_input; /* `input` was given (or nothing): the reply has the short form */
    struct limits limits;
    char **args; /* of the program */
    size_t arg_count;
    char **compile_flags;
    size_t compile_flag_count;
    enum compare_kind compare;
    double compare_epsilon; /* COMPARE_FLOAT: allowed absolute or relative difference */
    bool stop_on_failure;
    bool cache; /* an earlier result of the same may answer */
    bool priority;
    char *user_id;      /* or NULL */
    char *metadata;     /* a JSON value as text, or NULL */
    char *callback_url; /* or NULL; for the queue, not for executors: it is no part of the stored form */
};

/* What one run in a box came to; the evidence behind its verdict. */
struct run_figures {
    int64_t cpu_us;
    int64_t wall_us;
    int64_t memory_kb;    /* peak */
    int exit_code;        /* -1: it did not exit */
    int signal;           /* 0: not killed by one */
    int64_t oom_kills;    /* what the memory cgroup killed */
    struct limits limits; /* in force */
    struct bytes out;     /* kept */
    struct bytes errout;
    int64_t out_total; /* bytes written, kept or not */
    int64_t errout_total;
    bool truncated; /* something was not kept */
    enum run_end end;
    int64_t waited_us; /* by its threads for a processor, together; known where `end` is the wall time */
    int64_t lost_us;   /* the same of an earlier run that was a busy host's fault; 0: there was none */
    int64_t lost_of_us;
    bool warm;    /* in an interpreter that was started before */
    char *reason; /* a sentence when the verdict wants one, or NULL */
};

struct test_result {
    enum verdict verdict;
    bool passed;
    struct run_figures run;
};

/* One test's end, as it is told while others still run. */
enum { TEST_EVENT_OUTPUT_MAX = 4096 };
struct test_event {
    size_t index;
    char *name; /* or NULL */
    bool hidden;
    struct test_result result; /* of a hidden test the verdict and figures only; else at most TEST_EVENT_OUTPUT_MAX
                                * bytes of each stream, `truncated` set when that is less */
};

struct compile_result {
    bool present; /* the language compiles */
    bool ok;
    bool cached; /* an earlier job's, whose figures these are */
    struct run_figures run;
};

struct job_result {
    enum verdict verdict; /* of the job: the first failing test's, or accepted */
    char *reason;         /* for people, when the job failed or tests were skipped; or NULL */
    struct compile_result compile;
    struct test_result *tests; /* as many as the submission has, or none when it did not compile */
    size_t test_count;
    bool cached; /* an earlier job's, of the same submission */
    char *tier;  /* isolation that it ran under: "A", "A-", "B" */
    /* What that was made of, as a JSON object {kernel, landlockAbi, cgroupVersion, held: [mechanism…],
     * missing: {mechanism: why}}; or NULL. */
    char *isolation;
    char *executor;
    char *toolchain;      /* version text as detected */
    int64_t execution_ms; /* wall: from claim to result */
};

const char *job_state_name(enum job_state state);
const char *verdict_name(enum verdict verdict);
const char *run_end_name(enum run_end end);
const char *compare_name(enum compare_kind kind);
int job_state_parse(const char *name, enum job_state *ret_state) MUST_USE; /* -EINVAL: no such name */
int run_end_parse(const char *name, enum run_end *ret_end) MUST_USE;
int verdict_parse(const char *name, enum verdict *ret_verdict) MUST_USE;

bool job_state_final(enum job_state state);
bool job_state_may_follow(enum job_state from, enum job_state to);

/* A fresh id; `out` holds JOB_ID_SIZE. */
void job_id_make(const char *language, char *out);
/* The language part of a well-formed id into `out` (JOB_LANGUAGE_MAX + 1 bytes); -EINVAL when it is malformed. */
int job_id_language(const char *id, char *out) MUST_USE;

/* The job's verdict from its tests: the failing one with the lowest index decides. */
enum verdict job_verdict(const struct test_result *tests, size_t count);

/* Borrows all from the submission and the result; never finished. */
struct test_event test_event_of(const struct submission *s, const struct test_result *result, size_t index);

void bytes_finish(struct bytes *b);
void submission_finish(struct submission *s);
void run_figures_finish(struct run_figures *r);
struct run_figures run_figures_copy(const struct run_figures *r) MUST_USE;
void job_result_finish(struct job_result *r);
void test_event_finish(struct test_event *event);

#endif
