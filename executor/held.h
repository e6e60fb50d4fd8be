/* The jobs that this executor has claimed, each from the claim to Redis' word that its end is stored. */
#ifndef SENTINEL_HELD_H
#define SENTINEL_HELD_H

#include "info.h"
#include "runner.h"
#include "store.h"

struct held;

/* Filled in by who claims, but for `first`. Neither callback fires from inside held_begin of the same job. */
struct held_pool {
    uv_loop_t *loop;
    struct store *store;
    struct runner *runner;
    const char *executor;
    bool record;        /* executions, for the figures of owners and users */
    struct held *first; /* NULL: nothing is held */
    void (*on_left)(void *arg);
    void (*on_freed)(void *arg); /* one that has left needs nothing of the pool any more; later than on_left */
    void *arg;
};

/* Runs it, or answers with an earlier result; goes_back: gives it back at once, not counted as an attempt. */
void held_begin(struct held_pool *pool, struct served *served, const struct store_claimed *job, bool goes_back);

void held_renew(struct held_pool *pool, const struct served *served); /* the leases of a language's jobs, in one call */
void held_tell_progress(struct held_pool *pool);
void held_cancel(struct held_pool *pool, const char *id);
void held_retry(struct held_pool *pool);           /* what was not heard is sent now */
void held_give_back(struct held_pool *pool);       /* kills what runs; not counted as an attempt */
void held_abandon(struct held_pool *pool);         /* to their leases; once the store's last callback has fired */
size_t held_looking(const struct held_pool *pool); /* jobs that the runner does not know yet */

#endif
