/* Takes jobs from the queues when there is room, keeps their leases, and brings their results back. */
#ifndef SENTINEL_CONSUMER_H
#define SENTINEL_CONSUMER_H

#include "info.h"
#include "runner.h"
#include "store.h"

struct consumer;

struct consumer_options {
    struct store *store;
    struct runner *runner;
    struct served *served; /* outlives the consumer */
    size_t served_count;
    const char *executor;
    int64_t lease_ms;
    bool record;      /* executions, for the figures of owners and users */
    int64_t max_jobs; /* after so many claims it drains by itself; 0: never */
    int64_t idle_ms;  /* when nothing was held for this long it drains by itself; 0: never */
    /* After consumer_drain, or a drain of its own: nothing is held any more. Once, never from inside a call. */
    void (*on_drained)(void *arg);
    void (*on_errand)(void *arg, const struct store_errand *errand); /* an admin asks for it */
    void *arg;
};

struct consumer *consumer_create(uv_loop_t *loop, const struct consumer_options *options) MUST_USE;
/* Call it when the store's last callback has fired. What is held then is left to its lease. */
void consumer_destroy(struct consumer *consumer, void (*on_closed)(void *arg), void *arg);

/* Claims while there is room and there may be work. */
void consumer_look(struct consumer *consumer);
/* Redis is there again: what was tried in vain is tried now, leases first. */
void consumer_reconnected(struct consumer *consumer);
/* Claims nothing any more. */
void consumer_drain(struct consumer *consumer);
/* As drain, and what still runs is killed and given back to its queue, not counted as an attempt. */
void consumer_give_back(struct consumer *consumer);

#endif
