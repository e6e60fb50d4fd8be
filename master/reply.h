/* The native dialect's JSON of a job. Pure. */
#ifndef SENTINEL_REPLY_H
#define SENTINEL_REPLY_H

#include "json.h"
#include "lang.h"
#include "store.h"

/* A stored job with its parts read; NULL: not there (yet). */
struct reply_job {
    const char *id;
    const struct store_job *job;
    const struct submission *submission;
    const struct job_result *result;
    const char *status;          /* instead of the state's name; or NULL */
    const struct limits *limits; /* what the submission's come to; NULL: unknown */
    bool traced;                 /* with its story */
    const struct lang *lang;     /* NULL: unknown */
    bool explained;              /* with what stands behind the verdicts */
};

/* GET /job/{id}: all there is. */
void reply_put_job(struct json_writer *w, const struct reply_job *reply);

/* GET /api/status/{id}: {id,status,progress}. */
void reply_put_status(struct json_writer *w, const char *id, const struct store_job *job);

/* What an event stream tells: a job's state, and a test that ended as the `seq`th of its attempt. */
void reply_put_state_event(struct json_writer *w, const char *id, const struct store_job *job);
void reply_put_test_event(struct json_writer *w, int64_t attempt, size_t seq, const struct test_event *event);

/* A row of GET /status. */
void reply_put_recent(struct json_writer *w, const struct store_recent *job);

/* What POST /execute answers while the job has not ended: {id,status,timestamp,message}. */
void reply_put_accepted(struct json_writer *w, const char *id, enum job_state state, int64_t created_ms);

/* Limits by the names that a submission gives them. */
void reply_put_limits(struct json_writer *w, const char *key, const struct limits *limits);

#endif
