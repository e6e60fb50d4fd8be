/* Requests to addresses that strangers name: the only user of libcurl, on the master's own loop.
 *
 * Where a request goes is decided by the address that a name resolved to, at the moment of connecting: names that
 * change between two look-ups gain nothing. Redirects are not followed, no proxy of the environment is used. */
#ifndef SENTINEL_OUTBOUND_H
#define SENTINEL_OUTBOUND_H

#include "err.h"

#include <uv.h>

struct address_list;
struct outbound;

/* allow: networks that may be reached although they are not public; kept. */
struct outbound *outbound_create(uv_loop_t *loop, const struct address_list *allow, int64_t timeout_ms) MUST_USE;

struct outbound_answer {
    long status;       /* HTTP; 0: there was none */
    bool refused;      /* by us: asking again would not help */
    const char *error; /* when there was no answer: a sentence; else NULL */
};
/* POST of JSON, with further headers ("Name: value"), NULL-terminated. All is copied. on_answer fires once, never from
 * inside the call. */
void outbound_post(struct outbound *outbound, const char *url, const char *const *headers, const char *body, size_t len,
                   void (*on_answer)(void *arg, const struct outbound_answer *answer), void *arg);

#endif
