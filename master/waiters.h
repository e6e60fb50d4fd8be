/* Calls that wait for a job to end: a table by job id, woken by the store's hints, read again on a slow tick. */
#ifndef SENTINEL_WAITERS_H
#define SENTINEL_WAITERS_H

#include "store.h"

struct call;
struct waiters;

struct waiters *waiters_create(uv_loop_t *loop, struct store *store, const char *const *languages, size_t count);

/* on_end fires once: with the final job, its request included, valid until it returns; or with NULL when wait_ms are
 * over, the job is nowhere, waiters_drain was called, or the call's client left (then the call is not OPEN). */
void waiters_add(struct waiters *waiters, struct call *call, const char *id, int64_t wait_ms,
                 void (*on_end)(void *arg, const struct store_job *job), void *arg);

/* Ends every wait, and from now on each new one at once; but for patient calls', unless `all`. */
void waiters_drain(struct waiters *waiters, bool all);

#endif
