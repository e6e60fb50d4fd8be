/* What every handler may reach: made by main.c, immutable but for the modules' own state. */
#ifndef SENTINEL_MASTER_H
#define SENTINEL_MASTER_H

#include "address.h"
#include "config.h"
#include "lang.h"
#include "store.h"

#include <uv.h>

struct guard;
struct policy;
struct ratelimit;
struct streams;
struct waiters;

struct master {
    uv_loop_t *loop;
    struct config config;
    struct lang_table langs;
    const char **language_names; /* as many as langs.count, borrowed from it */
    struct limits most;          /* ceilings of a submission's limits */
    struct guard *guard;
    struct ratelimit *ratelimit;
    struct policy *policy;
    struct address_list trusted_proxies;
    struct store *store;
    struct waiters *waiters;
    struct streams *streams;
};

#endif
