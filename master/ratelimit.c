/* Owns the list of those who were just refused: until their time has come nothing can allow them, so a flood from one
 * client is answered here and does not reach Redis. Direct-mapped; who is pushed out of it only costs a question more.
 */
#include "ratelimit.h"
#include "config.h"
#include "log.h"
#include "master.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { REFUSED_SLOTS = 4096, NAME_SIZE = 64 }; /* slots: a power of two */

struct refused {
    char name[NAME_SIZE];
    int64_t until_ms; /* CLOCK_MONOTONIC */
    int64_t full_ms;  /* when the bucket will be full again */
};

struct rule {
    int64_t burst;
    int64_t interval_us; /* 0: no such limit */
};

struct ratelimit {
    struct rule address, key;
    struct refused refused[REFUSED_SLOTS];
};

struct take {
    struct call *call;
    struct store_bucket buckets[STORE_BUCKETS_MOST];
    char names[STORE_BUCKETS_MOST][NAME_SIZE];
    size_t count;
    void (*on_allowed)(struct call *call); /* NULL: it is charged only */
};

static struct rule make_rule(int64_t per_minute, int64_t burst)
{
    struct rule rule = {0};
    if (per_minute > 0)
        rule = (struct rule){.burst = burst ? burst : per_minute, .interval_us = 60000000 / per_minute};
    return rule;
}

struct ratelimit *ratelimit_create(const struct config *config)
{
    struct ratelimit *limit = xcalloc(1, sizeof *limit);
    limit->address = make_rule(config->rate_ip, config->rate_ip_burst);
    limit->key = make_rule(config->rate_key, config->rate_key_burst);
    return limit;
}

/* ---- those who were just refused ------------------------------------------------------------------------------- */

static struct refused *refused_slot(struct ratelimit *limit, const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return &limit->refused[hash & (REFUSED_SLOTS - 1)];
}

static void remember_refused(struct ratelimit *limit, const char *name, const struct store_bucket_state *state)
{
    struct refused *slot = refused_slot(limit, name);
    memcpy(slot->name, name, strlen(name) + 1);
    slot->until_ms = now_mono_ms() + state->wait_us / 1000;
    slot->full_ms = now_mono_ms() + state->full_us / 1000;
}

/* ---- the answer ------------------------------------------------------------------------------------------------ */

static int64_t seconds_up(int64_t us)
{
    return (us + 999999) / 1000000;
}

static void add_number(struct call *call, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    http_add_header(call, name, text);
}

static void add_headers(struct call *call, const struct store_bucket *bucket, const struct store_bucket_state *state)
{
    add_number(call, "ratelimit-limit", bucket->burst);
    add_number(call, "ratelimit-remaining", state->remaining);
    add_number(call, "ratelimit-reset", seconds_up(state->full_us));
}

static void refuse(struct call *call, const struct store_bucket *bucket, const struct store_bucket_state *state)
{
    log_event(LOG_DEBUG, "rate limited", LOG_TEXT("bucket", bucket->name), LOG_TEXT("path", call->path));
    add_headers(call, bucket, state);
    add_number(call, "retry-after", state->wait_us > 0 ? seconds_up(state->wait_us) : 1);
    call_error(call, 429, "rate_limited", NULL, "too many requests: Retry-After says when to come back");
}

/* The bucket that speaks for all: one that refuses, else the one with least left. */
static size_t tightest(const struct store_bucket_state *states, size_t count)
{
    size_t found = 0;
    for (size_t i = 1; i < count; i++) {
        if (states[i].allowed != states[found].allowed ? !states[i].allowed
            : states[i].allowed                        ? states[i].remaining < states[found].remaining
                                                       : states[i].wait_us > states[found].wait_us)
            found = i;
    }
    return found;
}

static void on_limit(void *arg, const struct err *err, const struct store_bucket_state *states)
{
    struct take *take = arg;
    struct call *call = take->call;
    size_t at = err ? 0 : tightest(states, take->count);
    if (!take->on_allowed || call->state != CALL_OPEN) {
        ; /* charged, or its path, body and headers are gone with it */
    } else if (!err && !states[at].allowed) {
        remember_refused(call->master->ratelimit, take->names[at], &states[at]);
        refuse(call, &take->buckets[at], &states[at]);
    } else {
        if (!err)
            add_headers(call, &take->buckets[at], &states[at]);
        take->on_allowed(call);
    }
    http_unref(call);
    free(take);
}

/* ---- the question ---------------------------------------------------------------------------------------------- */

static void add_bucket(struct take *take, const struct rule *rule, const char *kind, const char *who)
{
    if (rule->interval_us == 0 || !*who)
        return;
    size_t at = take->count++;
    snprintf(take->names[at], NAME_SIZE, "%s:%s", kind, who);
    take->buckets[at] = (struct store_bucket){take->names[at], rule->burst, rule->interval_us};
}

static bool refused_lately(struct ratelimit *limit, struct take *take)
{
    int64_t now = now_mono_ms();
    for (size_t i = 0; i < take->count; i++) {
        const struct refused *slot = refused_slot(limit, take->names[i]);
        if (slot->until_ms <= now || strcmp(slot->name, take->names[i]) != 0)
            continue;
        struct store_bucket_state state = {.wait_us = (slot->until_ms - now) * 1000,
                                           .full_us = (slot->full_ms - now) * 1000};
        refuse(take->call, &take->buckets[i], &state);
        return true;
    }
    return false;
}

/* NULL: no limit is set for this caller. */
static struct take *take_create(struct call *call, void (*on_allowed)(struct call *call))
{
    const struct ratelimit *limit = call->master->ratelimit;
    if (limit->address.interval_us == 0 && (limit->key.interval_us == 0 || !*call->owner))
        return NULL;
    struct take *take = xcalloc(1, sizeof *take);
    char client[ADDRESS_TEXT_SIZE];
    take->call = call;
    take->on_allowed = on_allowed;
    address_format_client(call_address(call), client);
    add_bucket(take, &limit->address, "ip", client);
    add_bucket(take, &limit->key, "key", call->owner);
    return take;
}

void ratelimit_take(struct call *call, void (*on_allowed)(struct call *call))
{
    struct take *take = take_create(call, on_allowed);
    if (!take) {
        on_allowed(call);
        return;
    }
    if (refused_lately(call->master->ratelimit, take)) {
        free(take);
        return;
    }
    http_ref(call);
    store_limit(call->master->store, take->buckets, take->count, 1, 1, on_limit, take);
}

void ratelimit_charge(struct call *call, int64_t more)
{
    struct take *take = more > 0 ? take_create(call, NULL) : NULL;
    if (!take)
        return;
    http_ref(call);
    store_limit(call->master->store, take->buckets, take->count, 0, more, on_limit, take);
}
