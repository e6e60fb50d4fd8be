/* The operations of whoever delivers callbacks. */
#include "store_internal.h"

static bool read_callback(const redisReply *row, struct store_callback *out)
{
    char language[JOB_LANGUAGE_MAX + 1];
    if (!reply_is_array(row, 4))
        return false;
    out->id = reply_str(row->element[0]);
    out->url = reply_str(row->element[1]);
    out->attempt = reply_int(row->element[2]);
    out->finished_ms = reply_int(row->element[3]);
    return out->id && out->url && job_id_language(out->id, language) == 0;
}

static void on_callbacks(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct err malformed;
    size_t count = !err && reply_is_array(reply, 0) ? reply->elements : 0;
    cleanup_free struct store_callback *due = xcalloc(count + 1, sizeof *due);
    bool good = !err && reply_is_array(reply, 0);
    for (size_t i = 0; i < count; i++)
        good = good && read_callback(reply->element[i], &due[i]);
    if (!err && !good)
        err = reply_malformed(&malformed, "callbacks");
    op->cb.callbacks(op->arg, err, err ? NULL : due, err ? 0 : count);
}

void store_callbacks(struct store *store, const char *const *languages, size_t count, int64_t lease_ms, size_t most,
                     int64_t max_attempts,
                     void (*cb)(void *arg, const struct err *err, const struct store_callback *due, size_t count),
                     void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.callbacks = cb;
    for (size_t i = 0; i < count; i++)
        args_own(&a, store_base(store, languages[i]));
    args_int(&a, lease_ms);
    args_int(&a, (int64_t)most);
    args_int(&a, max_attempts);
    store_op_eval(op, &store_script_callbacks, (int)count, &a, on_callbacks);
}

static void on_called(struct store_op *op, struct err *err, const redisReply *reply)
{
    (void)reply; /* "lost": another master is at it, and says what it came to */
    op->cb.plain(op->arg, err);
}

void store_called(struct store *store, const struct store_called *called, void (*cb)(void *arg, const struct err *err),
                  void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.plain = cb;
    args_own(&a, store_base_of_id(store, called->id));
    args_str(&a, called->id);
    args_int(&a, called->attempt);
    args_str(&a, called->delivered ? "delivered" : called->retry_ms < 0 ? "failed" : "pending");
    args_int(&a, called->status);
    args_str(&a, called->error);
    args_int(&a, called->retry_ms);
    store_op_eval(op, &store_script_called, 1, &a, on_called);
}
