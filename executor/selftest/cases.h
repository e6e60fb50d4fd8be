/* The abuse catalogue as data: what hostile programs do, and what has to come of it. Used by `sentinel-executor
 * selftest` and, through it, by tests/sandbox. A case is held when each of its steps comes out as said, and the box is
 * afterwards as it was before (selftest_box.h). Times are in ms; those of steps that end in time are scaled with
 * --slow. */
#ifndef SENTINEL_SELFTEST_CASES_H
#define SENTINEL_SELFTEST_CASES_H

#include "box_client.h"

enum {
    NUMBERS_MAX = 8,
    STEPS_MAX = 64,
    WHY_SIZE = 400,
    ANY = -1, /* a signal, whichever */
};

/* Sets of tiers, profiles and causes, as bits of their enums. */
#define TIER_A (1u << BOX_TIER_A)
#define TIER_A_MINUS (1u << BOX_TIER_A_MINUS)
#define TIER_B (1u << BOX_TIER_B)
#define TIERS_ALL (TIER_A | TIER_A_MINUS | TIER_B)
#define RUN_AND_COMPILE ((1u << BOX_PROFILE_RUN) | (1u << BOX_PROFILE_COMPILE))
#define BY_CPU (1u << BOX_CAUSE_CPU)
#define BY_WALL (1u << BOX_CAUSE_WALL)
#define BY_MEMORY (1u << BOX_CAUSE_MEMORY)
#define BY_OUTPUT (1u << BOX_CAUSE_OUTPUT)
#define BY_SCRATCH (1u << BOX_CAUSE_SCRATCH)
#define BY_PROCESSES (1u << BOX_CAUSE_PROCESSES)
#define BY_ITSELF (1u << BOX_CAUSE_SELF)
#define EXITED(code) ((code) + 1)

/* What differs from `step_limits` (selftest.c); 0: as there. */
struct step_limits {
    unsigned cpu_ms;
    unsigned wall_ms;
    unsigned memory_mb;
    unsigned output_bytes;
    unsigned file_mb;
    unsigned scratch_mb;
    unsigned processes;
    unsigned cpus_milli;
};

struct step {
    unsigned tiers;    /* where this is what has to come of it; 0: everywhere */
    unsigned profiles; /* of a verb; 0: run */
    unsigned repeat;   /* 0: once */
    unsigned causes;   /* that may end it; 0: itself */
    /* What runs: a verb of sentinel-probe with its words, blanks between, where "%" stands for each word of `each` in
     * turn; or a language's program, which is compiled when the language compiles, and run when it does not. */
    const char *verb;
    const char *each;
    const char *language;
    const char *source;
    const char *flags;   /* one compile flag */
    const char *file;    /* another file in the work directory, "mine\n" in it */
    const char *collect; /* names, blanks between */
    const char *input;
    struct step_limits limits;
    /* What has to come of it. Exit, signal and output count when it ended by itself. */
    int exited; /* EXITED(code); 0: whatever it says */
    int signal; /* 0: none, ANY */
    unsigned peak_least_mb, peak_most_mb;
    unsigned cpu_least_ms, cpu_most_ms;
    const char *out; /* stdout: one of these, "|" between, with the line's end that they do not show; NULL: whatever */
    bool (*good)(const struct step *step, const struct box_answer *answer); /* and this; NULL: nothing more */
    const char *wanted;                                                     /* what `good` is about */
    bool oom;                                                               /* the memory cgroup's count is evidence */
};

struct selftest;

struct abuse {
    unsigned char numbers[NUMBERS_MAX]; /* of the catalogue; 0 ends them; none: the box's own */
    const char *name;                   /* unique, for --case */
    const char *what;                   /* for people */
    const struct step *steps;
    size_t step_count; /* 0: another part's matter, and `elsewhere` says whose */
    const char *elsewhere;
    const char *beyond; /* why a tier without a step cannot express it */
    /* In place of steps: 0, or -1 and `why`. */
    int (*act)(struct selftest *t, char why[WHY_SIZE]);
    unsigned act_tiers; /* 0: all */
};

#define STEPS(list) .steps = (list), .step_count = ARRAY_LEN(list)

/* In the catalogue's order. */
extern const struct abuse abuses_of_limits[], abuses_of_walls[], abuses_of_languages[];
extern const size_t abuses_of_limits_count, abuses_of_walls_count, abuses_of_languages_count;

/* Acts, selftest_box.c. */
int act_keeper_dies(struct selftest *t, char why[WHY_SIZE]);
int act_launcher_dies(struct selftest *t, char why[WHY_SIZE]);

#endif
