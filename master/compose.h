/* Answers with a job as a form shows it, made of its stored texts. */
#ifndef SENTINEL_COMPOSE_H
#define SENTINEL_COMPOSE_H

struct call;
struct job_form;
struct reply_job;

/* Answers now, or later when the job is large. `what` has the id, the stored job, and what was asked for beside it;
 * none of it need outlive the call of this. */
void compose_answer(struct call *call, const struct reply_job *what, const struct job_form *form);

#endif
