/* The queue protocol: the only module that knows key names and scripts (docs/PROTOCOL.md is its contract). Asynchronous
 * on a libuv loop. Every callback fires exactly once and never from inside the call that started it; the pointers it
 * gets are valid until it returns. err is NULL when Redis answered as asked; else the operation's effect is unknown
 * (lost connection, deadline: code EAGAIN) or it was refused by Redis (code EIO, with Redis' words). */
#ifndef SENTINEL_STORE_H
#define SENTINEL_STORE_H

#include "config.h"
#include "err.h"
#include "job.h"
#include "metrics.h"
#include "redis_tls.h"

#include <uv.h>

struct store;

/* For a program's list of metrics: how long Redis took to answer, and how often it was connected to. */
extern struct metric store_metric_seconds, store_metric_connects;

struct store_options {
    const char *url;
    const char *prefix;
    const char *client_name; /* "sentinel-master", "sentinel-executor python-1" */
    struct redis_tls tls;    /* of a rediss:// url; its strings outlive the store */
    int64_t deadline_ms;     /* of one command */
    int64_t result_ttl_ms;   /* how long a finished job is kept */
    int64_t queue_ttl_ms;    /* a job that nobody claims by then is expired */
    int64_t lease_ms;
    int64_t max_attempts;
    int64_t queue_cap; /* per language, 0: none */
    /* Redis reached and its policy accepted; or not, once for each reason (store_state). May be NULL. */
    void (*on_state)(void *arg, bool ready);
    void *arg;
};
/* What the settings say; client_name, on_state and arg are still to be filled in. Borrows the settings' strings. */
struct store_options store_options_of(const struct config *config) MUST_USE;

int store_create(uv_loop_t *loop, const struct store_options *options, struct store **ret_store, struct err *err)
    MUST_USE;
void store_destroy(struct store *store, void (*on_closed)(void *arg), void *arg);
bool store_ready(const struct store *store);
/* "connected", "connecting", or why it is refused ("maxmemory-policy is allkeys-lru, must be noeviction"). */
const char *store_state(const struct store *store);

/* ---- master ------------------------------------------------------------------------------------------------- */

struct store_enqueue {
    const char *id;
    const char *owner;   /* API key's id, "" when there are no keys */
    const char *request; /* stored JSON */
    size_t request_len;
    int64_t test_count; /* for progress */
    bool priority;
    const char *idempotency_key; /* or NULL */
    const char *body_hash;       /* with the key: hex of the request's hash */
    const char *callback;        /* a URL that is told of the job's end, or NULL */
};
enum store_enqueued {
    STORE_ENQUEUED,
    STORE_ENQUEUE_REPEATED, /* the same key and body: `id` is the earlier job */
    STORE_ENQUEUE_CONFLICT, /* the same key, another body */
    STORE_ENQUEUE_FULL,     /* the language's cap: come back in retry_after_s */
    STORE_ENQUEUE_MEMORY,   /* Redis is over 75 % of its maxmemory */
};
struct store_enqueue_reply {
    enum store_enqueued outcome;
    const char *id;
    int64_t enqueued_ms; /* Redis' clock */
    int64_t retry_after_s;
};
void store_enqueue(struct store *store, const struct store_enqueue *job,
                   void (*cb)(void *arg, const struct err *err, const struct store_enqueue_reply *reply), void *arg);

/* A job as stored. request and result are NULL when absent or not asked for. Its texts are what master/compose.c
 * copies. */
struct store_job {
    enum job_state state;
    const char *owner;
    const char *request;
    size_t request_len;
    const char *result;
    size_t result_len;
    const char *reason;   /* why it failed, was cancelled or expired; or NULL */
    const char *executor; /* or NULL */
    const char *trace;    /* for store_trace_next; NULL when the request was not asked for */
    int64_t attempts;
    int64_t tests_done;
    int64_t tests_total;
    int64_t created_ms; /* Redis' clock, since the epoch; 0: not yet */
    int64_t started_ms;
    int64_t finished_ms;
    /* Of the callback; NULL and 0 where there is none, or nothing to say yet. */
    const char *callback;       /* URL */
    const char *callback_state; /* "pending", "delivered" or "failed", from the job's end on */
    const char *callback_error; /* of the last attempt */
    int64_t callback_attempts;
    int64_t callback_status; /* HTTP, of the last attempt */
    int64_t callback_at_ms;
};
/* What befell a job. Past some forty events the second is forgotten for each new one. */
struct store_trace {
    int64_t at_ms;  /* Redis' clock, since the epoch */
    char event[16]; /* "queued", "claimed", "returned", "reaped", "cancelling", or the name of a final state */
    int64_t attempts;
    int64_t renewals;   /* of the lease of the last of them */
    const char *detail; /* the executor that claimed it, or why; detail_len bytes */
    size_t detail_len;
};
/* The next event, *at moving over a job's trace; false at its end. */
bool store_trace_next(const char **at, struct store_trace *ret_trace);
/* job is NULL when there is no such id. Checking the owner is the caller's. */
void store_get(struct store *store, const char *id, bool with_request,
               void (*cb)(void *arg, const struct err *err, const struct store_job *job), void *arg);

/* Bytes of somebody else's. */
struct store_text {
    const char *data;
    size_t len;
};
/* A running job as it goes: the job without request and result, and up to 100 of this attempt's events from the place
 * `from` on (from the first, when `attempt` is not the job's). job is NULL when there is no such id. */
void store_follow(struct store *store, const char *id, int64_t attempt, size_t from,
                  void (*cb)(void *arg, const struct err *err, const struct store_job *job,
                             const struct store_text *events, size_t count),
                  void *arg);

enum store_cancelled {
    STORE_CANCELLED,
    STORE_CANCEL_REQUESTED /* it runs */,
    STORE_CANCEL_FINISHED,
    STORE_CANCEL_NONE
};
/* owner: "" or a key's id that must match, NULL: any. */
void store_cancel(struct store *store, const char *id, const char *owner,
                  void (*cb)(void *arg, const struct err *err, enum store_cancelled outcome), void *arg);

/* A token bucket: `burst` requests at once, and one more every `interval_us`. */
struct store_bucket {
    const char *name; /* "ip:192.0.2.1" */
    int64_t burst;
    int64_t interval_us;
};
enum { STORE_BUCKETS_MOST = 2 };
struct store_bucket_state {
    bool allowed;
    int64_t remaining;
    int64_t full_us; /* until it is full */
    int64_t wait_us; /* until it has `need`; 0: it has */
};
/* When each of 1 to STORE_BUCKETS_MOST buckets has `need` requests left they all pay `cost` (> 0), into debt if they
 * must; else none does. states[i] answers buckets[i]. */
void store_limit(struct store *store, const struct store_bucket *buckets, size_t count, int64_t need, int64_t cost,
                 void (*cb)(void *arg, const struct err *err, const struct store_bucket_state *states), void *arg);

struct store_queue_load {
    const char *language;
    int64_t waiting; /* both lists */
    int64_t active;  /* leases */
    int64_t completed;
    int64_t failed;
    int64_t cancelled;
    int64_t expired;
};
/* How often an executor calls store_beat, and for how long one beat keeps it alive. */
enum { STORE_BEAT_MS = 2000, STORE_ALIVE_MS = 3 * STORE_BEAT_MS };
struct store_executor_load {
    const char *id;   /* "python-1" */
    const char *info; /* JSON as store_beat got it */
    size_t info_len;
    int64_t seen_ms; /* Redis' clock */
    bool alive;      /* seen within STORE_ALIVE_MS, and not unregistered */
    bool lost;       /* silent for three times that, less than ten minutes, without having unregistered */
};
struct store_load {
    const struct store_queue_load *queues;
    size_t queue_count;
    const struct store_executor_load *executors; /* last seen first; with them at most 256 that are gone */
    size_t executor_count;
    int64_t now_ms;
};
void store_load(struct store *store, const char *const *languages, size_t count,
                void (*cb)(void *arg, const struct err *err, const struct store_load *load), void *arg);

/* A callback that is due: now the caller's for lease_ms, after which another master takes it. */
struct store_callback {
    const char *id;
    const char *url;
    int64_t attempt; /* from 1 */
    int64_t finished_ms;
};
/* Up to `most`, of all these languages. */
void store_callbacks(struct store *store, const char *const *languages, size_t count, int64_t lease_ms, size_t most,
                     int64_t max_attempts,
                     void (*cb)(void *arg, const struct err *err, const struct store_callback *due, size_t count),
                     void *arg);
/* What an attempt came to. retry_ms: when to try again; or < 0, and it has ended. */
struct store_called {
    const char *id;
    int64_t attempt;
    bool delivered;
    int64_t status; /* HTTP; 0: no answer */
    const char *error;
    int64_t retry_ms;
};
void store_called(struct store *store, const struct store_called *called, void (*cb)(void *arg, const struct err *err),
                  void *arg);

/* One of the last jobs, without what was asked and what came out. */
struct store_recent {
    const char *id;
    enum job_state state;
    const char *verdict;  /* or NULL */
    const char *executor; /* or NULL */
    int64_t created_ms;   /* Redis' clock; 0: not yet, as for the next two */
    int64_t started_ms;
    int64_t finished_ms;
    int64_t attempts;
    int64_t tests_done;
    int64_t tests_total;
};
/* A language's, the newest first; at most 100 are remembered, and 100 of each owner. owner NULL: all. */
void store_recent(struct store *store, const char *language, const char *owner,
                  void (*cb)(void *arg, const struct err *err, const struct store_recent *jobs, size_t count),
                  void *arg);

/* What was counted since the first day, in all masters and executors. */
struct store_counter {
    const char *name; /* PROTOCOL.md: "enqueued", "completed", "verdict:accepted" … */
    int64_t value;
};
struct store_counters {
    int64_t waiting;
    int64_t running;
    int64_t dead;
    const struct store_counter *counters;
    size_t counter_count;
};
/* rows[i] is of languages[i]. */
void store_counters(struct store *store, const char *const *languages, size_t count,
                    void (*cb)(void *arg, const struct err *err, const struct store_counters *rows), void *arg);

/* An execution's part in the figures of its language, its owner and its user. */
enum { STORE_USAGE_HOURS = 168, STORE_USAGE_USERS_MOST = 10000 };
struct store_execution {
    const char *owner; /* "" without keys */
    const char *user;  /* or NULL */
    enum job_state state;
    bool accepted;
    int64_t ms;
    int64_t memory_kb; /* the greatest peak of its tests */
};
/* In this hour's bucket. Lost when the caller dies before: a figure, not a promise. */
void store_record(struct store *store, const char *language, const struct store_execution *done,
                  void (*cb)(void *arg, const struct err *err), void *arg);
struct store_usage {
    int64_t executions;
    int64_t accepted;
    int64_t completed;
    int64_t failed;
    int64_t cancelled;
    int64_t ms; /* sum, as the next */
    int64_t memory_kb;
    int64_t memory_peak_kb;
    int64_t to_100_ms; /* executions that took no longer */
    int64_t to_1000_ms;
};
/* Over the last 1 to STORE_USAGE_HOURS hours, this one among them: rows[i] is of languages[i]. owner NULL: of all, ""
 * as well; user NULL: of all users. */
void store_usage(struct store *store, const char *const *languages, size_t count, int64_t hours, const char *owner,
                 const char *user, void (*cb)(void *arg, const struct err *err, const struct store_usage *rows),
                 void *arg);

/* Something that every executor of some languages is to do once. It answers under the errand's id, for each of these
 * languages that it serves, as often as there is something new; answers are kept for ten minutes. */
enum store_errand_kind {
    STORE_PREPARE, /* make what the toolchain wants, and look at its version again */
    STORE_SWEEP,   /* remove work directories that dead executors left */
};
enum { STORE_ERRAND_ID_SIZE = 17 };
/* heard[i] executors that serve languages[i] heard it. id: 1 to 16 letters or digits of the caller's making. */
void store_tell(struct store *store, enum store_errand_kind kind, const char *const *languages, size_t count,
                const char *id, void (*cb)(void *arg, const struct err *err, const int64_t *heard), void *arg);
struct store_answer {
    const char *language;
    const char *executor;
    const char *text; /* JSON, as store_answer got it */
    size_t text_len;
};
/* languages must outlive the callback. */
void store_answers(struct store *store, const char *const *languages, size_t count, const char *id,
                   void (*cb)(void *arg, const struct err *err, const struct store_answer *answers, size_t count),
                   void *arg);
/* Takes executors out of the registry that were not seen for gone_ms. */
void store_forget_executors(struct store *store, int64_t gone_ms,
                            void (*cb)(void *arg, const struct err *err, const int64_t *count), void *arg);

/* One pass over a language's leases and stale queue heads. Any master, once a second. */
struct store_reaped {
    int64_t requeued;
    int64_t failed;
    int64_t cancelled;
    int64_t expired;
};
void store_reap(struct store *store, const char *language,
                void (*cb)(void *arg, const struct err *err, const struct store_reaped *reaped), void *arg);

/* A job that was given up on. Those whose hash has expired are left out. */
struct store_dead {
    const char *id;
    const char *owner;
    const char *reason;
    int64_t attempts;
    int64_t finished_ms;
};
/* A language's, the oldest first; at most 1000 are remembered. */
void store_dead_list(struct store *store, const char *language,
                     void (*cb)(void *arg, const struct err *err, const struct store_dead *jobs, size_t count),
                     void *arg);
/* Back to the end of its queue as if it were new. queued: false when it is not on the dead list (any more). */
void store_dead_retry(struct store *store, const char *id, void (*cb)(void *arg, const struct err *err, bool queued),
                      void *arg);

/* Hints that a job changed (its state became final, or started): on_done with its id. on_resync after every
 * (re)subscription: hints may have been lost, read again. Once per store. */
void store_watch_done(struct store *store, const char *const *languages, size_t count,
                      void (*on_done)(void *arg, const char *id), void (*on_resync)(void *arg), void *arg);

/* The same hints, and those of progress within a job. Once per store. */
void store_watch_changes(struct store *store, const char *const *languages, size_t count,
                         void (*on_change)(void *arg, const char *id), void (*on_resync)(void *arg), void *arg);

/* ---- executor ----------------------------------------------------------------------------------------------- */

struct store_claimed {
    const char *id;
    const char *token; /* 32 hex digits; names this attempt */
    const char *owner;
    const char *request;
    size_t request_len;
    int64_t attempt; /* from 1 */
    int64_t created_ms;
};
/* job is NULL when the language's lists are empty. */
void store_claim(struct store *store, const char *language, const char *executor,
                 void (*cb)(void *arg, const struct err *err, const struct store_claimed *job), void *arg);

enum store_lease { STORE_LEASE_KEPT, STORE_LEASE_LOST, STORE_LEASE_CANCELLED };
struct store_held {
    const char *id;
    const char *token;
};
/* All of an executor's jobs of one language in one call; leases[i] answers held[i]. */
void store_renew(struct store *store, const char *language, const struct store_held *held, size_t count,
                 void (*cb)(void *arg, const struct err *err, const enum store_lease *leases, size_t count), void *arg);

/* tests_done of this attempt, and what is to be added to the job's list of events. */
void store_progress(struct store *store, const struct store_held *held, int64_t tests_done,
                    const struct store_text *events, size_t count,
                    void (*cb)(void *arg, const struct err *err, enum store_lease lease), void *arg);

struct store_completion {
    const char *id;
    const char *token;
    enum job_state state; /* completed, failed or cancelled */
    const char *verdict;  /* name, for the counters */
    const char *result;   /* stored JSON, or NULL */
    size_t result_len;
    const char *reason; /* or NULL */
};
void store_complete(struct store *store, const struct store_completion *done,
                    void (*cb)(void *arg, const struct err *err, enum store_lease lease), void *arg);

/* Gives a claimed job back to the head of its queue. counts_as_attempt: false for a drain. reason (or NULL) is for
 * people, should this have been its last attempt. */
void store_requeue(struct store *store, const struct store_held *held, bool counts_as_attempt, const char *reason,
                   void (*cb)(void *arg, const struct err *err, enum store_lease lease), void *arg);

/* A stored result under a name of the caller's making (letters and digits), kept for the result TTL. result is NULL
 * when there is none. A full Redis keeps none. */
void store_cached(struct store *store, const char *language, const char *name,
                  void (*cb)(void *arg, const struct err *err, const char *result, size_t len), void *arg);
void store_cache(struct store *store, const char *language, const char *name, const char *result, size_t len,
                 void (*cb)(void *arg, const struct err *err), void *arg);

/* Registers (or refreshes) this executor. info: JSON object, what /load, /languages and /health show of it. */
void store_beat(struct store *store, const char *executor, const char *info,
                void (*cb)(void *arg, const struct err *err), void *arg);
void store_unregister(struct store *store, const char *executor, void (*cb)(void *arg, const struct err *err),
                      void *arg);

/* Waits on a blocking connection of its own for a wake token of any of the languages, over and over: on_wake with the
 * language, or with NULL every 5 s and after each (re)connect (look at all). Once per store. */
void store_watch_wake(struct store *store, const char *const *languages, size_t count,
                      void (*on_wake)(void *arg, const char *language), void *arg);
/* An executor without a free slot pauses: else it takes tokens that an idle one waits for. A token that still comes is
 * given back. Whoever resumes claims first, of its own accord. */
void store_wake_pause(struct store *store, bool paused);

struct store_errand {
    enum store_errand_kind kind;
    char language[JOB_LANGUAGE_MAX + 1];
    char id[STORE_ERRAND_ID_SIZE]; /* "": a master that wants no answer */
};
/* What on_cancel below may get in place of a job's id. false: it is none that this release knows. */
bool store_errand_read(const char *word, struct store_errand *ret_errand);
void store_answer(struct store *store, const struct store_errand *errand, const char *executor, const char *text,
                  void (*cb)(void *arg, const struct err *err), void *arg);

/* Hints that a running job was cancelled: on_cancel with its id; or errands. on_resync as above. Once per store. */
void store_watch_control(struct store *store, const char *const *languages, size_t count,
                         void (*on_cancel)(void *arg, const char *id), void (*on_resync)(void *arg), void *arg);

#endif
