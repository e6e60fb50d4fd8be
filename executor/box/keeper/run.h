/* One run, for those who begin it: run.c when it is asked for, ahead.c before that. */
#ifndef SENTINEL_BOX_RUN_H
#define SENTINEL_BOX_RUN_H

#include "keeper.h"
#include "scratch.h"
#include "stream.h"
#include "tree.h"

enum {
    SETUP_MAX_US = 20000000, /* from the request to the exec */
    KILL_MAX_US = 20000000,  /* from the kill to the last death; then the launcher goes as well */
};

struct run {
    const struct request *request;
    char *message; /* that the request was in */
    size_t message_len;
    struct box_reply *reply;
    struct warm_server *server; /* that makes the init, NULL: the launcher does */
    struct stream streams[2];
    int report_fd, init_fd, work_fd;
    uint64_t asked_us, started_us, ended_us, killed_us; /* 0: not yet */
    uint64_t next_look_us;
    uint64_t cpu_base_us; /* the set-up's, and what came before the door */
    struct tree_usage tree, peak;
    struct scratch_use scratch_start; /* tier B */
    struct note end;                  /* valid when ended_us is */
    bool dead;
    bool init_told; /* how it ended, so that it was not killed */
    bool begun_ahead;
};

void run_init(struct run *run, const struct keeper *k, const struct request *request, char *message, size_t len,
              struct box_reply *reply);
/* Pipes, report, groups; then it is the launcher's turn, or a warm server's. 0, or -1 and the reply says why. */
int run_start(struct keeper *k, struct run *run, const int given[2]) MUST_USE;
/* Until everything in it is dead. */
void run_wait(struct keeper *k, struct run *run);
void run_close(struct run *run);
/* The init's end is the end of all; in tier B it is asked to see to that. */
void run_kill(const struct keeper *k, const struct run *run);
/* The note of who makes the init. False when it is no such note, or the second one. */
bool run_take_init(struct keeper *k, struct run *run, const struct note *note, ssize_t got, int *fd);

/* Starts a process ahead for the next request, which may be like this one that was answered. Not in tier B. */
void ahead_begin(struct keeper *k, const char *message, size_t len);
/* Lets the process that was started ahead be the run: it gets its files and input, and goes on. NULL: there is none for
 * this request, or it ended before the door. */
struct run *ahead_serve(struct keeper *k, const struct run *asked, const int given[2]);
/* Kills it, should it live, and waits for its end. */
void ahead_drop(struct keeper *k);
/* It was served and has ended; of these the launcher awaits none. */
void ahead_reap(struct keeper *k);

#endif
