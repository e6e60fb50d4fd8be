/* `?explain=1`: every mechanism, limit and measurement behind a job's verdicts. Pure. */
#ifndef SENTINEL_EXPLAIN_H
#define SENTINEL_EXPLAIN_H

#include "reply.h"

enum { EXPLAIN_TESTS_MAX = 1000 }; /* the tests behind are counted */

/* The field "explain" of a job with a result; null while there is none. Of a hidden test only what its ordinary reply
 * shows as well. */
void explain_put(struct json_writer *w, const struct reply_job *reply);

#endif
