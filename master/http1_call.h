/* A call that HTTP/1.1 carries, as http1.c and http1_stream.c share it. */
#ifndef SENTINEL_HTTP1_CALL_H
#define SENTINEL_HTTP1_CALL_H

#include "call.h"

#include <h2o.h>

struct http_stream;

struct http1_call {
    struct call call;
    struct http1 *server;
    h2o_req_t *req;                 /* NULL when GONE */
    struct http_stream *stream;     /* from STREAMING on */
    struct http1_call *prev, *next; /* of all that are not GONE */
};

static inline struct http1_call *http1_call_of(struct call *call)
{
    return container_of(call, struct http1_call, call);
}

/* The connection's descriptor. */
static inline int http1_call_fd(const struct http1_call *call)
{
    return h2o_socket_get_fd(call->req->conn->callbacks->get_socket(call->req->conn));
}

void http1_stream_destroy(struct http_stream *stream); /* takes NULL */
bool http1_stream_is_sending(const struct http_stream *stream);

#endif
