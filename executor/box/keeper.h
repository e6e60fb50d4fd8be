/* What the keeper's two parts share: keeper.c holds the box together, run.c is one run. */
#ifndef SENTINEL_BOX_KEEPER_H
#define SENTINEL_BOX_KEEPER_H

#include "cgroup.h"
#include "landlock.h"
#include "scratch.h"

struct keeper {
    const struct config *config;
    struct confinement confinement;
    uint32_t landlock_abi;
    struct container container;
    struct cgroup *cgroup;                    /* tier A's, else NULL */
    char why_not[BOX_TIER_A + 1][KEEPER_WHY]; /* of a tier that was tried; "" else */
    int signal_fd;
    int launcher_fd, launcher_socket;
    int output_fd;
    char *output; /* 2 × most.output_bytes */
    bool leaving;
};

/* Checks one message of the executor's, runs what it asks for, and fills the reply (room for BOX_MESSAGE_MAX bytes).
 * Returns the reply's length; *ret_collected_fd is what was collected, or -1. Closes `given`. */
size_t run_serve(struct keeper *k, char *message, size_t len, int given[2], struct box_reply *reply,
                 int *ret_collected_fd);

void launcher_stop(struct keeper *k); /* and waits until all in the box are dead */

#endif
