/* One request from its arrival until its answer is on its way, and the helpers that answer it in the house's forms.
 * Counted by references: a pending operation holds one, so the client may leave at any time. */
#ifndef SENTINEL_CALL_H
#define SENTINEL_CALL_H

#include "address.h"
#include "http.h"
#include "json.h"

enum call_state {
    CALL_OPEN,      /* waits for its answer */
    CALL_STREAMING, /* the answer goes on */
    CALL_ANSWERED,  /* the answer is being sent */
    CALL_GONE,      /* sent, or the client left */
};

struct call {
    /* for handlers */
    struct master *master;
    const char *owner; /* the API key's id that made the request, "" without keys */
    bool admin;        /* that key may see and do everything */
    const char *method;
    const char *path;               /* without the query */
    const struct http_route *route; /* NULL: no such path */
    const char *id;                 /* what the pattern's {id} matched, or NULL */
    const char *body;               /* valid until the answer */
    size_t body_len;
    /* When the client leaves before it was answered to the end; set by who waits on its behalf. */
    void (*on_gone)(void *arg);
    void *on_gone_arg;

    struct address client; /* valid when has_client */
    bool has_client;
    bool patient;      /* while the master drains its waits go on */
    int admission;     /* guard.c's: what it thinks of the key */
    char owner_id[33]; /* what `owner` points to, unless it is "" */

    /* http.c's */
    const struct carrier *carrier;
    struct http_load *load;
    enum call_state state;
    int refs;
    int64_t since_ms;    /* CLOCK_MONOTONIC: arrival, later the answer, or a stream's last send */
    size_t answer_bytes; /* set aside for its answer */
};

/* The key that made the request, from the guard; copied. */
void call_set_owner(struct call *call, const char *key_id, bool admin);
/* Whether the caller may see what this owner made. Others get a 404, as if it were not there. */
bool call_may_see(const struct call *call, const char *owner);

/* Who the client is, behind trusted proxies; :: when it had left before anybody asked. */
const struct address *call_address(struct call *call);

/* Answers with what the writer holds, which is empty afterwards. */
void call_reply(struct call *call, int status, struct json_writer *w);

/* {"error":{code,message,field}}; field NULL or "" is null. */
void call_put_error(struct json_writer *w, const char *code, const char *field, const char *message);
void call_error(struct call *call, int status, const char *code, const char *field, const char *message);

/* What a request's reader found: EBADMSG is 400, EINVAL is 422. */
void call_bad_request(struct call *call, const struct err *err);
/* What the store said: 503 with Retry-After. */
void call_store_failed(struct call *call, const struct err *err);
void call_retry_later(struct call *call, const char *code, const char *message, int64_t retry_after_s);
void call_not_found(struct call *call, const char *what);
/* 504 of a route that has no other way to say that the job goes on: with its id. */
void call_timed_out(struct call *call, const char *id);

/* Whether the body is JSON by its Content-Type; answers 415 when not. */
bool call_body_is_json(struct call *call);

/* A query parameter that is 1 or true, 0 or false, or not there, which is false. EINVAL: field. */
int call_flag(struct call *call, const char *name, bool *ret_flag, struct err *err) MUST_USE;

enum { CALL_WAIT_UNASKED = -1 };
/* The milliseconds that ?wait=SECONDS or "Prefer: wait=SECONDS" ask for, else default_s of them
 * (CALL_WAIT_UNASKED: less than 0). EINVAL: field. */
int call_wait_ms(struct call *call, int64_t default_s, int64_t *ret_ms, struct err *err) MUST_USE;

#endif
