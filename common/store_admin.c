/* What only an admin asks for. */
#include "store_internal.h"

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
