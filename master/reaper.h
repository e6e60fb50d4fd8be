/* Looks once a second after leases that ran out and jobs that nobody claimed, in every language. Any number of masters
 * may do it at once: the store's script decides. */
#ifndef SENTINEL_REAPER_H
#define SENTINEL_REAPER_H

#include "store.h"

struct reaper;

/* The names must outlive it. */
struct reaper *reaper_create(uv_loop_t *loop, struct store *store, const char *const *languages, size_t count);

#endif
