/* One box for the self-test: runs are asked for and waited for; and a hand outside, which looks at the machine. */
#ifndef SENTINEL_SELFTEST_BOX_H
#define SENTINEL_SELFTEST_BOX_H

#include "cases.h"
#include "lang.h"

enum { PIDS_MAX = 4096 };

struct pids {
    pid_t list[PIDS_MAX];
    size_t count;
};

enum { SELFTEST_MOST_MS = 900000 }; /* the ceiling of limits of time, which no slowness lifts */

struct selftest {
    uv_loop_t loop;
    struct box_client *box;
    char **box_argv; /* owned */
    enum box_tier tier;
    double slow;      /* times are multiplied by it */
    const char *warm; /* where a box shows the probe, which is then run by warm servers; NULL: by cold runs */
    struct lang_table langs;
    struct bytes probe; /* the program */
    struct pids idle;   /* processes of the box when nothing runs; idle.list[0] is the keeper */
    size_t idle_fds;    /* of the keeper */
    bool running;
    bool asked_warm;
    bool changed;
    /* of the step that runs */
    const struct step *step;
    char *why; /* WHY_SIZE */
    bool failed;
};

/* Starts the box and sees it idle. EPROTO: it does not start; what it said is on standard error. */
int selftest_open(struct selftest *t, struct err *err) MUST_USE;
void selftest_close(struct selftest *t);

/* Every run of a step. 0; -1 and `why`; 1 and `why`: its language is not here. */
int selftest_step(struct selftest *t, const struct step *step, char why[WHY_SIZE]);

/* Whether all is as before the case: no process, no file, no descriptor more, and the next run sees nothing. 0, or -1
 * and `why`. */
int selftest_look(struct selftest *t, char why[WHY_SIZE]);

#endif
