/* What Redis has counted for all masters and executors together (scripts/counters.lua). */
#include "store_internal.h"

#include <string.h>

enum { ROW_HEAD = 3 };

static void put_counters(struct store_counters *out, const redisReply *row, struct store_counter *counters)
{
    out->waiting = reply_int(row->element[0]);
    out->running = reply_int(row->element[1]);
    out->dead = reply_int(row->element[2]);
    out->counters = counters;
    for (size_t i = ROW_HEAD; i + 1 < row->elements; i += 2) {
        const char *name = reply_str(row->element[i]);
        if (name)
            counters[out->counter_count++] = (struct store_counter){name, reply_int(row->element[i + 1])};
    }
}

static void on_counters(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct err malformed;
    size_t all = 0;
    bool good = !err && reply_is_array(reply, op->count);
    for (size_t i = 0; good && i < op->count; i++) {
        good = reply_is_array(reply->element[i], ROW_HEAD);
        all += good ? reply->element[i]->elements : 0;
    }
    if (!err && !good)
        err = reply_malformed(&malformed, "counters");
    if (err) {
        op->cb.counters(op->arg, err, NULL);
        return;
    }
    cleanup_free struct store_counters *rows = xcalloc(op->count + 1, sizeof *rows);
    cleanup_free struct store_counter *counters = xcalloc(all + 1, sizeof *counters);
    size_t used = 0;
    for (size_t i = 0; i < op->count; i++) {
        put_counters(&rows[i], reply->element[i], counters + used);
        used += rows[i].counter_count;
    }
    op->cb.counters(op->arg, NULL, rows);
}

void store_counters(struct store *store, const char *const *languages, size_t count,
                    void (*cb)(void *arg, const struct err *err, const struct store_counters *rows), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.counters = cb;
    op->count = count;
    for (size_t i = 0; i < count; i++)
        args_own(&a, store_base(store, languages[i]));
    store_op_eval(op, &store_script_counters, (int)count, &a, on_counters);
}
