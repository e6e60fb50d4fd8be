/* Owns a timer, and for each language whether a pass is under way: a slow Redis must not pile them up. */
#include "reaper.h"
#include "log.h"

enum { PERIOD_MS = 1000 };

struct pass {
    const char *language;
    bool under_way;
};

struct reaper {
    uv_timer_t timer;
    struct store *store;
    size_t count;
    struct pass passes[];
};

static void on_reaped(void *arg, const struct err *err, const struct store_reaped *reaped)
{
    struct pass *pass = arg;
    pass->under_way = false;
    if (!err && (reaped->requeued || reaped->failed || reaped->cancelled || reaped->expired))
        log_event(LOG_WARN, "reaped", LOG_TEXT("language", pass->language), LOG_INT("requeued", reaped->requeued),
                  LOG_INT("failed", reaped->failed), LOG_INT("cancelled", reaped->cancelled),
                  LOG_INT("expired", reaped->expired));
}

static void on_timer(uv_timer_t *timer)
{
    struct reaper *reaper = timer->data;
    if (!store_ready(reaper->store))
        return;
    for (size_t i = 0; i < reaper->count; i++) {
        if (reaper->passes[i].under_way)
            continue;
        reaper->passes[i].under_way = true;
        store_reap(reaper->store, reaper->passes[i].language, on_reaped, &reaper->passes[i]);
    }
}

struct reaper *reaper_create(uv_loop_t *loop, struct store *store, const char *const *languages, size_t count)
{
    struct reaper *reaper = xcalloc(1, sizeof *reaper + count * sizeof reaper->passes[0]);
    reaper->store = store;
    reaper->count = count;
    for (size_t i = 0; i < count; i++)
        reaper->passes[i].language = languages[i];
    uv_timer_init(loop, &reaper->timer);
    reaper->timer.data = reaper;
    uv_timer_start(&reaper->timer, on_timer, PERIOD_MS, PERIOD_MS);
    return reaper;
}
