/* POST /execute: a submission becomes a job in its language's queue.
 *
 * 000 and 004 have the same route, but answer the program's end. Who speaks as they do is known by the name stdin, or
 * by a service that waits without being asked (SENTINEL_EXECUTE_WAIT), and is answered with their words for `status`.
 */
#include "api.h"
#include "intake.h"
#include "master.h"

struct execute {
    struct call *call;
    int64_t wait_ms;
    const struct job_form *form;
};

/* ---- the form of 000 and 004 ----------------------------------------------------------------------------------- */

static void put_synchronous(struct json_writer *w, const struct reply_job *reply)
{
    struct reply_job shown = *reply;
    if (reply->result) {
        enum verdict verdict = reply->result->verdict;
        bool timeout = verdict == VERDICT_CPU_TIME_EXCEEDED || verdict == VERDICT_WALL_TIME_EXCEEDED;
        shown.status = verdict == VERDICT_ACCEPTED ? "success" : timeout ? "timeout" : "error";
    }
    reply_put_job(w, &shown);
}

static void answer_timed_out(struct call *call, const char *id, enum job_state state, int64_t created_ms)
{
    (void)state;
    (void)created_ms;
    call_timed_out(call, id);
}

/* Who asked to wait knows the 202. */
static const struct job_form asked_form = {.put = put_synchronous, .answer_unfinished = api_job_answer_accepted};
static const struct job_form unasked_form = {.put = put_synchronous, .answer_unfinished = answer_timed_out};

static const struct job_form *form_of(const struct submission *submission, bool has_stdin, bool asked)
{
    if (!submission->single_input || (asked && !has_stdin))
        return &job_form_accepted;
    return asked ? &asked_form : &unasked_form;
}

/* ---- the request ------------------------------------------------------------------------------------------------ */

static void on_reply(void *arg, const struct intake_reply *reply)
{
    struct execute *execute = arg;
    struct call *call = execute->call;
    if (reply->status != 202)
        intake_refuse(call, reply);
    else if (!reply->repeated && execute->wait_ms == 0)
        api_job_answer_accepted(call, reply->id, JOB_QUEUED, reply->created_ms);
    else
        api_job_answer(call, reply->id, execute->wait_ms, execute->wait_ms > 0 ? execute->form : &job_form_accepted);
    free(execute);
}

static int read_body(struct call *call, struct submission *ret_submission, bool *ret_has_stdin, struct err *err)
{
    struct submission_rules rules = intake_rules(call->master);
    cJSON *root;
    int r = json_parse(call->body, call->body_len, &root, err);
    if (r < 0)
        return r;
    *ret_has_stdin = cJSON_GetObjectItemCaseSensitive(root, "stdin") != NULL;
    r = submission_read(root, &rules, ret_submission, err);
    cJSON_Delete(root);
    return r;
}

void api_execute(struct call *call)
{
    struct submission submission;
    struct err err = {0};
    int64_t wait_ms;
    bool has_stdin, explained;
    const char *key = NULL;
    if (!call_body_is_json(call))
        return;
    if (intake_key(call, &key, &err) < 0 || call_wait_ms(call, CALL_WAIT_UNASKED, &wait_ms, &err) < 0 ||
        call_flag(call, "explain", &explained, &err) < 0 || read_body(call, &submission, &has_stdin, &err) < 0) {
        call_bad_request(call, &err);
        return;
    }
    bool asked = wait_ms >= 0;
    struct execute *execute = xmalloc(sizeof *execute);
    *execute = (struct execute){
        .call = call,
        .wait_ms = asked ? wait_ms : call->master->config.execute_wait_s * 1000,
        .form = form_of(&submission, has_stdin, asked),
    };
    intake_enqueue(call, &submission, key, call->body, call->body_len, on_reply, execute);
    submission_finish(&submission);
}
