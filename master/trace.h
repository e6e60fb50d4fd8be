/* ?trace=1: a job's own story. */
#ifndef SENTINEL_TRACE_H
#define SENTINEL_TRACE_H

#include "reply.h"

/* The member "trace": what befell the job, and the times of its runs once there is a result. */
void trace_put(struct json_writer *w, const struct reply_job *reply);

#endif
