/* Requests and their answers as handlers see them, whatever carries them: http1.c (HTTP/1.1, by h2o) or grpc.c (HTTP/2,
 * by nghttp2). Every function of a call may be used after the client left, and then does nothing or returns NULL. */
#ifndef SENTINEL_HTTP_H
#define SENTINEL_HTTP_H

#include "err.h"

#include <sys/socket.h>

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

/* A pattern is a path, of which one component may be "{id}". A GET route answers HEAD as well. */
struct http_route {
    const char *method;
    const char *pattern;
    void (*handle)(struct call *call); /* answers now or later, exactly once; the call is its own reference's while
                                        * it runs: keep it longer with http_ref */
    enum access access;
};

/* What all calls of all carriers come to. */
struct http_load {
    size_t open_calls;     /* that are not GONE */
    size_t answer_bytes;   /* of answers that are being made or sent */
    size_t max_held_bytes; /* what answer_bytes may come to; beyond it, 503 */
};

/* How a call travels; a carrier is a constant table of these. Called while the call is not GONE. */
struct carrier {
    void (*destroy)(struct call *call); /* its last reference went */
    const char *(*header)(struct call *call, const char *name, bool all);
    const char *(*query)(struct call *call, const char *name); /* NULL: it has none */
    struct sockaddr_storage (*peer)(struct call *call);
    void (*add_header)(struct call *call, const char *name, const char *value);
    void (*answer)(struct call *call, int status, const char *content_type, const char *body, size_t len);
    /* NULL: an error is an answer in JSON. */
    void (*refuse)(struct call *call, int status, const char *code, const char *field, const char *message);
};

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

/* ---- for carriers ---------------------------------------------------------------------------------------------- */

enum {
    HTTP_SMALL = 64 * 1024,       /* bytes: up to this, a request or an answer is taken whatever else is held */
    HTTP_SEND_TIMEOUT_MS = 60000, /* a client that takes no byte of its answer for so long is cut off */
};

/* The request is here; the carrier holds the first reference. */
void http_call_start(struct call *call);
/* What the call's answer holds by now counts so much. */
void http_call_holds(struct call *call, size_t answer_bytes);
/* An answer begins: it is logged and counted, and the client's leaving is nobody's business any more. false: nobody is
 * there to take it. */
bool http_call_answers(struct call *call, int status, const char *body, size_t len) MUST_USE;
/* Sent, or the client left: on_gone fires, and the carrier's reference goes. */
void http_call_gone(struct call *call);

#endif
