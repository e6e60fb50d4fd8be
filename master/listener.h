/* Accepts connections and hands them to h2o, within two bounds: how many there are, and how much memory the requests on
 * them hold. With http1.c and
 * http1_stream.c the only one who knows h2o. */
#ifndef SENTINEL_LISTENER_H
#define SENTINEL_LISTENER_H

#include "err.h"

#include <uv.h>

struct listener;
struct st_h2o_accept_ctx_t;

struct listener_options {
    const char *host;
    int port; /* 0: any free one */
    size_t max_connections;
    size_t max_held_bytes; /* of requests that are arriving or wait for their answer */
};

/* Listens at once; connections come from listener_start on. EADDRINUSE and the like: the message names host and port.
 */
int listener_create(uv_loop_t *loop, const struct listener_options *options, struct listener **ret_listener,
                    struct err *err) MUST_USE;
void listener_start(struct listener *listener, struct st_h2o_accept_ctx_t *accept);
int listener_port(const struct listener *listener);

/* Whether the requests that are held, as of now, take more than they may. It looks at each connection. */
bool listener_is_over_budget(struct listener *listener);

/* Takes no more connections; those that are there stay. on_stopped fires once, later. */
void listener_stop(struct listener *listener, void (*on_stopped)(void *arg), void *arg);

#endif
