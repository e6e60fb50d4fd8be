/* Owns the claims, and when leases and progress are told; what becomes of a claimed job is held.c's. Invariant: claims
 * that are out and jobs that the runner does not know yet are never more than it has room for. */
#include "consumer.h"
#include "held.h"

#include <string.h>

enum { TICK_MS = 250 }; /* of progress */

/* A language's part of the queue, as far as is known here. */
struct source {
    struct consumer *consumer;
    struct served *served;
    bool promising; /* there may be a job */
    uint64_t wakes; /* so that a claim that found nothing does not hide what came after it */
};

enum consumer_state { CONSUMER_CLAIMING, CONSUMER_DRAINING, CONSUMER_DRAINED };

struct consumer {
    enum consumer_state state;
    struct consumer_options options;
    uv_loop_t *loop;
    struct source *sources; /* options.served_count */
    size_t turn;            /* the source to be asked next */
    size_t claims_out;
    int64_t taken;      /* claims that found a job */
    uint64_t idle_from; /* on the loop's clock: when the last job ended */
    bool full;          /* the store was told not to wait for tokens */
    struct held_pool held;
    uv_timer_t renew_timer;
    uv_timer_t tick_timer;
    size_t refs; /* timers, and held jobs with theirs */
    void (*on_closed)(void *arg);
    void *closed_arg;
};

static void consumer_unref(struct consumer *c)
{
    if (--c->refs > 0)
        return;
    void (*on_closed)(void *) = c->on_closed;
    void *arg = c->closed_arg;
    free(c->sources);
    free(c);
    on_closed(arg);
}

static void enter_draining(struct consumer *c)
{
    if (c->state == CONSUMER_CLAIMING)
        c->state = CONSUMER_DRAINING;
}

static void check_drained(struct consumer *c)
{
    if (c->state == CONSUMER_CLAIMING || c->state == CONSUMER_DRAINED || c->held.first || c->claims_out > 0)
        return;
    c->state = CONSUMER_DRAINED;
    c->options.on_drained(c->options.arg);
}

/* ---- what is held --------------------------------------------------------------------------------------------- */

static void on_held_left(void *arg)
{
    struct consumer *c = arg;
    c->idle_from = uv_now(c->loop);
    check_drained(c);
}

static void on_held_freed(void *arg)
{
    consumer_unref(arg);
}

static void renew_all(struct consumer *c)
{
    for (size_t i = 0; i < c->options.served_count; i++)
        held_renew(&c->held, &c->options.served[i]);
}

static void on_renew_timer(uv_timer_t *timer)
{
    renew_all(timer->data);
}

static void on_tick(uv_timer_t *timer)
{
    struct consumer *c = timer->data;
    if (c->options.idle_ms && !c->held.first && uv_now(c->loop) - c->idle_from >= (uint64_t)c->options.idle_ms)
        enter_draining(c);
    check_drained(c);
    held_tell_progress(&c->held);
}

static void on_control(void *arg, const char *word)
{
    struct consumer *c = arg;
    struct store_errand errand;
    if (store_errand_read(word, &errand))
        c->options.on_errand(c->options.arg, &errand);
    else
        held_cancel(&c->held, word);
}

/* Hints may have been missed: a renewal tells about cancels. */
static void on_cancel_resync(void *arg)
{
    renew_all(arg);
}

/* ---- claims --------------------------------------------------------------------------------------------------- */

struct claim {
    struct source *source;
    uint64_t wakes; /* of the source, when it was asked */
};

static void hold(struct consumer *c, struct source *source, const struct store_claimed *job)
{
    c->refs++; /* until on_held_freed */
    c->taken++;
    held_begin(&c->held, source->served, job, c->state != CONSUMER_CLAIMING);
}

static void on_claimed(void *arg, const struct err *err, const struct store_claimed *job)
{
    struct claim *claim = arg;
    struct source *source = claim->source;
    struct consumer *c = source->consumer;
    c->claims_out--;
    if (job)
        hold(c, source, job);
    else if (err || claim->wakes == source->wakes)
        source->promising = false;
    free(claim);
    if (c->options.max_jobs && c->taken >= c->options.max_jobs)
        enter_draining(c);
    consumer_look(c);
    check_drained(c);
}

/* The next source that may have a job, each in its turn. */
static struct source *next_source(struct consumer *c)
{
    for (size_t i = 0; i < c->options.served_count; i++) {
        struct source *source = &c->sources[(c->turn + i) % c->options.served_count];
        if (!source->promising)
            continue;
        c->turn = (c->turn + i + 1) % c->options.served_count;
        return source;
    }
    return NULL;
}

/* Without room it waits for no tokens, so that they go to whoever has; jobs that came meanwhile are looked for. */
static void set_full(struct consumer *c, bool full)
{
    if (c->full == full)
        return;
    c->full = full;
    store_wake_pause(c->options.store, full);
    for (size_t i = 0; i < c->options.served_count && !full; i++)
        c->sources[i].promising = true;
}

void consumer_look(struct consumer *consumer)
{
    struct consumer *c = consumer;
    struct source *source;
    size_t room = c->state == CONSUMER_CLAIMING ? runner_room(c->options.runner) : 0;
    size_t looking = held_looking(&c->held);
    room -= looking < room ? looking : room;
    if (c->options.max_jobs && room > (size_t)(c->options.max_jobs - c->taken))
        room = (size_t)(c->options.max_jobs - c->taken);
    set_full(c, room == 0);
    if (!store_ready(c->options.store))
        return;
    while (c->claims_out < room && (source = next_source(c))) {
        struct claim *claim = xmalloc(sizeof *claim);
        *claim = (struct claim){source, source->wakes};
        c->claims_out++;
        store_claim(c->options.store, source->served->lang->name, c->options.executor, on_claimed, claim);
    }
}

static void on_wake(void *arg, const char *language)
{
    struct consumer *c = arg;
    for (size_t i = 0; i < c->options.served_count; i++) {
        struct source *source = &c->sources[i];
        if (language && strcmp(language, source->served->lang->name) != 0)
            continue;
        source->promising = true;
        source->wakes++;
    }
    consumer_look(c);
}

/* ---- lifetime ------------------------------------------------------------------------------------------------- */

static void start_timer(struct consumer *c, uv_timer_t *timer, uv_timer_cb cb, int64_t every_ms)
{
    uv_timer_init(c->loop, timer);
    timer->data = c;
    uv_timer_start(timer, cb, (uint64_t)every_ms, (uint64_t)every_ms);
    c->refs++;
}

struct consumer *consumer_create(uv_loop_t *loop, const struct consumer_options *options)
{
    struct consumer *c = xcalloc(1, sizeof *c);
    c->options = *options;
    c->loop = loop;
    c->idle_from = uv_now(loop);
    c->held = (struct held_pool){
        .loop = loop,
        .store = options->store,
        .runner = options->runner,
        .executor = options->executor,
        .record = options->record,
        .on_left = on_held_left,
        .on_freed = on_held_freed,
        .arg = c,
    };
    c->sources = xcalloc(options->served_count, sizeof *c->sources);
    const char **names = xcalloc(options->served_count, sizeof *names);
    for (size_t i = 0; i < options->served_count; i++) {
        c->sources[i] = (struct source){.consumer = c, .served = &options->served[i], .promising = true};
        names[i] = options->served[i].lang->name;
    }
    start_timer(c, &c->renew_timer, on_renew_timer, options->lease_ms / 3);
    start_timer(c, &c->tick_timer, on_tick, TICK_MS);
    store_watch_wake(options->store, names, options->served_count, on_wake, c);
    store_watch_control(options->store, names, options->served_count, on_control, on_cancel_resync, c);
    free(names);
    return c;
}

static void on_timer_closed(uv_handle_t *handle)
{
    consumer_unref(handle->data);
}

void consumer_destroy(struct consumer *consumer, void (*on_closed)(void *arg), void *arg)
{
    consumer->on_closed = on_closed;
    consumer->closed_arg = arg;
    consumer->state = CONSUMER_DRAINED;
    held_abandon(&consumer->held);
    uv_close((uv_handle_t *)&consumer->renew_timer, on_timer_closed);
    uv_close((uv_handle_t *)&consumer->tick_timer, on_timer_closed);
}

void consumer_reconnected(struct consumer *consumer)
{
    renew_all(consumer);
    held_retry(&consumer->held);
    on_wake(consumer, NULL);
}

void consumer_drain(struct consumer *consumer)
{
    enter_draining(consumer);
    consumer_look(consumer);
    uv_timer_start(&consumer->tick_timer, on_tick, 0, TICK_MS); /* nothing may be held already */
}

void consumer_give_back(struct consumer *consumer)
{
    consumer_drain(consumer);
    held_give_back(&consumer->held);
}
