/* Tells who asked for it that a job has ended: delivers the callbacks that are due in Redis, signed, again and again
 * with growing pauses until one is taken or the attempts are used up. Any master may; one at a time holds a callback's
 * lease, so a master's death loses none, and may repeat one. */
#ifndef SENTINEL_CALLBACKS_H
#define SENTINEL_CALLBACKS_H

#include "err.h"

#include <uv.h>

struct master;

enum { CALLBACK_SECRET_LEAST = 16 };

/* Does nothing when no secret is set. EINVAL: the secret is too short, or the list of networks is none. */
int callbacks_start(uv_loop_t *loop, const struct master *master, struct err *err) MUST_USE;

#endif
