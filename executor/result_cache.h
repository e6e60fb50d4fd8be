/* Which results may answer a submission again (`cache: true`), and under which name. Pure. */
#ifndef SENTINEL_RESULT_CACHE_H
#define SENTINEL_RESULT_CACHE_H

#include "job.h"

#define RESULT_NAME_SIZE 65

/* SHA-256 in hex of all that a result depends on: the owner, so that nobody learns what others have asked, the
 * toolchain, and the submission without what only its sender reads (userId, metadata). `out` holds RESULT_NAME_SIZE
 * bytes. */
void result_name(const char *owner, const char *toolchain, const struct submission *s, char *out);

/* Whether running it again would very likely give the same: nothing in it came of the host (internal errors, a job's
 * time-out, a limit of time), and it is small enough to be kept. */
bool result_may_answer_again(const struct job_result *result, size_t stored_len);

#endif
