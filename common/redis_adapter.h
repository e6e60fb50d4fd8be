/* hiredis on libuv. hiredis' own adapter drops poll errors, so that a refused connection calls nobody back. */
#ifndef SENTINEL_REDIS_ADAPTER_H
#define SENTINEL_REDIS_ADAPTER_H

#include "base.h"

#include <hiredis/async.h>
#include <uv.h>

/* on_gone: hiredis is about to free the context, whoever ended it; `why` is its error or NULL. Its callbacks get their
 * NULL before this (hiredis 0.14) or right behind it (1.x). on_closed, later: the loop holds nothing of it any more.
 * A uv error leaves the context as it was. */
int redis_adapter_attach(redisAsyncContext *ac, uv_loop_t *loop, void (*on_gone)(void *arg, const char *why),
                         void (*on_closed)(void *arg), void *arg) MUST_USE;

#endif
