/* Owns the table. An entry is a job id that someone waits for; it lives while it has waiters or a read is under way.
 * Hints may be lost, so every entry is also read again after a resync, and on a tick that takes the entries in turn,
 * a tenth of them a second: ten thousand waiters cost a thousand small reads.
 *
 * A read that finds the job final without having asked for its request is repeated with it, so the common reads, of
 * jobs that have not ended, stay small. */
#include "waiters.h"
#include "call.h"

#include <string.h>

enum {
    BUCKETS = 4096, /* power of two */
    TICK_MS = 1000,
    TICK_LEAST = 64, /* entries read in one tick, at least */
    TICK_SHARE = 10,
};

enum entry_state {
    ENTRY_IDLE,
    ENTRY_READING,
    ENTRY_STALE, /* being read, and changed since the read began: read again */
};

struct waiter {
    uv_timer_t timer;
    struct entry *entry; /* NULL once it ended */
    struct waiter *prev, *next;
    struct call *call;
    void (*on_end)(void *arg, const struct store_job *job);
    void *arg;
};

struct entry {
    char id[JOB_ID_SIZE];
    struct waiters *table;
    struct entry *chain;       /* of its bucket */
    struct entry *prev, *next; /* in the order of the tick */
    struct waiter *first;
    enum entry_state state;
    bool full; /* the read under way asks for the request too */
};

struct waiters {
    uv_loop_t *loop;
    struct store *store;
    uv_timer_t tick;
    struct entry *buckets[BUCKETS];
    struct entry ring; /* head; ring.next is the next to be read */
    size_t count;
    enum { DRAIN_NONE, DRAIN_IMPATIENT, DRAIN_ALL } drain;
};

/* ---- the table ------------------------------------------------------------------------------------------------- */

static struct entry **bucket(struct waiters *table, const char *id)
{
    uint32_t hash = 2166136261u; /* FNV-1a; ids are ours and random */
    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    return &table->buckets[hash & (BUCKETS - 1)];
}

static struct entry *find(struct waiters *table, const char *id)
{
    struct entry *entry = *bucket(table, id);
    while (entry && strcmp(entry->id, id) != 0)
        entry = entry->chain;
    return entry;
}

static void ring_append(struct waiters *table, struct entry *entry)
{
    entry->prev = table->ring.prev;
    entry->next = &table->ring;
    entry->prev->next = entry;
    entry->next->prev = entry;
}

static void ring_remove(struct entry *entry)
{
    entry->prev->next = entry->next;
    entry->next->prev = entry->prev;
}

static struct entry *entry_create(struct waiters *table, const char *id)
{
    struct entry *entry = xcalloc(1, sizeof *entry);
    struct entry **head = bucket(table, id);
    assert(strlen(id) < sizeof entry->id);
    memcpy(entry->id, id, strlen(id) + 1);
    entry->table = table;
    entry->chain = *head;
    *head = entry;
    ring_append(table, entry);
    table->count++;
    return entry;
}

static void entry_free_if_unused(struct entry *entry)
{
    if (entry->first || entry->state != ENTRY_IDLE)
        return;
    struct entry **at = bucket(entry->table, entry->id);
    while (*at != entry)
        at = &(*at)->chain;
    *at = entry->chain;
    ring_remove(entry);
    entry->table->count--;
    free(entry);
}

/* ---- one wait -------------------------------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void waiter_end(struct waiter *waiter, const struct store_job *job)
{
    struct entry *entry = waiter->entry;
    struct call *call = waiter->call;
    if (waiter->next)
        waiter->next->prev = waiter->prev;
    if (waiter->prev)
        waiter->prev->next = waiter->next;
    else
        entry->first = waiter->next;
    waiter->entry = NULL;
    call->on_gone = NULL;
    waiter->on_end(waiter->arg, job);
    http_unref(call);
    uv_close((uv_handle_t *)&waiter->timer, on_timer_closed);
}

static void on_client_gone(void *arg)
{
    struct waiter *waiter = arg;
    struct entry *entry = waiter->entry;
    waiter_end(waiter, NULL);
    entry_free_if_unused(entry);
}

static void on_time_up(uv_timer_t *timer)
{
    on_client_gone(timer->data);
}

/* Whether a drain ends the call's waits. */
static bool drained(const struct waiters *table, const struct call *call)
{
    return table->drain == DRAIN_ALL || (table->drain == DRAIN_IMPATIENT && !call->patient);
}

static void entry_drain(struct entry *entry)
{
    for (struct waiter *waiter = entry->first, *next; waiter; waiter = next) {
        next = waiter->next;
        if (drained(entry->table, waiter->call))
            waiter_end(waiter, NULL);
    }
}

static void entry_end(struct entry *entry, const struct store_job *job)
{
    while (entry->first)
        waiter_end(entry->first, job);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static void entry_read(struct entry *entry, bool full);

static void on_read(void *arg, const struct err *err, const struct store_job *job)
{
    struct entry *entry = arg;
    bool again = entry->state == ENTRY_STALE;
    entry->state = ENTRY_IDLE;
    if (!entry->first || err) { /* what Redis could not say now, a later tick reads */
        entry_free_if_unused(entry);
        return;
    }
    bool final = job && job_state_final(job->state);
    if (!job || (final && entry->full)) {
        entry_end(entry, job);
        entry_free_if_unused(entry);
    } else if (final || again) {
        entry_read(entry, final);
    }
}

static void entry_read(struct entry *entry, bool full)
{
    if (entry->state != ENTRY_IDLE) {
        entry->state = ENTRY_STALE;
        return;
    }
    entry->state = ENTRY_READING;
    entry->full = full;
    store_get(entry->table->store, entry->id, full, on_read, entry);
}

static void on_done(void *arg, const char *id)
{
    struct entry *entry = find(arg, id);
    if (entry)
        entry_read(entry, true);
}

static void read_some(struct waiters *table, size_t count)
{
    for (; count > 0; count--) {
        struct entry *entry = table->ring.next;
        ring_remove(entry);
        ring_append(table, entry);
        if (entry->state == ENTRY_IDLE)
            entry_read(entry, false);
    }
}

static void on_resync(void *arg)
{
    struct waiters *table = arg;
    read_some(table, table->count);
}

static void on_tick(uv_timer_t *timer)
{
    struct waiters *table = timer->data;
    size_t share = table->count / TICK_SHARE;
    size_t wanted = share > TICK_LEAST ? share : TICK_LEAST;
    read_some(table, wanted < table->count ? wanted : table->count);
}

/* ---- the module ------------------------------------------------------------------------------------------------ */

struct waiters *waiters_create(uv_loop_t *loop, struct store *store, const char *const *languages, size_t count)
{
    struct waiters *table = xcalloc(1, sizeof *table);
    table->loop = loop;
    table->store = store;
    table->ring.prev = table->ring.next = &table->ring;
    uv_timer_init(loop, &table->tick);
    table->tick.data = table;
    uv_timer_start(&table->tick, on_tick, TICK_MS, TICK_MS);
    store_watch_done(store, languages, count, on_done, on_resync, table);
    return table;
}

void waiters_add(struct waiters *table, struct call *call, const char *id, int64_t wait_ms,
                 void (*on_end)(void *arg, const struct store_job *job), void *arg)
{
    struct waiter *waiter = xcalloc(1, sizeof *waiter);
    struct entry *entry = find(table, id);
    if (!entry)
        entry = entry_create(table, id);
    *waiter = (struct waiter){.entry = entry, .next = entry->first, .call = call, .on_end = on_end, .arg = arg};
    if (waiter->next)
        waiter->next->prev = waiter;
    entry->first = waiter;
    http_ref(call);
    call->on_gone = on_client_gone;
    call->on_gone_arg = waiter;
    uv_timer_init(table->loop, &waiter->timer);
    waiter->timer.data = waiter;
    uv_timer_start(&waiter->timer, on_time_up, drained(table, call) || wait_ms < 0 ? 0 : (uint64_t)wait_ms, 0);
    /* The hint may have come before this wait began. */
    entry_read(entry, false);
}

void waiters_drain(struct waiters *table, bool all)
{
    table->drain = all ? DRAIN_ALL : DRAIN_IMPATIENT;
    for (size_t left = table->count; left > 0; left--) {
        struct entry *entry = table->ring.next;
        ring_remove(entry);
        ring_append(table, entry);
        entry_drain(entry);
        entry_free_if_unused(entry);
    }
}
