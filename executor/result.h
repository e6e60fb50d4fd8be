/* A job's result as it is put together: figures of a run, and the share of kept output. Pure. */
#ifndef SENTINEL_RESULT_H
#define SENTINEL_RESULT_H

#include "box/box_protocol.h"
#include "job.h"

/* An enum box_tier as results and people have it: "none", "B", "A-", "A". */
const char *result_tier_name(uint32_t tier);

/* Figures of a run that the box answered; out and errout are what was kept (reply->stdout_kept bytes, …) and copied.
 * `reason` may be NULL or "". */
void result_set_run(struct run_figures *ret_run, const struct box_reply *reply, const struct limits *limits,
                    const char *out, const char *errout, const char *reason);

/* Cuts kept output so that the job's is at most `budget` bytes: the compiler's first, then the tests' in their order.
 * Called after each test it leaves in the end what one call on the whole would leave, and memory stays bounded. */
void result_share_output(struct job_result *result, size_t budget);

/* A test that did not run, or whose run does not count. */
void result_skip_test(struct test_result *test, const char *reason);

#endif
