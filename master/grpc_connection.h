/* Connections and calls of the gRPC server, as grpc.c (the server), grpc_connection.c (HTTP/2 on a socket) and
 * grpc_call.c (a stream's request and answer) share them. */
#ifndef SENTINEL_GRPC_CONNECTION_H
#define SENTINEL_GRPC_CONNECTION_H

#include "grpc.h"
#include "grpc_wire.h"

#include <nghttp2/nghttp2.h>

struct grpc {
    uv_tcp_t tcp;
    uv_timer_t sweep;
    struct grpc_options options;
    struct grpc_connection *first; /* of a list */
    size_t connection_count;
    size_t held_bytes; /* of messages that arrive or wait */
    bool refusing;     /* the log has it that connections are refused */
    bool draining;
    void (*on_drained)(void *arg);
    void *on_drained_arg;
};

struct grpc_connection {
    uv_tcp_t tcp;
    uv_write_t write;
    struct grpc *server;
    nghttp2_session *session;
    int inside;         /* nghttp2's functions are on the stack: what is to be sent waits for their end */
    struct buf writing; /* what the kernel has not taken; empty: no write is under way */
    int64_t heard_ms;   /* CLOCK_MONOTONIC: the last byte that came, */
    int64_t wrote_ms;   /* the last write's begin, */
    int64_t idle_ms;    /* and since when there is no call */
    bool pinged;        /* since it was heard */
    int64_t faults;     /* resets that its faults made us send, a token a second goes back */
    int64_t faults_ms;
    struct grpc_call *calls; /* a list */
    struct grpc_connection *prev, *next;
};

/* Fires on_drained when it is time. */
void grpc_check_drained(struct grpc *server);

void grpc_connection_open(struct grpc *server, uv_stream_t *from);
/* Writes what there is to be written, and closes what has nothing more to say. */
void grpc_connection_flush(struct grpc_connection *connection);
/* Ends without a word; its calls are gone. */
void grpc_connection_close(struct grpc_connection *connection);

/* ---- a call ------------------------------------------------------------------------------------------------------ */

enum grpc_request_state {
    REQUEST_HEADERS,
    REQUEST_BODY,    /* the first message has not come */
    REQUEST_HANDLED, /* its handler has it; more messages may come where the method streams */
    REQUEST_ENDED,   /* the client has nothing more to say */
    REQUEST_IGNORED, /* it was answered before: what still comes is dropped */
};

/* Name and value pairs, each with its NUL behind, in one buffer. */
struct grpc_headers {
    struct buf text;
    size_t count;
};

struct grpc_call {
    struct call call;
    struct grpc_connection *connection; /* NULL when GONE */
    int32_t stream_id;
    const struct grpc_method *method;
    enum grpc_request_state request;
    bool half_closed; /* the client has said END_STREAM */
    struct grpc_headers headers;
    bool headers_too_large;
    struct grpc_reader reader;
    int64_t deadline_ms;
    void (*on_message)(struct call *call, const char *data, size_t len);
    void (*on_end)(struct call *call);
    struct buf early; /* messages that came before grpc_receive, each with its prefix */
    char *body;       /* what call.body points to */
    char *joined;     /* header values that stand several times */
    size_t held;      /* its part of the server's held_bytes */

    struct grpc_headers answer; /* headers that were added */
    struct buf out;             /* messages that nghttp2 has not taken, from out_at on */
    size_t out_at;
    bool deferred; /* nghttp2 waits for more of it */
    bool ended;    /* `status` comes behind it */
    enum grpc_status status;
    char *message; /* of a status that is not OK, or NULL */
    struct grpc_call *prev, *next;
};

struct grpc_call *grpc_call_begin(struct grpc_connection *connection, int32_t stream_id);
void grpc_call_header(struct grpc_call *call, const char *name, size_t name_len, const char *value, size_t value_len);
void grpc_call_headers_end(struct grpc_call *call);
void grpc_call_data(struct grpc_call *call, const void *data, size_t len);
void grpc_call_half_closed(struct grpc_call *call);
void grpc_call_closed(struct grpc_call *call);
/* Once a second. */
void grpc_call_sweep(struct grpc_call *call, int64_t now_ms);
/* Its first message has not come whole. */
bool grpc_call_arrives(const struct grpc_call *call);

#endif
