/* Which pages of other origins may call from a browser (CORS). Nobody, unless set. */
#ifndef SENTINEL_CORS_H
#define SENTINEL_CORS_H

#include "call.h"

/* EINVAL: the list of origins ("*", or "https://a.example, http://localhost:3000") has something else in it. */
int cors_check(const char *origins, struct err *err) MUST_USE;

/* Adds the headers that let the caller's page read the answer, when its origin is in the list. True: it was a preflight
 * and has been answered. */
bool cors_handle(struct call *call, const char *origins);

#endif
