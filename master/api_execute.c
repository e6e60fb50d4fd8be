/* POST /execute: a submission becomes a job in its language's queue. */
#include "api.h"
#include "intake.h"
#include "master.h"

struct execute {
    struct call *call;
    int64_t wait_ms;
};

static void on_reply(void *arg, const struct intake_reply *reply)
{
    struct execute *execute = arg;
    struct call *call = execute->call;
    if (reply->status != 202)
        intake_refuse(call, reply);
    else if (!reply->repeated && execute->wait_ms == 0)
        api_job_answer_accepted(call, reply->id, JOB_QUEUED, reply->created_ms);
    else
        api_job_answer(call, reply->id, execute->wait_ms, &job_form_accepted);
    free(execute);
}

void api_execute(struct call *call)
{
    struct submission_rules rules = intake_rules(call->master);
    struct submission submission;
    struct err err = {0};
    int64_t wait_ms;
    const char *key = NULL;
    if (!call_body_is_json(call))
        return;
    if (intake_key(call, &key, &err) < 0 ||
        call_wait_ms(call, call->master->config.execute_wait_s, &wait_ms, &err) < 0 ||
        submission_parse(call->body, call->body_len, &rules, &submission, &err) < 0) {
        call_bad_request(call, &err);
        return;
    }
    struct execute *execute = xmalloc(sizeof *execute);
    *execute = (struct execute){.call = call, .wait_ms = wait_ms};
    intake_enqueue(call, &submission, key, call->body, call->body_len, on_reply, execute);
    submission_finish(&submission);
}
