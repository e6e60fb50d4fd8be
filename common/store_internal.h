/* What the store's own files share: the scripts (generated from scripts/), arguments, and operations under way. */
#ifndef SENTINEL_STORE_INTERNAL_H
#define SENTINEL_STORE_INTERNAL_H

#include "redis_client.h"
#include "store.h"

extern const struct redis_script store_script_answer;
extern const struct redis_script store_script_answers;
extern const struct redis_script store_script_beat;
extern const struct redis_script store_script_callbacks;
extern const struct redis_script store_script_called;
extern const struct redis_script store_script_cancel;
extern const struct redis_script store_script_claim;
extern const struct redis_script store_script_complete;
extern const struct redis_script store_script_counters;
extern const struct redis_script store_script_dead;
extern const struct redis_script store_script_enqueue;
extern const struct redis_script store_script_follow;
extern const struct redis_script store_script_forget;
extern const struct redis_script store_script_leave;
extern const struct redis_script store_script_limit;
extern const struct redis_script store_script_load;
extern const struct redis_script store_script_progress;
extern const struct redis_script store_script_reap;
extern const struct redis_script store_script_recent;
extern const struct redis_script store_script_record;
extern const struct redis_script store_script_renew;
extern const struct redis_script store_script_requeue;
extern const struct redis_script store_script_retry;
extern const struct redis_script store_script_tell;
extern const struct redis_script store_script_usage;
extern const struct redis_script store_script_wake;
extern const struct redis_script *const store_scripts[]; /* all of them, then NULL */

struct store_watch; /* hints on a subscriber connection */
struct store_wake;  /* wake tokens on a blocking connection */

enum store_phase {
    STORE_CONNECTING,
    STORE_CHECKING, /* version, policy, scripts */
    STORE_READY,
    STORE_REFUSED, /* `why` says what is wrong; looked at again on a fresh connection */
    STORE_CLOSING,
};

struct store {
    uv_loop_t *loop;
    struct store_options options; /* strings are copies */
    enum store_phase phase;
    char why[320];
    char told[320]; /* the last reason for which on_state heard that it is not ready; "" since it was */
    size_t checks_left;
    struct redis_client *commands;
    struct store_watch *done;
    struct store_watch *control;
    struct store_watch *changes;
    struct store_wake *wake;
    uv_timer_t recheck;
    int open; /* connections and handles that are not closed yet */
    void (*on_closed)(void *arg);
    void *closed_arg;
};

/* A command's words, growing. Data is borrowed until the command is sent, but for what args_* made itself. */
struct args {
    const char **argv;
    size_t *lens;
    bool *owned;
    int argc;
    int cap;
};

void args_bytes(struct args *a, const char *data, size_t len);
void args_str(struct args *a, const char *s); /* NULL is "" */
void args_int(struct args *a, int64_t n);
void args_own(struct args *a, char *s); /* frees it later */
void args_finish(struct args *a);

/* An operation whose reply is due: the caller's callback, and what is needed to understand the reply. */
struct store_op {
    struct store *store;
    /* err is NULL when the reply is not an error; its shape is still to be checked. */
    void (*on_reply)(struct store_op *op, struct err *err, const redisReply *reply);
    union {
        void (*enqueue)(void *, const struct err *, const struct store_enqueue_reply *);
        void (*get)(void *, const struct err *, const struct store_job *);
        void (*cancel)(void *, const struct err *, enum store_cancelled);
        void (*counters)(void *, const struct err *, const struct store_counters *);
        void (*limit)(void *, const struct err *, const struct store_bucket_state *);
        void (*load)(void *, const struct err *, const struct store_load *);
        void (*dead)(void *, const struct err *, const struct store_dead *, size_t);
        void (*retry)(void *, const struct err *, bool);
        void (*follow)(void *, const struct err *, const struct store_job *, const struct store_text *, size_t);
        void (*callbacks)(void *, const struct err *, const struct store_callback *, size_t);
        void (*recent)(void *, const struct err *, const struct store_recent *, size_t);
        void (*reap)(void *, const struct err *, const struct store_reaped *);
        void (*claim)(void *, const struct err *, const struct store_claimed *);
        void (*renew)(void *, const struct err *, const enum store_lease *, size_t);
        void (*lease)(void *, const struct err *, enum store_lease);
        void (*cached)(void *, const struct err *, const char *, size_t);
        void (*usage)(void *, const struct err *, const struct store_usage *);
        void (*counts)(void *, const struct err *, const int64_t *);
        void (*answers)(void *, const struct err *, const struct store_answer *, size_t);
        void (*plain)(void *, const struct err *);
    } cb;
    void *arg;
    uint64_t since_ns;
    size_t count;         /* of what was asked about */
    char token[33];       /* claim */
    const char *language; /* borrowed: see `strings` */
    const char *executor;
    const char **languages; /* load */
    char *strings;          /* the copies that the above point into */
};

struct store_op *store_op_new(struct store *store, void *arg) MUST_USE;
/* Sends it; a is finished. The operation is freed after on_reply. */
void store_op_eval(struct store_op *op, const struct redis_script *script, int key_count, struct args *a,
                   void (*on_reply)(struct store_op *op, struct err *err, const redisReply *reply));
void store_op_command(struct store_op *op, struct args *a,
                      void (*on_reply)(struct store_op *op, struct err *err, const redisReply *reply));

/* "<prefix>:{<language>}", and the base of an id's language; a malformed id gets a base under which nothing is ever
 * stored, so that it is simply not found. */
char *store_base(const struct store *store, const char *language) MUST_USE;
char *store_base_of_id(const struct store *store, const char *id) MUST_USE;

/* Replies come from a server that others can write to: these look at types before anything else. */
bool reply_is_array(const redisReply *reply, size_t least);
const char *reply_str(const redisReply *reply);                 /* NULL when it is no string */
int64_t reply_int(const redisReply *reply);                     /* an integer, or a string that is one; else 0 */
struct err *reply_malformed(struct err *err, const char *what); /* fills and returns it: code EIO */

void store_release(struct store *store); /* one of `open` is closed */
void store_watch_destroy(struct store_watch *watch);
void store_wake_destroy(struct store_wake *wake);

#endif
