/* A private redis-server on a unix socket in a temp directory, and a loop that runs until something is true.
 * The server's `sentinel` user is the one that docs/PROTOCOL.md gives. */
#ifndef HARNESS_H
#define HARNESS_H

#include "store.h"

#include <hiredis/hiredis.h>
#include <sys/types.h>

struct redis_server {
    pid_t pid; /* 0: not running */
    char dir[64];
    char socket[96];
    char url[160];       /* as the sentinel user */
    redisContext *admin; /* as the default user */
};

void server_create(struct redis_server *s);
void server_spawn(struct redis_server *s); /* also after a kill: with what it had written */
void server_kill(struct redis_server *s);
void server_destroy(struct redis_server *s);

/* A command as the administrator; the reply is freed by the caller, or by the ones that turn it into a value. */
redisReply *server_ask(struct redis_server *s, const char *fmt, ...);
int64_t server_int(struct redis_server *s, const char *fmt, ...);
bool server_tell(struct redis_server *s, const char *fmt, ...); /* it was no error */

extern uv_loop_t *test_loop;
void harness_turn(void); /* one turn of the loop, of 10 ms at most */

/* Runs the loop until `cond` holds; false after `limit_ms`. */
#define until_within(cond, limit_ms)                                  \
    __extension__({                                                   \
        int64_t until_end_ = now_mono_ms() + (limit_ms);              \
        bool until_good_;                                             \
        while (!(until_good_ = (cond)) && now_mono_ms() < until_end_) \
            harness_turn();                                           \
        until_good_;                                                  \
    })
#define until(cond) until_within(cond, 30000)

/* A store on the server, ready; lease 30 s, 3 attempts and no cap unless `adapt` changes it. */
struct store *open_store(struct redis_server *s, void (*adapt)(struct store_options *options));
void close_store(struct store *store); /* and runs the loop until it is gone */

/* ---- the operations, waited for; each says what came, in memory that the next call of the same kind reuses */

struct enqueued {
    int err;
    enum store_enqueued outcome;
    char id[JOB_ID_SIZE];
    int64_t enqueued_ms, retry_after_s;
};
struct enqueued enqueue(struct store *store, const struct store_enqueue *job);
/* A plain job: a fresh id for the language, request "request of <id>", 2 tests. */
struct enqueued enqueue_plain(struct store *store, const char *language);

struct claimed {
    int err;
    bool found;
    char id[JOB_ID_SIZE];
    char token[33];
    char owner[64];
    char *request; /* of the last claim only */
    size_t request_len;
    int64_t attempt, created_ms;
};
struct claimed claim(struct store *store, const char *language);

struct got {
    int err;
    bool found;
    struct store_job job; /* its strings are copies */
};
const struct got *get(struct store *store, const char *id);
bool job_is(struct store *store, const char *id, enum job_state state);

struct lease {
    int err;
    enum store_lease lease;
};
struct lease renew(struct store *store, const struct claimed *job);
struct lease progress(struct store *store, const struct claimed *job, int64_t done, const char *event);
struct lease complete(struct store *store, const struct claimed *job, enum job_state state, const char *result);
struct lease requeue(struct store *store, const struct claimed *job, bool counts);

struct cancelled {
    int err;
    enum store_cancelled outcome;
};
struct cancelled cancel(struct store *store, const char *id, const char *owner);

struct reaped {
    int err;
    struct store_reaped reaped;
};
struct reaped reap(struct store *store, const char *language);

/* One language's row, from store_load. */
struct store_queue_load load_of(struct store *store, const char *language);
int beat(struct store *store, const char *executor, const char *info);
int unregister(struct store *store, const char *executor);

#endif
