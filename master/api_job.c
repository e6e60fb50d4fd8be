/* GET and DELETE of a job, and the answer of POST /execute?wait=, which is the same thing.
 *
 * A query reads the job once. If it has not ended and there is time to wait, it waits, which ends with the final job
 * or with nothing; then it reads once more and answers with what is. */
#include "api.h"
#include "compose.h"
#include "master.h"
#include "reply.h"
#include "waiters.h"

#include <errno.h>
#include <string.h>

struct job_query {
    struct call *call;
    char id[JOB_ID_SIZE];
    int64_t wait_ms; /* 0 once it waited */
    const struct job_form *form;
    bool traced; /* the caller asked for the job's story */
};

static void query_destroy(struct job_query *query)
{
    http_unref(query->call);
    free(query);
}

bool api_known_id(const struct master *master, const char *id)
{
    char language[JOB_LANGUAGE_MAX + 1];
    if (job_id_language(id, language) < 0)
        return false;
    const struct lang *lang = lang_find(&master->langs, language);
    return lang && strcmp(lang->name, language) == 0;
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

void api_job_answer_accepted(struct call *call, const char *id, enum job_state state, int64_t created_ms)
{
    struct json_writer w = {0};
    char location[sizeof "/job/" + JOB_ID_SIZE] = "/job/";
    strncat(location, id, JOB_ID_SIZE);
    http_add_header(call, "location", location);
    reply_put_accepted(&w, id, state, created_ms);
    call_reply(call, 202, &w);
}

static void put_full(struct json_writer *w, const struct reply_job *reply)
{
    reply_put_job(w, reply);
}

static void put_status(struct json_writer *w, const struct reply_job *reply)
{
    reply_put_status(w, reply->id, reply->job);
}

const struct job_form job_form_full = {.put = put_full};
const struct job_form job_form_status = {.brief = true, .put = put_status};
const struct job_form job_form_accepted = {.put = put_full, .answer_unfinished = api_job_answer_accepted};

static void answer(struct job_query *query, const struct store_job *job)
{
    const struct job_form *form = query->form;
    if (form->answer_unfinished && !job_state_final(job->state))
        form->answer_unfinished(query->call, query->id, job->state, job->created_ms);
    else if (form->completed_only && job->state == JOB_EXPIRED)
        call_error(query->call, 504, "job_expired", NULL, job->reason ? job->reason : "nobody took the job in time");
    else if (form->completed_only && (job->state != JOB_COMPLETED || !job->request || !job->result))
        call_error(query->call, 500, "job_failed", NULL, job->reason ? job->reason : "the job has no result");
    else
        compose_answer(query->call, &(struct reply_job){.id = query->id, .job = job, .traced = query->traced}, form);
    query_destroy(query);
}

/* ---- reading and waiting --------------------------------------------------------------------------------------- */

static void query_read(struct job_query *query);

static void on_wait_end(void *arg, const struct store_job *job)
{
    struct job_query *query = arg;
    query->wait_ms = 0;
    if (query->call->state != CALL_OPEN)
        query_destroy(query);
    else if (job)
        answer(query, job);
    else
        query_read(query);
}

static void query_wait(struct job_query *query)
{
    waiters_add(query->call->master->waiters, query->call, query->id, query->wait_ms, on_wait_end, query);
}

static void on_got(void *arg, const struct err *err, const struct store_job *job)
{
    struct job_query *query = arg;
    struct call *call = query->call;
    bool visible = job && call_may_see(call, job->owner);
    if (visible && !job_state_final(job->state) && query->wait_ms > 0 && call->state == CALL_OPEN) {
        query_wait(query);
        return;
    }
    if (visible) {
        answer(query, job);
        return;
    }
    /* A job that was enqueued is accepted, whatever Redis does now. */
    if (err && query->form->answer_unfinished)
        query->form->answer_unfinished(call, query->id, JOB_QUEUED, now_wall_ms());
    else if (err)
        call_store_failed(call, err);
    else
        call_not_found(call, "no such job, or its result has expired");
    query_destroy(query);
}

static void query_read(struct job_query *query)
{
    store_get(query->call->master->store, query->id, !query->form->brief, on_got, query);
}

static void query_start(struct call *call, const char *id, int64_t wait_ms, const struct job_form *form, bool traced)
{
    struct job_query *query = xcalloc(1, sizeof *query);
    query->call = call;
    query->wait_ms = wait_ms;
    query->form = form;
    query->traced = traced;
    strncpy(query->id, id, sizeof query->id - 1);
    http_ref(call);
    if (form->answer_unfinished && wait_ms > 0)
        query_wait(query); /* just enqueued: there is nothing to see yet */
    else
        query_read(query);
}

void api_job_answer(struct call *call, const char *id, int64_t wait_ms, const struct job_form *form)
{
    query_start(call, id, wait_ms, form, false);
}

/* ---- handlers -------------------------------------------------------------------------------------------------- */

static void get_in_form(struct call *call, const struct job_form *form)
{
    struct err err;
    int64_t wait_ms;
    bool traced, explained;
    if (!api_known_id(call->master, call->id))
        call_not_found(call, "no such job");
    else if (call_wait_ms(call, 0, &wait_ms, &err) < 0 || call_flag(call, "trace", &traced, &err) < 0 ||
             call_flag(call, "explain", &explained, &err) < 0)
        call_bad_request(call, &err);
    else
        query_start(call, call->id, wait_ms, form, traced);
}

void api_job_get(struct call *call)
{
    /* HEAD wants no body: what it would hold is not even read. */
    get_in_form(call, strcmp(call->method, "HEAD") == 0 ? &job_form_status : &job_form_full);
}

void api_job_status(struct call *call)
{
    get_in_form(call, &job_form_status);
}

static void answer_cancelled(struct call *call, int status, const char *state, const char *message)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_put_str(&w, "id", call->id);
    json_put_str(&w, "status", state);
    json_put_str(&w, "message", message);
    json_close(&w, '}');
    call_reply(call, status, &w);
}

static void on_cancelled(void *arg, const struct err *err, enum store_cancelled outcome)
{
    struct call *call = arg;
    if (call->state != CALL_OPEN)
        ; /* call->id went with its request */
    else if (err)
        call_store_failed(call, err);
    else if (outcome == STORE_CANCELLED)
        answer_cancelled(call, 200, "cancelled", "Job cancelled");
    else if (outcome == STORE_CANCEL_REQUESTED)
        answer_cancelled(call, 202, "running", "Cancelling: the executor has been told");
    else if (outcome == STORE_CANCEL_FINISHED)
        call_error(call, 409, "already_finished", NULL, "the job has ended already");
    else
        call_not_found(call, "no such job, or its result has expired");
    http_unref(call);
}

void api_job_cancel(struct call *call)
{
    if (!api_known_id(call->master, call->id)) {
        call_not_found(call, "no such job");
        return;
    }
    http_ref(call);
    store_cancel(call->master->store, call->id, call->admin ? NULL : call->owner, on_cancelled, call);
}
