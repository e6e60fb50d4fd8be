/* Token buckets in Redis, so that all masters count together (scripts/limit.lua). */
#include "store_internal.h"

#include <string.h>

enum { ROW = 4 };

static bool read_row(const redisReply *row, struct store_bucket_state *out)
{
    if (!reply_is_array(row, ROW))
        return false;
    *out = (struct store_bucket_state){
        .allowed = reply_int(row->element[0]) == 1,
        .remaining = reply_int(row->element[1]),
        .full_us = reply_int(row->element[2]),
        .wait_us = reply_int(row->element[3]),
    };
    return true;
}

static void on_limit(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct store_bucket_state states[STORE_BUCKETS_MOST] = {0};
    struct err malformed;
    bool good = !err && reply_is_array(reply, op->count);
    for (size_t i = 0; good && i < op->count; i++)
        good = read_row(reply->element[i], &states[i]);
    if (!err && !good)
        err = reply_malformed(&malformed, "limit");
    op->cb.limit(op->arg, err, err ? NULL : states);
}

void store_limit(struct store *store, const struct store_bucket *buckets, size_t count, int64_t need, int64_t cost,
                 void (*cb)(void *arg, const struct err *err, const struct store_bucket_state *states), void *arg)
{
    assert(count > 0 && count <= STORE_BUCKETS_MOST);
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.limit = cb;
    op->count = count;
    for (size_t i = 0; i < count; i++)
        args_own(&a, xasprintf("%s:limit:%s", store->options.prefix, buckets[i].name));
    for (size_t i = 0; i < count; i++) {
        args_int(&a, buckets[i].burst);
        args_int(&a, buckets[i].interval_us);
    }
    args_int(&a, need);
    args_int(&a, cost);
    store_op_eval(op, &store_script_limit, (int)count, &a, on_limit);
}
