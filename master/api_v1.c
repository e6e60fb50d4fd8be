/* POST /api/v1/execute, of 001 and 002: answers when the job has ended. The dialect's words are v1.c's; its health and
 * languages are the native ones. */
#include "api.h"
#include "intake.h"
#include "master.h"
#include "v1.h"

struct v1_execute {
    struct call *call;
    int64_t wait_ms;
};

static void answer_unfinished(struct call *call, const char *id, enum job_state state, int64_t created_ms)
{
    (void)state;
    (void)created_ms;
    call_timed_out(call, id);
}

static const struct job_form form = {
    .put = v1_put_result,
    .answer_unfinished = answer_unfinished,
    .completed_only = true,
};

static void on_reply(void *arg, const struct intake_reply *reply)
{
    struct v1_execute *execute = arg;
    if (reply->status != 202)
        intake_refuse(execute->call, reply);
    else
        api_job_answer(execute->call, reply->id, execute->wait_ms, &form);
    free(execute);
}

void api_v1_execute(struct call *call)
{
    const struct config *config = &call->master->config;
    struct submission_rules rules = intake_rules(call->master);
    struct submission submission;
    struct err err = {0};
    int64_t wait_ms;
    const char *key = NULL;
    if (!call_body_is_json(call))
        return;
    if (intake_key(call, &key, &err) < 0 || call_wait_ms(call, config->max_wait_s, &wait_ms, &err) < 0 ||
        v1_parse(call->body, call->body_len, &rules, config->v1_timeout_s, &submission, &err) < 0) {
        call_bad_request(call, &err);
        return;
    }
    struct v1_execute *execute = xmalloc(sizeof *execute);
    *execute = (struct v1_execute){.call = call, .wait_ms = wait_ms};
    intake_enqueue(call, &submission, key, call->body, call->body_len, on_reply, execute);
    submission_finish(&submission);
}
