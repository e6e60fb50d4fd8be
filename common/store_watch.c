/* What listens: hints on a subscriber connection, wake tokens on a blocking one. Neither shares a connection with
 * commands, which would wait behind them. Losing a hint or a token costs time, never truth. */
#include "store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WAKE_TICK_MS = 5000 };

/* ---- hints ---------------------------------------------------------------------------------------------------- */

struct store_watch {
    struct store *store;
    struct redis_client *client;
    void (*on_id)(void *arg, const char *id);
    void (*on_resync)(void *arg);
    void *arg;
};

static void on_message(void *arg, const char *channel, const char *data, size_t len)
{
    (void)channel;
    (void)len;
    struct store_watch *watch = arg;
    watch->on_id(watch->arg, data);
}

static void on_subscribed(void *arg)
{
    struct store_watch *watch = arg;
    if (watch->on_resync)
        watch->on_resync(watch->arg);
}

static struct redis_client *connect_more(struct store *store, void (*on_state)(void *arg, bool connected), void *arg)
{
    struct redis_client *client = NULL;
    struct redis_options options = {
        .url = store->options.url,
        .name = store->options.client_name,
        .deadline_ms = store->options.deadline_ms,
        .tls = store->options.tls,
        .on_state = on_state,
        .arg = arg,
    };
    if (redis_client_create(store->loop, &options, &client, NULL) < 0)
        abort(); /* store_create took the same address and files */
    store->open++;
    return client;
}

/* Of each language the channels of these names. */
static struct store_watch *watch_create(struct store *store, const char *const *names, size_t name_count,
                                        const char *const *languages, size_t count,
                                        void (*on_id)(void *arg, const char *id), void (*on_resync)(void *arg),
                                        void *arg)
{
    struct store_watch *watch = xcalloc(1, sizeof *watch);
    *watch = (struct store_watch){.store = store, .on_id = on_id, .on_resync = on_resync, .arg = arg};
    watch->client = connect_more(store, NULL, NULL);
    size_t total = name_count * count;
    char **channels = xcalloc(total, sizeof *channels);
    for (size_t i = 0; i < total; i++)
        channels[i] = xasprintf("%s:{%s}:%s", store->options.prefix, languages[i / name_count], names[i % name_count]);
    redis_subscribe(watch->client, (const char *const *)channels, total, on_message, on_subscribed, watch);
    strings_free(channels, total);
    return watch;
}

void store_watch_done(struct store *store, const char *const *languages, size_t count,
                      void (*on_done)(void *arg, const char *id), void (*on_resync)(void *arg), void *arg)
{
    assert(!store->done);
    store->done = watch_create(store, (const char *[]){"done"}, 1, languages, count, on_done, on_resync, arg);
}

void store_watch_changes(struct store *store, const char *const *languages, size_t count,
                         void (*on_change)(void *arg, const char *id), void (*on_resync)(void *arg), void *arg)
{
    static const char *const names[] = {"done", "progress"};
    assert(!store->changes);
    store->changes = watch_create(store, names, ARRAY_LEN(names), languages, count, on_change, on_resync, arg);
}

void store_watch_control(struct store *store, const char *const *languages, size_t count,
                         void (*on_cancel)(void *arg, const char *id), void (*on_resync)(void *arg), void *arg)
{
    assert(!store->control);
    store->control = watch_create(store, (const char *[]){"control"}, 1, languages, count, on_cancel, on_resync, arg);
}

static void on_watch_closed(void *arg)
{
    struct store_watch *watch = arg;
    struct store *store = watch->store;
    free(watch);
    store_release(store);
}

void store_watch_destroy(struct store_watch *watch)
{
    redis_client_destroy(watch->client, on_watch_closed, watch);
}

/* ---- wake tokens ---------------------------------------------------------------------------------------------- */

enum wake_phase {
    WAKE_IDLE,    /* nothing is out; the tick or unpausing asks again */
    WAKE_WAITING, /* a BLPOP is out */
    WAKE_CLOSING,
};

struct store_wake {
    struct store *store;
    struct redis_client *client;
    enum wake_phase phase;
    bool paused; /* what the executor wants */
    uv_timer_t tick;
    char **languages;
    size_t count;
    size_t turn; /* whose list comes first: BLPOP always takes from the first that has something */
    void (*on_wake)(void *arg, const char *language);
    void *arg;
};

static void wake_step(struct store_wake *wake);

static const char *language_of(const struct store_wake *wake, const char *list)
{
    const char *open = strchr(list + strlen(wake->store->options.prefix), '{');
    size_t len = open ? strcspn(open + 1, "}") : 0;
    for (size_t i = 0; open && i < wake->count; i++)
        if (strlen(wake->languages[i]) == len && strncmp(wake->languages[i], open + 1, len) == 0)
            return wake->languages[i];
    return NULL;
}

static void ignore_token(struct store_op *op, struct err *err, const redisReply *reply)
{
    (void)op;
    (void)err;
    (void)reply; /* at worst the token is lost, as with an executor that dies */
}

/* This executor has no room any more: another one may. */
static void give_back_token(struct store_wake *wake, const char *language)
{
    struct args a = {0};
    args_own(&a, store_base(wake->store, language));
    store_op_eval(store_op_new(wake->store, NULL), &store_script_wake, 1, &a, ignore_token);
}

static void on_token(void *arg, const redisReply *reply)
{
    struct store_wake *wake = arg;
    if (wake->phase == WAKE_CLOSING)
        return;
    wake->phase = WAKE_IDLE;
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        return; /* the reconnect or the next tick goes on */
    const char *list = reply_is_array(reply, 2) ? reply_str(reply->element[0]) : NULL;
    const char *language = list ? language_of(wake, list) : NULL;
    if (language && wake->paused)
        give_back_token(wake, language);
    else if (language)
        wake->on_wake(wake->arg, language);
    wake_step(wake);
}

static void wake_step(struct store_wake *wake)
{
    if (wake->phase != WAKE_IDLE || wake->paused || !redis_client_connected(wake->client))
        return;
    struct args a = {0};
    args_str(&a, "BLPOP");
    for (size_t i = 0; i < wake->count; i++) {
        const char *language = wake->languages[(wake->turn + i) % wake->count];
        args_own(&a, xasprintf("%s:{%s}:wake", wake->store->options.prefix, language));
    }
    args_int(&a, WAKE_TICK_MS / 1000);
    wake->turn++;
    wake->phase = WAKE_WAITING;
    int64_t deadline_ms = WAKE_TICK_MS + wake->store->options.deadline_ms;
    redis_command(wake->client, a.argc, a.argv, a.lens, deadline_ms, on_token, wake);
    args_finish(&a);
}

/* Whatever was lost (a token, a connection, a reply), this looks at all again. */
static void look_at_all(struct store_wake *wake)
{
    if (!wake->paused)
        wake->on_wake(wake->arg, NULL);
    if (wake->phase != WAKE_CLOSING)
        wake_step(wake);
}

static void on_tick(uv_timer_t *tick)
{
    look_at_all(container_of(tick, struct store_wake, tick));
}

static void on_wake_connection(void *arg, bool connected)
{
    struct store_wake *wake = arg;
    if (connected && wake->phase != WAKE_CLOSING)
        look_at_all(wake);
}

void store_watch_wake(struct store *store, const char *const *languages, size_t count,
                      void (*on_wake)(void *arg, const char *language), void *arg)
{
    assert(!store->wake);
    struct store_wake *wake = xcalloc(1, sizeof *wake);
    wake->store = store;
    wake->on_wake = on_wake;
    wake->arg = arg;
    wake->count = count;
    wake->languages = xcalloc(count, sizeof *wake->languages);
    for (size_t i = 0; i < count; i++)
        wake->languages[i] = xstrdup(languages[i]);
    wake->client = connect_more(store, on_wake_connection, wake);
    uv_timer_init(store->loop, &wake->tick);
    uv_timer_start(&wake->tick, on_tick, WAKE_TICK_MS, WAKE_TICK_MS);
    store->wake = wake;
}

void store_wake_pause(struct store *store, bool paused)
{
    store->wake->paused = paused;
    wake_step(store->wake);
}

static void on_tick_closed(uv_handle_t *handle)
{
    struct store_wake *wake = container_of((uv_timer_t *)(void *)handle, struct store_wake, tick);
    struct store *store = wake->store;
    for (size_t i = 0; i < wake->count; i++)
        free(wake->languages[i]);
    free(wake->languages);
    free(wake);
    store_release(store);
}

static void on_wake_closed(void *arg)
{
    uv_close((uv_handle_t *)&((struct store_wake *)arg)->tick, on_tick_closed);
}

void store_wake_destroy(struct store_wake *wake)
{
    wake->phase = WAKE_CLOSING;
    uv_timer_stop(&wake->tick);
    redis_client_destroy(wake->client, on_wake_closed, wake);
}
