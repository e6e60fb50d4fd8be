/* What a step's outcome needs beside cause, exit and output: for the tables of cases. Pure. */
#ifndef SENTINEL_SELFTEST_CHECKS_H
#define SENTINEL_SELFTEST_CHECKS_H

#include "cases.h"

#include <signal.h>

#define COMPILE (1u << BOX_PROFILE_COMPILE)
#define COLLECT_NONE .collect = "out out/", .out = "ok", .good = good_nothing_collected, .wanted = "nothing collected"

/* For step.input: they stand for what input_of gives. */
extern const char every_byte[]; /* 0 to 255, sixteen times */
extern const char megabyte[];

/* The bytes of a step's input; the caller frees them. */
struct bytes input_of(const struct step *step) MUST_USE;

bool good_compilation_ends(const struct step *step, const struct box_answer *answer);
bool good_every_byte(const struct step *step, const struct box_answer *answer);
bool good_few_processes(const struct step *step, const struct box_answer *answer);
bool good_flood(const struct step *step, const struct box_answer *answer);
bool good_gains_nothing(const struct step *step, const struct box_answer *answer);
bool good_no_such_call(const struct step *step, const struct box_answer *answer);
bool good_nothing_collected(const struct step *step, const struct box_answer *answer);
bool good_only_own_files(const struct step *step, const struct box_answer *answer);
bool good_refused_compilation(const struct step *step, const struct box_answer *answer);
bool good_too_many_files(const struct step *step, const struct box_answer *answer);
bool good_whatever(const struct step *step, const struct box_answer *answer);

/* Whether the step is one that a limit of time may end: such limits are not scaled, and an emulated machine has no more
 * to wait than others. */
bool ends_by_time(const struct step *step);

/* NULL, or the sentence that says in what the answer is not what the step wants, in `why`. `slow` multiplies times. */
const char *step_complaint(const struct step *step, const struct box_answer *answer, double slow, char why[WHY_SIZE]);

#endif
