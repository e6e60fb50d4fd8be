/* The order of a job's tests: which is next, which need not run any more, when all is done. Pure. */
#ifndef SENTINEL_PLAN_H
#define SENTINEL_PLAN_H

#include "base.h"

enum plan_state {
    PLAN_WAITING,
    PLAN_WAITING_ALONE, /* to be run again while nothing else runs */
    PLAN_RUNNING,
    PLAN_DONE,
};

struct plan {
    enum plan_state *tests; /* owned */
    size_t count;
    size_t next;    /* no test below is WAITING */
    size_t cutoff;  /* tests from here on need not run; `count` while all do */
    size_t running; /* tests, whatever their index */
    size_t open;    /* tests below the cutoff that are not done */
    bool stop_on_failure;
};

#define PLAN_NONE SIZE_MAX

void plan_init(struct plan *plan, size_t count, bool stop_on_failure);
void plan_finish(struct plan *plan);

/* The lowest test that waits to run, or PLAN_NONE. */
size_t plan_next(const struct plan *plan);
size_t plan_next_alone(const struct plan *plan);
/* How many plan_next would give, counted up to `most`. */
size_t plan_waiting(const struct plan *plan, size_t most);

void plan_started(struct plan *plan, size_t index);
/* The run gave no answer to keep: it waits again. */
void plan_again(struct plan *plan, size_t index, bool alone);
/* The run is over. With stop_on_failure a failure moves the cutoff behind the lowest failing test. */
void plan_ended(struct plan *plan, size_t index, bool failed);

/* Whether the test's result counts: it ran, below the cutoff. */
bool plan_counts(const struct plan *plan, size_t index);
/* Nothing is left to run; tests beyond the cutoff may still be running. */
bool plan_complete(const struct plan *plan);

#endif
