/* GET /job/{id}/events: clients that watch jobs as they go (server-sent events). */
#ifndef SENTINEL_STREAMS_H
#define SENTINEL_STREAMS_H

#include <uv.h>

struct master;
struct streams;

struct streams *streams_create(uv_loop_t *loop, const struct master *master);

/* Ends every stream, and from now on each new one after what it has to say at once: their clients come back, to another
 * master, with the id of the last event that they have. */
void streams_drain(struct streams *streams);

#endif
