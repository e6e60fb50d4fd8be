/* The native dialect's handlers; main.c's table gives them their paths. */
#ifndef SENTINEL_API_H
#define SENTINEL_API_H

#include "call.h"
#include "job.h"

void api_execute(struct call *call); /* POST */

void api_job_get(struct call *call);
void api_job_status(struct call *call);
void api_job_cancel(struct call *call);

void api_languages(struct call *call);
void api_load(struct call *call);
void api_health(struct call *call);
void api_livez(struct call *call);
void api_readyz(struct call *call);

/* How a job is shown. */
enum job_form {
    JOB_FORM_FULL,     /* 200 with all there is */
    JOB_FORM_STATUS,   /* 200 with state and progress */
    JOB_FORM_ACCEPTED, /* as FULL when it ended, else 202: what POST /execute answers */
};

/* Answers with the job when it has ended, and after wait_ms with what it is by then. */
void api_job_answer(struct call *call, const char *id, int64_t wait_ms, enum job_form form);

/* What POST /execute says of a job that has not ended: 202 and its Location. */
void api_job_answer_accepted(struct call *call, const char *id, enum job_state state, int64_t created_ms);

#endif
