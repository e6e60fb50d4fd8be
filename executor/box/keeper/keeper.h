/* What the keeper's two parts share: keeper.c holds the box together, run.c is one run. */
#ifndef SENTINEL_BOX_KEEPER_H
#define SENTINEL_BOX_KEEPER_H

#include "cgroup.h"
#include "confine.h"

enum {
    WARM_SERVERS = 4,
    KEEPER_WHY = 256,
};

/* One interpreter at the door (warm.h). */
struct warm_server {
    int socket, pid_fd; /* -1: there is none */
    uint64_t stack_bytes;
    char *words; /* argv, environment and script that it is for, as they stand in a request; owned */
    size_t len;
    uint64_t runs, used_us;
};

#define WARM_NONE ((struct warm_server){.socket = -1, .pid_fd = -1})

struct keeper {
    const struct config *config;
    struct confinement confinement;
    struct container container;
    struct cgroup *cgroup;                    /* tier A's, else NULL */
    char why_not[BOX_TIER_A + 1][KEEPER_WHY]; /* of a tier that was tried; "" else */
    int signal_fd;
    struct launcher launcher;
    int output_fd;
    char *output; /* 2 × most.output_bytes */
    struct warm_server servers[WARM_SERVERS];
    bool clearing;             /* tier B: the launcher has yet to say that it cleared up after the last run */
    uint64_t no_warm_until_us; /* a server failed */
    bool leaving;
};

struct keeper *keeper_create(const struct config *config);
/* Sets up a tier and has it run a program that is not there, so that every step but the exec has been done. 0, or
 * -1 and `why`; then nothing of it is left. */
int keeper_try_tier(struct keeper *k, uint32_t tier, char why[KEEPER_WHY]) MUST_USE;
void keeper_setup_hello(const struct keeper *k, struct box_hello *ret_hello);
/* Serves the executor until end of file or SIGTERM; returns the exit status. */
int keeper_serve(struct keeper *k, const struct box_hello *hello);
void keeper_destroy(struct keeper *k);

/* Checks one message of the executor's, runs what it asks for, and fills the reply (room for BOX_MESSAGE_MAX bytes).
 * Returns the reply's length; *ret_collected_fd is what was collected, or -1. Closes `given`. */
size_t run_serve(struct keeper *k, char *message, size_t len, int given[2], struct box_reply *reply,
                 int *ret_collected_fd);

void keeper_stop_launcher(struct keeper *k); /* and its warm servers; until all in the box are dead */

/* The server for a request that suits one, started if need be; NULL: it cannot be had, which is logged. `message` is
 * the request's. */
struct warm_server *warm_server_for(struct keeper *k, const struct request *r, const char *message, size_t len,
                                    bool *ret_started);
uint32_t warm_count(const struct keeper *k);
void warm_end(struct keeper *k, struct warm_server *server);
void warm_fail(struct keeper *k, struct warm_server *server, const char *why); /* and none is started for a while */
void warm_forget_all(struct keeper *k);                                        /* they ended with their launcher */

#endif
