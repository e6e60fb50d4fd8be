/* The operations of an executor: claim, renew, progress, complete, requeue, and its place in the registry. */
#include "store_internal.h"

#include <errno.h>
#include <string.h>

/* ---- claim ---------------------------------------------------------------------------------------------------- */

static bool read_claimed(const struct store_op *op, const redisReply *reply, struct store_claimed *out)
{
    if (!reply_is_array(reply, 5))
        return false;
    redisReply *const *field = reply->element;
    const char *owner = reply_str(field[1]);
    out->id = reply_str(field[0]);
    out->token = op->token;
    out->owner = owner ? owner : "";
    out->request = reply_str(field[2]);
    out->request_len = out->request ? field[2]->len : 0;
    out->attempt = reply_int(field[3]);
    out->created_ms = reply_int(field[4]);
    return out->id && out->request;
}

static void on_claim(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct store_claimed job = {0};
    struct err malformed;
    bool none = !err && reply->type == REDIS_REPLY_NIL;
    const char *word = err ? NULL : reply_str(reply);
    if (word && strcmp(word, "again") == 0) {
        store_claim(op->store, op->language, op->executor, op->cb.claim, op->arg);
        return;
    }
    if (!err && !none && !read_claimed(op, reply, &job))
        err = reply_malformed(&malformed, "claim");
    op->cb.claim(op->arg, err, err || none ? NULL : &job);
}

void store_claim(struct store *store, const char *language, const char *executor,
                 void (*cb)(void *arg, const struct err *err, const struct store_claimed *job), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    unsigned char token[16];
    op->cb.claim = cb;
    random_bytes(token, sizeof token);
    hex_encode(token, sizeof token, op->token);
    size_t language_size = strlen(language) + 1, executor_size = strlen(executor) + 1;
    op->strings = xmalloc(language_size + executor_size);
    op->language = memcpy(op->strings, language, language_size);
    op->executor = memcpy(op->strings + language_size, executor, executor_size);
    args_own(&a, store_base(store, language));
    args_str(&a, executor);
    args_str(&a, op->token);
    args_int(&a, store->options.lease_ms);
    args_int(&a, JOB_VERSION);
    store_op_eval(op, &store_script_claim, 1, &a, on_claim);
}

/* ---- what a lease's holder asks ------------------------------------------------------------------------------- */

/* What became of a lease, from a script's word. A requeued job's holder has nothing more to do, whatever came of it. */
static bool read_lease(const redisReply *reply, enum store_lease *out)
{
    static const struct {
        const char *word;
        enum store_lease lease;
    } words[] = {
        {"cancelled", STORE_LEASE_CANCELLED}, {"failed", STORE_LEASE_KEPT}, {"kept", STORE_LEASE_KEPT},
        {"lost", STORE_LEASE_LOST},           {"queued", STORE_LEASE_KEPT},
    };
    const char *word = reply_str(reply);
    for (size_t i = 0; word && i < ARRAY_LEN(words); i++)
        if (strcmp(word, words[i].word) == 0) {
            *out = words[i].lease;
            return true;
        }
    return false;
}

static void on_renew(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct err malformed;
    cleanup_free enum store_lease *leases = xcalloc(op->count, sizeof *leases);
    bool good = !err && reply_is_array(reply, op->count);
    for (size_t i = 0; good && i < op->count; i++)
        good = read_lease(reply->element[i], &leases[i]);
    if (!err && !good)
        err = reply_malformed(&malformed, "renew");
    op->cb.renew(op->arg, err, err ? NULL : leases, err ? 0 : op->count);
}

void store_renew(struct store *store, const char *language, const struct store_held *held, size_t count,
                 void (*cb)(void *arg, const struct err *err, const enum store_lease *leases, size_t count), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.renew = cb;
    op->count = count;
    args_own(&a, store_base(store, language));
    args_int(&a, store->options.lease_ms);
    for (size_t i = 0; i < count; i++) {
        args_str(&a, held[i].id);
        args_str(&a, held[i].token);
    }
    store_op_eval(op, &store_script_renew, 1, &a, on_renew);
}

static void on_lease(struct store_op *op, struct err *err, const redisReply *reply)
{
    enum store_lease lease = STORE_LEASE_LOST;
    struct err malformed;
    if (!err && !read_lease(reply, &lease))
        err = reply_malformed(&malformed, "a lease's holder");
    op->cb.lease(op->arg, err, lease);
}

static struct store_op *lease_op(struct store *store, const char *id, const char *token, struct args *a,
                                 void (*cb)(void *arg, const struct err *err, enum store_lease lease), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    op->cb.lease = cb;
    args_own(a, store_base_of_id(store, id));
    args_str(a, id);
    args_str(a, token);
    return op;
}

void store_progress(struct store *store, const struct store_held *held, int64_t tests_done,
                    const struct store_text *events, size_t count,
                    void (*cb)(void *arg, const struct err *err, enum store_lease lease), void *arg)
{
    struct args a = {0};
    struct store_op *op = lease_op(store, held->id, held->token, &a, cb, arg);
    args_int(&a, tests_done);
    for (size_t i = 0; i < count; i++)
        args_bytes(&a, events[i].data, events[i].len);
    store_op_eval(op, &store_script_progress, 1, &a, on_lease);
}

void store_complete(struct store *store, const struct store_completion *done,
                    void (*cb)(void *arg, const struct err *err, enum store_lease lease), void *arg)
{
    assert(done->state == JOB_COMPLETED || done->state == JOB_FAILED || done->state == JOB_CANCELLED);
    struct args a = {0};
    struct store_op *op = lease_op(store, done->id, done->token, &a, cb, arg);
    args_str(&a, job_state_name(done->state));
    args_str(&a, done->verdict);
    args_bytes(&a, done->result, done->result_len);
    args_str(&a, done->reason);
    store_op_eval(op, &store_script_complete, 1, &a, on_lease);
}

void store_requeue(struct store *store, const struct store_held *held, bool counts_as_attempt, const char *reason,
                   void (*cb)(void *arg, const struct err *err, enum store_lease lease), void *arg)
{
    struct args a = {0};
    struct store_op *op = lease_op(store, held->id, held->token, &a, cb, arg);
    args_int(&a, counts_as_attempt);
    args_int(&a, store->options.max_attempts);
    args_str(&a, reason);
    store_op_eval(op, &store_script_requeue, 1, &a, on_lease);
}

/* ---- the registry --------------------------------------------------------------------------------------------- */

static void on_plain(struct store_op *op, struct err *err, const redisReply *reply)
{
    (void)reply;
    op->cb.plain(op->arg, err);
}

void store_beat(struct store *store, const char *executor, const char *info,
                void (*cb)(void *arg, const struct err *err), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.plain = cb;
    args_own(&a, xasprintf("%s:executors", store->options.prefix));
    args_str(&a, executor);
    args_str(&a, info);
    store_op_eval(op, &store_script_beat, 1, &a, on_plain);
}

void store_unregister(struct store *store, const char *executor, void (*cb)(void *arg, const struct err *err),
                      void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.plain = cb;
    args_own(&a, xasprintf("%s:executors", store->options.prefix));
    args_str(&a, executor);
    args_int(&a, STORE_ALIVE_MS);
    store_op_eval(op, &store_script_leave, 1, &a, on_plain);
}
