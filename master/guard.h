/* Who may call what, and how often. Every request passes guard_admit before its handler sees it: the key that it came
 * with, whether that key's role may use the route, the audit of what is refused. */
#ifndef SENTINEL_GUARD_H
#define SENTINEL_GUARD_H

#include "call.h"
#include "config.h"

struct guard;

/* EINVAL: the keys cannot be read, or a public address would be served without any (the message says what to do). */
int guard_create(const struct config *config, struct guard **ret_guard, struct err *err) MUST_USE;
/* Reads the keys again. On failure the old ones stay. */
int guard_reload(struct guard *guard, struct err *err) MUST_USE;
size_t guard_key_count(const struct guard *guard);

/* Before any route is looked for: pages of other origins. True: it was answered. */
bool guard_begin(struct call *call);

/* Calls route->handle with the call's owner known, or answers 401 or 403. */
void guard_admit(struct call *call, const struct http_route *route);

/* An answer, for the log: what log-requests asks for. Never a header, where keys are; never a query. */
void guard_log_answer(struct call *call, int status, const char *body, size_t len);

/* {"id","role"} of each key. */
void guard_put_keys(const struct guard *guard, struct json_writer *w);

#endif
