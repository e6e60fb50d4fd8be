/* The slots of this executor and the jobs that run on them: compile, run the tests in parallel, judge. */
#ifndef SENTINEL_RUNNER_H
#define SENTINEL_RUNNER_H

#include "box_client.h"
#include "lang.h"

struct runner;
struct job_run;

struct runner_options {
    char ***box_argv;       /* of each slot, NULL-terminated; outlives the runner */
    size_t slots;           /* most that will be opened */
    char ***resident_argv;  /* likewise, of the box of each compiler that stays */
    size_t residents_most;  /* languages that have one */
    enum box_tier min_tier; /* a box below it is not used */
    int64_t job_timeout_ms;
    size_t job_output_bytes;    /* kept of a whole job */
    uint64_t scratch_bytes;     /* of a run */
    size_t program_cache_bytes; /* 0: none */
    /* There may be room for a job now, or a box came or went. Never from inside a call to the runner. */
    void (*on_change)(void *arg);
    void *arg;
};

int runner_create(uv_loop_t *loop, const struct runner_options *options, struct runner **ret_runner, struct err *err)
    MUST_USE;
/* No job may be left in it (job_run_abandon counts as gone). */
void runner_destroy(struct runner *runner, void (*on_closed)(void *arg), void *arg);
/* A toolchain may have changed: no compiler that stays goes on with the old one. */
void runner_renew(struct runner *runner);
/* Starts boxes until there are `count`. */
void runner_open_slots(struct runner *runner, size_t count);

/* Runs that could begin now and that no job in the runner waits for. */
size_t runner_room(const struct runner *runner);
/* What the box of the lowest tier says of itself, of those that are up; or NULL. */
const struct box_hello *runner_hello(const struct runner *runner);
/* For how long no box at all has been up, ms; 0 while one is. */
int64_t runner_down_ms(const struct runner *runner);
/* Runs in a row that boxes failed or died of, up to now. */
unsigned runner_failures(const struct runner *runner);
/* How often the first slot's box was started since it was up last. */
unsigned runner_starts(const struct runner *runner);
/* Runs that are under way. */
size_t runner_busy(const struct runner *runner);
/* Boxes that are up. */
size_t runner_boxes_up(const struct runner *runner);

enum job_run_end {
    JOB_RUN_COMPLETED,  /* there is a result */
    JOB_RUN_CANCELLED,  /* job_run_cancel asked for it */
    JOB_RUN_GIVEN_BACK, /* the boxes could not run it: somebody else may try */
    JOB_RUN_FAILED,     /* nobody could run it */
    JOB_RUN_ABANDONED,  /* nobody is told */
};

struct job_order {
    const char *id;                /* copied */
    struct submission *submission; /* taken: zeroes are left behind */
    const struct lang *lang;
    const char *toolchain; /* copied, as is executor */
    const char *executor;
    void (*on_progress)(void *arg, size_t tests_done);
    /* Once, never from inside a call; the job is gone then. result is NULL unless it completed; reason may be NULL. */
    void (*on_done)(void *arg, enum job_run_end end, const struct job_result *result, const char *reason);
    void *arg;
};

struct job_run *runner_start(struct runner *runner, const struct job_order *order) MUST_USE;
/* The test that ended as the `place`th (from 0, less than tests_done), as stored JSON that the caller frees. */
char *job_run_event(const struct job_run *job, size_t place) MUST_USE;
/* Kills what runs; on_done follows, with CANCELLED unless the job was ending already. */
void job_run_cancel(struct job_run *job);
/* Kills what runs; nobody is told. */
void job_run_abandon(struct job_run *job);

#endif
