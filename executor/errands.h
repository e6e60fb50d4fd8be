/* What an admin asks of executors beside jobs (store_errand): one at a time, beside the loop. Calls that come while
 * their errand is due or under way are answered by it. */
#ifndef SENTINEL_ERRANDS_H
#define SENTINEL_ERRANDS_H

#include "info.h"
#include "store.h"

#include <uv.h>

struct errands;

struct errands_options {
    uv_loop_t *loop;
    struct store *store;
    const char *executor;
    struct served *served; /* its version is what an errand may change; all of this outlives the errands */
    size_t served_count;
    const char *languages_dir;
    const char *box;         /* program */
    const char *scratch_dir; /* where tier B's boxes make their directories */
    /* A language's version was looked at again. */
    void (*on_version)(void *arg, const struct served *served);
    void *arg;
};

struct errands *errands_create(const struct errands_options *options) MUST_USE;
void errands_take(struct errands *errands, const struct store_errand *errand);
/* What is under way is killed; the store is not used any more when on_closed fires. */
void errands_destroy(struct errands *errands, void (*on_closed)(void *arg), void *arg);

#endif
