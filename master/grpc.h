/* The gRPC server: HTTP/2 without TLS, by nghttp2, on the master's loop. With it calls (call.h) come as they do by
 * HTTP/1.1: through the same guard, to handlers that use the same functions; what those do not offer is here. A build
 * without nghttp2 and protobuf-c has grpc_absent.c in its place. */
#ifndef SENTINEL_GRPC_H
#define SENTINEL_GRPC_H

#include "call.h"

#include <uv.h>

struct grpc;

struct grpc_method {
    struct http_route route; /* POST, "/package.Service/Method" */
    bool streams;            /* the client sends any number of messages: the handler wants grpc_receive */
};
extern const struct grpc_method grpc_methods[]; /* grpc_methods.c */
extern const size_t grpc_method_count;

struct grpc_options {
    const char *host;
    int port; /* 0: any free one */
    size_t max_message_bytes;
    size_t max_connections;
    size_t max_held_bytes;      /* of messages that arrive or wait */
    int64_t request_timeout_ms; /* of reading a request, and of an idle connection */
    void (*admit)(struct call *call, const struct http_route *route);
    struct http_load *load;
    struct master *master;
};

/* Listens at once. EADDRINUSE and the like: the message names host and port. ENOTSUP: this build has no gRPC. */
int grpc_create(uv_loop_t *loop, const struct grpc_options *options, struct grpc **ret_grpc, struct err *err) MUST_USE;
int grpc_port(const struct grpc *grpc);

/* Tells clients to go elsewhere, lets the calls that are under way end, but for those that would go on for ever.
 * on_drained fires once, when the last connection is closed. */
void grpc_drain(struct grpc *grpc, void (*on_drained)(void *arg), void *arg);

/* ---- of a call that gRPC carries; a unary one has its message as its body, and http_answer's body is its answer ----
 */

/* CLOCK_MONOTONIC, by when the client wants the answer; INT64_MAX: it does not say. */
int64_t grpc_deadline_ms(const struct call *call);
bool grpc_is_draining(const struct call *call);

/* One of many answers; the call is STREAMING from the first on. Copied. */
void grpc_send(struct call *call, const void *message, size_t len);
/* Ends a call that is STREAMING, well. call_error ends it otherwise. */
void grpc_end(struct call *call);
/* Of a method that `streams`: each further message, valid until on_message returns; the first is the call's body.
 * on_end: there will be no more. Neither fires after the call ended. */
void grpc_receive(struct call *call, void (*on_message)(struct call *call, const char *data, size_t len),
                  void (*on_end)(struct call *call));

#endif
