/* What only an admin asks for. */
#include "store_internal.h"

static void on_tell(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct err malformed;
    cleanup_free int64_t *heard = xcalloc(op->count + 1, sizeof *heard);
    bool good = !err && reply_is_array(reply, op->count);
    for (size_t i = 0; good && i < op->count; i++)
        heard[i] = reply_int(reply->element[i]);
    if (!err && !good)
        err = reply_malformed(&malformed, "tell");
    op->cb.counts(op->arg, err, err ? NULL : heard);
}

void store_tell_prepare(struct store *store, const char *const *languages, size_t count,
                        void (*cb)(void *arg, const struct err *err, const int64_t *heard), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.counts = cb;
    op->count = count;
    for (size_t i = 0; i < count; i++)
        args_own(&a, store_base(store, languages[i]));
    args_str(&a, "prepare");
    store_op_eval(op, &store_script_tell, (int)count, &a, on_tell);
}

static void on_forget(struct store_op *op, struct err *err, const redisReply *reply)
{
    int64_t count = err ? 0 : reply_int(reply);
    op->cb.counts(op->arg, err, err ? NULL : &count);
}

void store_forget_executors(struct store *store, int64_t gone_ms,
                            void (*cb)(void *arg, const struct err *err, const int64_t *count), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.counts = cb;
    args_own(&a, xasprintf("%s:executors", store->options.prefix));
    args_int(&a, gone_ms);
    store_op_eval(op, &store_script_forget, 1, &a, on_forget);
}
