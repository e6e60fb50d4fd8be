/* One sentinel-box child: started, asked, watched, and started again when it dies (box/box_protocol.h). */
#ifndef SENTINEL_BOX_CLIENT_H
#define SENTINEL_BOX_CLIENT_H

#include "bundle.h"

#include <uv.h>

struct box_client;

struct box_client_options {
    char **argv; /* of the box, NULL-terminated; outlives the client */
    /* It became ready, or its box ended. */
    void (*on_change)(void *arg);
    void *arg;
};

/* Starts the box at once. Whether that worked shows in on_change, or in its absence. */
struct box_client *box_client_create(uv_loop_t *loop, const struct box_client_options *options) MUST_USE;
/* What runs is killed and its callback gets NULL first; then on_closed fires. */
void box_client_destroy(struct box_client *client, void (*on_closed)(void *arg), void *arg);

/* It waits for a request. */
bool box_client_idle(const struct box_client *client);
/* What the box said of itself, NULL while it is not up. */
const struct box_hello *box_client_hello(const struct box_client *client);
/* Boxes started since one was up last. */
unsigned box_client_starts(const struct box_client *client);
/* Since when there has been no box that works (CLOCK_MONOTONIC ms); 0 while there is one. */
int64_t box_client_down_since(const struct box_client *client);

struct box_call {
    enum box_profile profile;
    struct box_limits limits;
    char *const *argv; /* NULL-terminated */
    char *const *env;
    size_t env_count;
    const struct bundle *files;
    char *const *collect;
    size_t collect_count;
    uint64_t collect_max;
    int stdin_fd;
    enum box_warm_way warm;
};

struct box_answer {
    const struct box_reply *reply;
    const char *out; /* reply->stdout_kept bytes */
    const char *errout;
    struct bundle collected; /* the callback may take it, leaving BUNDLE_NONE */
};

/* on_answer fires once, never from inside this call; what it gets is valid until it returns. NULL: the box died.
 * E2BIG: the request does not fit into a message, and nothing was begun. The client is idle. */
int box_client_run(struct box_client *client, const struct box_call *call,
                   void (*on_answer)(void *arg, struct box_answer *answer), void *arg, struct err *err) MUST_USE;
/* Kills what runs: the answer comes with BOX_CAUSE_CANCEL, or as it ended just before. */
void box_client_cancel(struct box_client *client);
/* Ends the box and starts another. What runs gets NULL. */
void box_client_restart(struct box_client *client);

#endif
