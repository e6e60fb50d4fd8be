/* The native dialect's handlers; main.c's table gives them their paths. */
#ifndef SENTINEL_API_H
#define SENTINEL_API_H

#include "call.h"
#include "job.h"
#include "reply.h"

void api_execute(struct call *call); /* POST */
void api_batch(struct call *call);   /* POST */

void api_v1_execute(struct call *call); /* POST */

void api_job_get(struct call *call);
void api_job_status(struct call *call);
void api_job_cancel(struct call *call);
void api_job_events(struct call *call); /* streams.c */

/* Whether it may be the id of a job: well-formed, its language known here. */
bool api_known_id(const struct master *master, const char *id);

void api_status(struct call *call);

void api_languages(struct call *call);
void api_load(struct call *call);
void api_admin_pull_images(struct call *call);
void api_admin_cleanup(struct call *call);
void api_admin_dead(struct call *call);
void api_admin_retry(struct call *call);
void api_admin_keys(struct call *call);

void api_v1_metrics(struct call *call);
void api_v1_user_metrics(struct call *call);
void api_health(struct call *call);
void api_livez(struct call *call);
void api_readyz(struct call *call);

void api_asset(struct call *call); /* what web/embed.py took up under the call's path, else 404 */

/* How a dialect shows a job. */
struct job_form {
    bool completed_only; /* a job that ended without a result is an error: 500, or 504 where nobody took it */
    bool brief;          /* the stored request and result are not needed: `reply` has neither */
    void (*put)(struct json_writer *w, const struct reply_job *reply);
    /* Of a job that has not ended when the time to wait is over. NULL: put shows it, whatever its state. */
    void (*answer_unfinished)(struct call *call, const char *id, enum job_state state, int64_t created_ms);
};
extern const struct job_form job_form_full;     /* 200 with all there is */
extern const struct job_form job_form_status;   /* 200 with state and progress */
extern const struct job_form job_form_accepted; /* as full when it ended, else 202 */

/* Answers with the job when it has ended, and after wait_ms with what it is by then. `form` is kept. */
void api_job_answer(struct call *call, const char *id, int64_t wait_ms, const struct job_form *form);

/* What POST /execute says of a job that has not ended: 202 and its Location. */
void api_job_answer_accepted(struct call *call, const char *id, enum job_state state, int64_t created_ms);

#endif
