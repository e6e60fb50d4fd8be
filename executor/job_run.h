/* One claimed job in the runner: what it has to run next, and what its runs came to. Private to runner.c and job_run.c:
 * the job knows no slots, the runner knows no verdicts. */
#ifndef SENTINEL_JOB_RUN_H
#define SENTINEL_JOB_RUN_H

#include "plan.h"
#include "program_cache.h"
#include "runner.h"

#define JOB_COMPILATION (PLAN_NONE - 1) /* the index of the run that is no test */

enum job_run_state {
    JOB_RUN_TO_COMPILE,
    JOB_RUN_COMPILING,
    JOB_RUN_TESTING,
    JOB_RUN_STOPPING, /* waits for its runs to be over */
    JOB_RUN_ENDED,    /* the timer's close callback tells and frees */
};

/* What a test's earlier runs came to. */
struct earlier {
    unsigned failures; /* of the box */
    bool contended;
    int64_t waited_us; /* of wall_us, when contended */
    int64_t wall_us;
};

struct job_run {
    enum job_run_state state;
    enum job_run_end end; /* valid from STOPPING on */
    struct runner *runner;
    const struct runner_options *options; /* the runner's */
    struct program_cache *programs;       /* the runner's */
    struct job_run *next;                 /* in the runner's line, until ENDED */
    char *id;
    const struct lang *lang;
    struct submission submission;
    struct limits limits; /* of a test */
    struct bundle sources;
    struct bundle program;          /* what compiling left */
    struct program_key program_key; /* when the language compiles */
    struct plan plan;
    struct earlier *earlier; /* per test, and one for the compilation behind them */
    size_t tests_done;
    size_t *ended; /* the tests that are done, in the order in which they ended */
    size_t runs;   /* outstanding */
    struct job_result result;
    char *reason;  /* for people, or NULL */
    bool declined; /* by the compiler that stays */
    bool timed_out;
    int64_t started_ms;
    uv_timer_t timer;
    void (*on_progress)(void *arg, size_t tests_done);
    void (*on_done)(void *arg, enum job_run_end end, const struct job_result *result, const char *reason);
    void *arg;
};

/* hello: of the boxes, or NULL. */
struct job_run *job_run_create(struct runner *runner, const struct runner_options *options,
                               struct program_cache *programs, uv_loop_t *loop, const struct job_order *order,
                               const struct box_hello *hello) MUST_USE;

/* Bundles the sources, or finds the program of an earlier job, once the job stands in its runner's line. */
void job_run_prepare(struct job_run *job);

/* A test's index, JOB_COMPILATION, or PLAN_NONE: the run to begin next. */
size_t job_run_next(const struct job_run *job);
size_t job_run_next_alone(const struct job_run *job);
/* How many runs could begin now, counted up to `most`. */
size_t job_run_waiting(const struct job_run *job, size_t most);

/* Begins the run in an idle box. False: it could not, and the job is stopping. */
bool job_run_begin(struct job_run *job, size_t index, struct box_client *box, int null_fd,
                   void (*on_answer)(void *arg, struct box_answer *answer), void *arg) MUST_USE;
/* The run's answer; NULL: its box died. The job may have left the line afterwards. */
void job_run_take(struct job_run *job, size_t index, bool alone, struct box_answer *answer);

/* Whether its compilation may be left to a compiler that stays; begins it there; and takes what it came to, NULL: it is
 * to be done in a slot's box. */
struct resident;
bool job_run_suits_resident(const struct job_run *job);
void job_run_begin_resident(struct job_run *job, struct resident *resident,
                            void (*on_answer)(void *arg, struct box_answer *answer), void *arg);
void job_run_take_resident(struct job_run *job, struct box_answer *answer);

/* ---- what runner.c does for a job ----------------------------------------------------------------------------- */

/* Kills the job's runs with an index of `from` and above. */
void runner_cancel_runs(struct runner *runner, const struct job_run *job, size_t from);
/* Takes the job out of the line. */
void runner_unlink(struct runner *runner, struct job_run *job);
/* The job is freed. */
void runner_job_gone(struct runner *runner);

#endif
