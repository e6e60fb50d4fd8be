/* A store's life: its command connection, the checks that a server must pass, and the frame in which every operation
 * runs. Operations are in store_master.c and store_executor.c, what listens in store_watch.c.
 * Invariants: operations go out only in READY; an operation ends in exactly one callback. */
#include "store_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct metric store_metric_seconds = {.name = "sentinel_redis_request_duration_seconds",
                                      .help = "From a command's start to its answer.",
                                      .type = METRIC_HISTOGRAM,
                                      METRIC_SECONDS};
struct metric store_metric_connects = {
    .name = "sentinel_redis_connects_total", .help = "Times that Redis was connected to.", .type = METRIC_COUNTER};

enum { RECHECK_MS = 1000, REDIS_MAJOR_LEAST = 7 };

/* ---- arguments and replies ------------------------------------------------------------------------------------ */

static void args_add(struct args *a, const char *data, size_t len, bool owned)
{
    if (a->argc == a->cap) {
        a->cap = a->cap ? 2 * a->cap : 16;
        a->argv = xrealloc(a->argv, (size_t)a->cap * sizeof *a->argv);
        a->lens = xrealloc(a->lens, (size_t)a->cap * sizeof *a->lens);
        a->owned = xrealloc(a->owned, (size_t)a->cap * sizeof *a->owned);
    }
    a->argv[a->argc] = data;
    a->lens[a->argc] = len;
    a->owned[a->argc++] = owned;
}

void args_bytes(struct args *a, const char *data, size_t len)
{
    args_add(a, data ? data : "", data ? len : 0, false);
}

void args_str(struct args *a, const char *s)
{
    args_bytes(a, s, s ? strlen(s) : 0);
}

void args_int(struct args *a, int64_t n)
{
    args_own(a, xasprintf("%" PRId64, n));
}

void args_own(struct args *a, char *s)
{
    args_add(a, s, strlen(s), true);
}

void args_finish(struct args *a)
{
    for (int i = 0; i < a->argc; i++)
        if (a->owned[i])
            free((char *)a->argv[i]);
    free(a->argv);
    free(a->lens);
    free(a->owned);
    *a = (struct args){0};
}

bool reply_is_array(const redisReply *reply, size_t least)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements >= least;
}

const char *reply_str(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? reply->str : NULL;
}

int64_t reply_int(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER)
        return reply->integer;
    const char *text = reply_str(reply);
    char *end = NULL;
    long long n = text ? strtoll(text, &end, 10) : 0;
    return text && *end == '\0' ? n : 0;
}

struct err *reply_malformed(struct err *err, const char *what)
{
    err_set(err, EIO, "Redis' reply to %s has a form that the protocol does not know", what);
    return err;
}

char *store_base(const struct store *store, const char *language)
{
    return xasprintf("%s:{%s}", store->options.prefix, language);
}

char *store_base_of_id(const struct store *store, const char *id)
{
    char language[JOB_LANGUAGE_MAX + 1] = "";
    if (job_id_language(id, language) < 0)
        language[0] = '\0';
    return store_base(store, language);
}

/* ---- operations ----------------------------------------------------------------------------------------------- */

struct store_op *store_op_new(struct store *store, void *arg)
{
    struct store_op *op = xcalloc(1, sizeof *op);
    op->store = store;
    op->arg = arg;
    op->since_ns = uv_hrtime();
    return op;
}

static void on_op_reply(void *arg, const redisReply *reply)
{
    struct store_op *op = arg;
    struct err err = {0};
    metric_observe(&store_metric_seconds, (double)(uv_hrtime() - op->since_ns) / 1e9);
    if (!reply)
        err_set(&err, EAGAIN, "Redis gave no answer (%s)", store_state(op->store));
    else if (reply->type == REDIS_REPLY_ERROR)
        err_set(&err, EIO, "%s", reply->str);
    op->on_reply(op, err.code ? &err : NULL, reply);
    free(op->languages);
    free(op->strings);
    free(op);
}

void store_op_eval(struct store_op *op, const struct redis_script *script, int key_count, struct args *a,
                   void (*on_reply)(struct store_op *op, struct err *err, const redisReply *reply))
{
    op->on_reply = on_reply;
    if (op->store->phase == STORE_READY)
        redis_eval(op->store->commands, script, key_count, a->argc, a->argv, a->lens, on_op_reply, op);
    else
        redis_refuse(op->store->commands, on_op_reply, op);
    args_finish(a);
}

void store_op_command(struct store_op *op, struct args *a,
                      void (*on_reply)(struct store_op *op, struct err *err, const redisReply *reply))
{
    op->on_reply = on_reply;
    if (op->store->phase == STORE_READY)
        redis_command(op->store->commands, a->argc, a->argv, a->lens, 0, on_op_reply, op);
    else
        redis_refuse(op->store->commands, on_op_reply, op);
    args_finish(a);
}

/* ---- readiness ------------------------------------------------------------------------------------------------ */

bool store_ready(const struct store *store)
{
    return store->phase == STORE_READY;
}

const char *store_state(const struct store *store)
{
    switch (store->phase) {
    case STORE_READY:
        return "connected";
    case STORE_REFUSED:
        return store->why;
    case STORE_CLOSING:
        return "closing";
    case STORE_CONNECTING:
        return redis_client_state(store->commands);
    case STORE_CHECKING:
        return "connecting";
    }
    abort();
}

static void on_recheck(uv_timer_t *timer)
{
    struct store *store = container_of(timer, struct store, recheck);
    redis_client_drop(store->commands); /* by now its name may lead to another server */
}

static void tell_ready(struct store *store)
{
    store->told[0] = '\0';
    if (store->options.on_state)
        store->options.on_state(store->options.arg, true);
}

/* Once for each reason, however often it is tried. */
static void tell_not_ready(struct store *store)
{
    const char *state = store_state(store);
    if (strcmp(store->told, state) == 0)
        return;
    snprintf(store->told, sizeof store->told, "%s", state);
    if (store->options.on_state)
        store->options.on_state(store->options.arg, false);
}

static void refuse_server(struct store *store, const char *why)
{
    snprintf(store->why, sizeof store->why, "%s", why);
    store->phase = STORE_REFUSED;
    uv_timer_start(&store->recheck, on_recheck, RECHECK_MS, 0);
    tell_not_ready(store);
}

/* The value of "name:value\r\n" in INFO's text, or "". */
static void info_value(const char *info, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    const char *at = info;
    while ((at = strstr(at, name)) && !(at[len] == ':' && (at == info || at[-1] == '\n')))
        at += len;
    const char *value = at ? at + len + 1 : "";
    snprintf(out, size, "%.*s", (int)strcspn(value, "\r\n"), value);
}

static int check_info(const char *info, struct err *err)
{
    char version[32], policy[64], role[32];
    info_value(info, "redis_version", version, sizeof version);
    info_value(info, "maxmemory_policy", policy, sizeof policy);
    info_value(info, "role", role, sizeof role);
    if (strtol(version, NULL, 10) < REDIS_MAJOR_LEAST)
        return err_set(err, EPROTONOSUPPORT, "Redis is version %s, must be %d or newer", version, REDIS_MAJOR_LEAST);
    if (strcmp(policy, "noeviction") != 0)
        return err_set(err, EPERM, "maxmemory-policy is %s, must be noeviction", policy);
    if (strcmp(role, "master") != 0)
        return err_set(err, EROFS, "Redis is a replica, must be a master");
    return 0;
}

static void on_check(void *arg, const redisReply *reply)
{
    struct store *store = arg;
    if (!reply || store->phase != STORE_CHECKING)
        return;
    struct err err = {0};
    if (reply->type == REDIS_REPLY_ERROR || !reply->str)
        refuse_server(store, reply->str ? reply->str : "this does not answer like Redis");
    else if (strstr(reply->str, "redis_version") && check_info(reply->str, &err) < 0)
        refuse_server(store, err.msg);
    if (--store->checks_left == 0 && store->phase == STORE_CHECKING) {
        store->phase = STORE_READY;
        tell_ready(store);
    }
}

static void check(struct store *store, int argc, const char **argv)
{
    store->checks_left++;
    redis_command(store->commands, argc, argv, NULL, 0, on_check, store);
}

static void on_connection(void *arg, bool connected)
{
    struct store *store = arg;
    if (store->phase == STORE_CLOSING)
        return;
    uv_timer_stop(&store->recheck);
    if (connected) {
        metric_add(&store_metric_connects, 1);
        store->phase = STORE_CHECKING;
        store->checks_left = 0;
        check(store, 1, (const char *[]){"INFO"});
        for (size_t i = 0; store_scripts[i]; i++)
            check(store, 3, (const char *[]){"SCRIPT", "LOAD", store_scripts[i]->text});
        return;
    }
    if (store->phase != STORE_REFUSED)
        store->phase = STORE_CONNECTING;
    tell_not_ready(store);
}

/* ---- creating and ending -------------------------------------------------------------------------------------- */

/* Key names and ACL patterns are built on it. */
static int check_prefix(const char *prefix, struct err *err)
{
    size_t len = strlen(prefix);
    bool plain = strspn(prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-") == len;
    if (len == 0 || len > 64 || !plain)
        return err_set(err, EINVAL, "the prefix must be 1 to 64 letters, digits, or one of _ . : -");
    return 0;
}

struct store_options store_options_of(const struct config *config)
{
    return (struct store_options){
        .url = config->redis_url,
        .tls = {.ca_file = config->redis_ca_file,
                .cert_file = config->redis_cert_file,
                .key_file = config->redis_key_file,
                .server_name = config->redis_server_name,
                .unverified = strcmp(config->redis_verify, "false") == 0},
        .prefix = config->prefix,
        .deadline_ms = config->redis_deadline_ms,
        .result_ttl_ms = config->result_ttl_s * 1000,
        .queue_ttl_ms = config->queue_ttl_s * 1000,
        .lease_ms = config->lease_ms,
        .max_attempts = config->max_attempts,
        .queue_cap = config->queue_cap,
    };
}

int store_create(uv_loop_t *loop, const struct store_options *options, struct store **ret_store, struct err *err)
{
    int rc = check_prefix(options->prefix, err);
    if (rc < 0)
        return rc;
    struct store *store = xcalloc(1, sizeof *store);
    struct redis_options connection = {
        .url = options->url,
        .name = options->client_name,
        .deadline_ms = options->deadline_ms,
        .tls = options->tls,
        .on_state = on_connection,
        .arg = store,
    };
    rc = redis_client_create(loop, &connection, &store->commands, err);
    if (rc < 0) {
        free(store);
        return rc;
    }
    store->loop = loop;
    store->options = *options;
    store->options.url = xstrdup(options->url);
    store->options.prefix = xstrdup(options->prefix);
    store->options.client_name = xstrdup(options->client_name);
    uv_timer_init(loop, &store->recheck);
    store->open = 2;
    *ret_store = store;
    return 0;
}

void store_release(struct store *store)
{
    if (--store->open > 0)
        return;
    free((char *)store->options.url);
    free((char *)store->options.prefix);
    free((char *)store->options.client_name);
    void (*on_closed)(void *arg) = store->on_closed;
    void *arg = store->closed_arg;
    free(store);
    if (on_closed)
        on_closed(arg);
}

static void on_recheck_closed(uv_handle_t *handle)
{
    store_release(container_of((uv_timer_t *)(void *)handle, struct store, recheck));
}

static void on_commands_closed(void *arg)
{
    store_release(arg);
}

void store_destroy(struct store *store, void (*on_closed)(void *arg), void *arg)
{
    store->phase = STORE_CLOSING;
    store->on_closed = on_closed;
    store->closed_arg = arg;
    if (store->done)
        store_watch_destroy(store->done);
    if (store->control)
        store_watch_destroy(store->control);
    if (store->changes)
        store_watch_destroy(store->changes);
    if (store->wake)
        store_wake_destroy(store->wake);
    redis_client_destroy(store->commands, on_commands_closed, store);
    uv_close((uv_handle_t *)&store->recheck, on_recheck_closed);
}
