/* A large job takes a tenth of a second to read and to write as its form has it: that is a worker thread's, so that the
 * loop serves others meanwhile. The thread has copies of the job's texts, and reads of the master what never changes.
 */
#include "compose.h"
#include "api.h"
#include "job_view.h"
#include "master.h"
#include "reply.h"

#include <string.h>

#include <sys/resource.h>

enum {
    LARGE = 256 * 1024,
    GROWTH = 3, /* of a job's stored texts while and when its answer is made */
    BEHIND = 10 /* nice */
};

struct compose {
    uv_work_t work;
    struct call *call;
    const struct lang_table *langs;
    const struct job_form *form;
    char id[JOB_ID_SIZE];
    struct store_job job;
    bool traced, explained;
    struct json_writer w; /* what came out */
    bool unreadable;
};

/* ---- the making: pure ------------------------------------------------------------------------------------------ */

static void put(void *arg, const struct reply_job *reply)
{
    struct compose *compose = arg;
    struct reply_job shown = *reply;
    shown.traced = compose->traced;
    shown.explained = compose->explained;
    compose->form->put(&compose->w, &shown);
}

static void make(struct compose *compose)
{
    if (compose->form->brief)
        put(compose, &(struct reply_job){.id = compose->id, .job = &compose->job});
    else
        compose->unreadable = job_view(compose->langs, compose->id, &compose->job, put, compose) < 0;
}

/* ---- the answer ------------------------------------------------------------------------------------------------ */

static void finish(struct compose *compose)
{
    if (compose->unreadable)
        call_error(compose->call, 500, "stored_job_unreadable", NULL, "the stored job cannot be read by this release");
    else
        call_reply(compose->call, 200, &compose->w);
}

static char *copy(const char *text, size_t len)
{
    return text ? xmemdup(text, len) : NULL;
}

static void own_texts(struct store_job *job)
{
    job->owner = copy(job->owner, strlen(job->owner));
    job->request = copy(job->request, job->request_len);
    job->result = copy(job->result, job->result_len);
    job->reason = copy(job->reason, job->reason ? strlen(job->reason) : 0);
    job->executor = copy(job->executor, job->executor ? strlen(job->executor) : 0);
    job->trace = copy(job->trace, job->trace ? strlen(job->trace) : 0);
}

static void destroy(struct compose *compose)
{
    const struct store_job *job = &compose->job;
    const char *texts[] = {job->owner, job->request, job->result, job->reason, job->executor, job->trace};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free((void *)texts[i]);
    buf_finish(&compose->w.buf); /* when the client left */
    http_unref(compose->call);
    free(compose);
}

/* However many threads make large answers, the loop's goes first: it serves everybody else. */
static void step_back(void)
{
    static _Thread_local bool done;
    if (!done)
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), BEHIND);
    done = true;
}

static void on_work(uv_work_t *work)
{
    step_back();
    make(container_of(work, struct compose, work));
}

static void on_made(uv_work_t *work, int status)
{
    struct compose *compose = container_of(work, struct compose, work);
    (void)status; /* nobody cancels it */
    finish(compose);
    destroy(compose);
}

static void make_aside(const struct compose *what)
{
    struct compose *compose = xmalloc(sizeof *compose);
    *compose = *what;
    own_texts(&compose->job);
    http_ref(compose->call);
    uv_queue_work(compose->call->master->loop, &compose->work, on_work, on_made);
}

/* A dialect without it has not looked at what it says. */
static bool wants_explanation(struct call *call)
{
    bool wants = false;
    return call_flag(call, "explain", &wants, NULL) == 0 && wants;
}

void compose_answer(struct call *call, const struct reply_job *what, const struct job_form *form)
{
    const struct store_job *job = what->job;
    struct compose compose = {
        .call = call,
        .langs = &call->master->langs,
        .form = form,
        .job = *job,
        .traced = what->traced,
        .explained = wants_explanation(call),
    };
    size_t stored = job->request_len + job->result_len;
    strncpy(compose.id, what->id, sizeof compose.id - 1);
    if (form->brief || stored < LARGE) {
        make(&compose);
        finish(&compose);
    } else if (http_reserve(call, stored * GROWTH)) {
        make_aside(&compose);
    }
}
