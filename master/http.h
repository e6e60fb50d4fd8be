/* The HTTP/1.1 server: the only user of h2o. Routes requests to handlers as `struct call`s (call.h), which outlive a
 * client that leaves, and sends their answers. */
#ifndef SENTINEL_HTTP_H
#define SENTINEL_HTTP_H

#include "err.h"

#include <sys/socket.h>
#include <uv.h>

/* What a route wants of its caller; guard.c knows which key may do what. */
enum access {
    ACCESS_KEY,   /* any key but a monitor's, where there are keys */
    ACCESS_ADMIN, /* an admin's key, always */
    ACCESS_PROBE, /* nothing */
    /* A key, unless the setting open-routes has it. */
    ACCESS_DOCS,
    ACCESS_HEALTH,
    ACCESS_LANGUAGES,
    ACCESS_LOAD,
    ACCESS_METRICS, /* a monitor's or an admin's */
    ACCESS_COUNT,
};

struct call;
struct http;
struct master;

/* A pattern is a path, of which one component may be "{id}". A GET route answers HEAD as well. */
struct http_route {
    const char *method;
    const char *pattern;
    void (*handle)(struct call *call); /* answers now or later, exactly once; the call is its own reference's while
                                        * it runs: keep it longer with http_ref */
    enum access access;
};

struct http_options {
    const char *host;
    int port; /* 0: any free one */
    size_t max_body_bytes;
    size_t max_connections;
    size_t max_held_bytes;      /* of requests, and as much again of answers; beyond it, 503 */
    int64_t request_timeout_ms; /* of reading a request, and of an idle connection */
    const struct http_route *routes;
    size_t route_count;
    /* Sees every call first, also those of unknown paths. True: it was answered. */
    bool (*begin)(struct call *call);
    /* Lets the call through to route->handle, now or later, or answers it. */
    void (*admit)(struct call *call, const struct http_route *route);
    struct master *master; /* handed to each call */
};

/* Listens at once. EADDRINUSE and the like: the message names host and port. */
int http_create(uv_loop_t *loop, const struct http_options *options, struct http **ret_http, struct err *err) MUST_USE;
int http_port(const struct http *http);

/* Calls, this one among them, that are not GONE. */
size_t http_open_calls(const struct call *call);

/* Takes no more connections; on_drained fires once, when every call that is left has been answered and sent. */
void http_drain(struct http *http, void (*on_drained)(void *arg), void *arg);

/* ---- of a call; each may be used after the client left, and then does nothing or returns NULL ---------------- */

void http_ref(struct call *call);
void http_unref(struct call *call);

/* The value of a request header or of a query parameter (not decoded), valid until the answer; NULL: absent. */
const char *http_header(struct call *call, const char *name);
const char *http_query(struct call *call, const char *name);

/* All values of a request header that may stand several times, in their order, with ", " between; NULL: absent. */
const char *http_header_all(struct call *call, const char *name);
/* Who is at the other end of the connection; AF_UNSPEC after the client left. */
struct sockaddr_storage http_peer(struct call *call);

/* A header of the answer to come; both are copied. */
void http_add_header(struct call *call, const char *name, const char *value);

/* Sets memory aside for an answer of about len bytes, until it is sent. false: there is too little; the call has been
 * answered so. */
bool http_reserve(struct call *call, size_t len) MUST_USE;

/* Sends the answer; the body is copied. Nothing of the request may be used afterwards. */
void http_answer(struct call *call, int status, const char *content_type, const char *body, size_t len);

/* An answer whose end is not known yet: begin it (200), write to it, end it. What is written is copied and sent as fast
 * as the client takes it. The call's on_gone fires when its client leaves, takes nothing for a minute, or
 * when clients leave too much unread. */
void http_stream_begin(struct call *call, const char *content_type);
void http_stream_write(struct call *call, const char *data, size_t len);
size_t http_stream_unsent(const struct call *call); /* bytes that the client has not taken */
void http_stream_end(struct call *call);

#endif
