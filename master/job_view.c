#include "job_view.h"
#include "job_json.h"
#include "log.h"

static void show_read(const struct lang_table *langs, const struct reply_job *reply,
                      void (*show)(void *arg, const struct reply_job *reply), void *arg)
{
    struct reply_job shown = *reply;
    struct limits limits;
    const struct lang *lang = shown.submission ? lang_find(langs, shown.submission->language) : NULL;
    if (lang) {
        limits = lang_resolve_limits(lang, &shown.submission->limits);
        shown.limits = &limits;
        shown.lang = lang;
    }
    show(arg, &shown);
}

int job_view(const struct lang_table *langs, const char *id, const struct store_job *job,
             void (*show)(void *arg, const struct reply_job *reply), void *arg)
{
    struct submission submission = {0};
    struct job_result result = {0};
    struct reply_job reply = {.id = id, .job = job};
    struct err err;
    int r = job->request ? submission_from_json(job->request, job->request_len, &submission, &err) : 0;
    if (r == 0 && job->result)
        r = job_result_from_json(job->result, job->result_len, &result, &err);
    if (r == 0) {
        reply.submission = job->request ? &submission : NULL;
        reply.result = job->result ? &result : NULL;
        show_read(langs, &reply, show, arg);
    } else {
        log_event(LOG_ERROR, "stored job unreadable", LOG_TEXT("job", id), LOG_TEXT("reason", err.msg));
    }
    submission_finish(&submission);
    job_result_finish(&result);
    return r;
}
