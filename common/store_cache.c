/* Results that may answer again, under a name that the caller makes of everything they depend on. */
#include "store_internal.h"

static char *cache_key(const struct store *store, const char *language, const char *name)
{
    cleanup_free char *base = store_base(store, language);
    return xasprintf("%s:cache:%s", base, name);
}

static void on_found(struct store_op *op, struct err *err, const redisReply *reply)
{
    const char *result = err ? NULL : reply_str(reply);
    op->cb.cached(op->arg, err, result, result ? reply->len : 0);
}

void store_cached(struct store *store, const char *language, const char *name,
                  void (*cb)(void *arg, const struct err *err, const char *result, size_t len), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.cached = cb;
    args_str(&a, "GET");
    args_own(&a, cache_key(store, language, name));
    store_op_command(op, &a, on_found);
}

static void on_kept(struct store_op *op, struct err *err, const redisReply *reply)
{
    (void)reply;
    op->cb.plain(op->arg, err);
}

void store_cache(struct store *store, const char *language, const char *name, const char *result, size_t len,
                 void (*cb)(void *arg, const struct err *err), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.plain = cb;
    args_str(&a, "SET");
    args_own(&a, cache_key(store, language, name));
    args_bytes(&a, result, len);
    args_str(&a, "PX");
    args_int(&a, store->options.result_ttl_ms);
    store_op_command(op, &a, on_kept);
}
