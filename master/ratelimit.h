/* How often a client may call: a bucket for its address and one for its key, in Redis, so that all masters together
 * enforce one limit. Off unless set.
 *
 * When Redis is away nobody is limited: nothing is accepted then anyway, and answering 503 costs less than a queue. */
#ifndef SENTINEL_RATELIMIT_H
#define SENTINEL_RATELIMIT_H

#include "call.h"

struct config;
struct ratelimit;

struct ratelimit *ratelimit_create(const struct config *config) MUST_USE;

/* Takes a request from the caller's buckets. Then on_allowed fires, at once or later, while the call is still open; or
 * the call has been answered with 429; or its client left. Its answer gets the RateLimit headers. */
void ratelimit_take(struct call *call, void (*on_allowed)(struct call *call));

/* A call that was let through turned out to be worth `more` requests (a batch): they are taken as well, and where there
 * are not so many the caller waits longer for its next one. */
void ratelimit_charge(struct call *call, int64_t more);

#endif
