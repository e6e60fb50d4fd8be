/* A stored job with its parts read, for whoever shows it. */
#ifndef SENTINEL_JOB_VIEW_H
#define SENTINEL_JOB_VIEW_H

#include "lang.h"
#include "reply.h"

/* Reads the request and the result, as far as `job` has them, and shows them; what show gets is valid until it returns.
 * EBADMSG, ENOTSUP: this release cannot read them; it is logged, and nothing shown. */
int job_view(const struct lang_table *langs, const char *id, const struct store_job *job,
             void (*show)(void *arg, const struct reply_job *reply), void *arg) MUST_USE;

#endif
