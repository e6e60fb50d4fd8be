/* The HTTP/1.1 server: with listener.c and http1_stream.c the only user of h2o. Routes requests to handlers as `struct
 * call`s (call.h), which outlive a client that leaves, and sends their answers. */
#ifndef SENTINEL_HTTP1_H
#define SENTINEL_HTTP1_H

#include "http.h"

#include <uv.h>

struct http1;
struct master;

struct http1_options {
    const char *host;
    int port; /* 0: any free one */
    size_t max_body_bytes;
    size_t max_connections;
    size_t max_held_bytes;      /* of requests; beyond it, 503 */
    int64_t request_timeout_ms; /* of reading a request, and of an idle connection */
    const struct http_route *routes;
    size_t route_count;
    /* Sees every call first, also those of unknown paths. True: it was answered. */
    bool (*begin)(struct call *call);
    /* Lets the call through to route->handle, now or later, or answers it. */
    void (*admit)(struct call *call, const struct http_route *route);
    struct http_load *load;
    struct master *master; /* handed to each call */
};

/* Listens at once. EADDRINUSE and the like: the message names host and port. */
int http1_create(uv_loop_t *loop, const struct http1_options *options, struct http1 **ret_http, struct err *err)
    MUST_USE;
int http1_port(const struct http1 *http);

/* Takes no more connections; on_drained fires once, when every call that is left has been answered and sent. */
void http1_drain(struct http1 *http, void (*on_drained)(void *arg), void *arg);

#endif
