/* Invariants: only held_step changes a held job's state; a job's end is kept until Redis has it or says that the job is
 * another's; all that the lease's loss means is that nobody waits for our answer, so it is never an error. */
#include "held.h"
#include "figures.h"
#include "job_json.h"
#include "log.h"
#include "result_cache.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    EVENTS_MOST = 100, /* told in one tick */
    RETRY_LEAST_MS = 50,
    RETRY_MOST_MS = 2000,
    REFUSALS_MOST = 5, /* by a Redis that answers, of the same end of a job */
};

enum held_state {
    HELD_RUNNING,
    HELD_LOOKING,    /* for an earlier result of the same */
    HELD_DELIVERING, /* its end was sent to Redis */
    HELD_RETRYING,   /* without an answer; the timer sends it again */
    HELD_LEAVING,    /* freed with its last reference */
};

enum held_event {
    EVENT_ENDED,
    EVENT_NOT_CACHED,
    EVENT_DELIVERED,
    EVENT_UNHEARD,
    EVENT_TIMER,
    EVENT_LOST,
    EVENT_CANCEL,
    EVENT_GIVE_BACK
};

struct held {
    enum held_state state;
    struct held_pool *pool;
    struct held *next;
    struct served *served;
    char *id;
    char *token;
    struct submission submission;       /* until it runs */
    char result_name[RESULT_NAME_SIZE]; /* "": its result answers nobody else */
    struct job_run *run;                /* valid while RUNNING */
    size_t tests_done;
    size_t tests_told;
    /* its end, from DELIVERING on */
    bool goes_back; /* to the queue; else it is completed with `outcome` */
    bool counts_as_attempt;
    enum job_state outcome;
    const char *verdict; /* name, or NULL */
    char *result;        /* stored JSON, or NULL */
    char *reason;
    struct store_execution execution; /* its strings are our own */
    unsigned refusals;
    int64_t retry_ms;
    uv_timer_t timer;
    unsigned refs; /* the timer, each callback that is out */
};

static void held_step(struct held *h, enum held_event event);
static void start_run(struct held *h);

/* ---- the end of a held job ------------------------------------------------------------------------------------ */

static void held_unref(struct held *h)
{
    if (--h->refs > 0)
        return;
    struct held_pool *pool = h->pool;
    submission_finish(&h->submission);
    free(h->id);
    free(h->token);
    free(h->result);
    free(h->reason);
    free((char *)h->execution.owner);
    free((char *)h->execution.user);
    free(h);
    pool->on_freed(pool->arg);
}

static void on_held_timer_closed(uv_handle_t *handle)
{
    held_unref(handle->data);
}

static void enter_leaving(struct held *h)
{
    struct held_pool *pool = h->pool;
    struct held **at = &pool->first;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    h->served->active--;
    h->state = HELD_LEAVING;
    uv_close((uv_handle_t *)&h->timer, on_held_timer_closed);
    pool->on_left(pool->arg);
}

static void log_held(enum log_level level, const char *event, const struct held *h)
{
    log_event(level, event, LOG_TEXT("job", h->id), LOG_TEXT("language", h->served->lang->name),
              LOG_TEXT("verdict", h->verdict), LOG_TEXT("reason", h->reason));
}

static void count_outcome(const struct held *h, const char *outcome)
{
    metric_add(&figure_jobs, 1, h->served->lang->name, outcome);
}

static void on_recorded(void *arg, const struct err *err)
{
    (void)arg;
    if (err)
        log_event(LOG_WARN, "execution not recorded", LOG_TEXT("error", err->msg));
}

static void record(struct held *h)
{
    h->execution.state = h->outcome;
    if (h->pool->record)
        store_record(h->pool->store, h->served->lang->name, &h->execution, on_recorded, NULL);
}

static void count_end(const struct held *h)
{
    count_outcome(h, h->goes_back ? "given_back" : h->verdict ? h->verdict : job_state_name(h->outcome));
    if (!h->goes_back && h->outcome == JOB_COMPLETED)
        h->served->completed++;
    else if (h->goes_back ? h->counts_as_attempt : h->outcome == JOB_FAILED)
        h->served->failed++;
}

static void on_delivered(void *arg, const struct err *err, enum store_lease lease)
{
    struct held *h = arg;
    if (err) {
        h->refusals += err->code == EIO;
        log_event(err->code == EIO ? LOG_ERROR : LOG_WARN, "result not stored", LOG_TEXT("job", h->id),
                  LOG_TEXT("language", h->served->lang->name), LOG_TEXT("error", err->msg));
    } else if (lease == STORE_LEASE_LOST) {
        count_outcome(h, "lost");
        log_held(LOG_WARN, "job was another's before it ended", h);
    } else {
        count_end(h);
        if (!h->goes_back)
            record(h);
        log_held(LOG_INFO, h->goes_back ? "job given back" : "job ended", h);
    }
    held_step(h, err && h->refusals < REFUSALS_MOST ? EVENT_UNHEARD : EVENT_DELIVERED);
    held_unref(h);
}

static void deliver(struct held *h)
{
    struct store *store = h->pool->store;
    h->state = HELD_DELIVERING;
    h->refs++;
    if (h->goes_back) {
        store_requeue(store, &(struct store_held){h->id, h->token}, h->counts_as_attempt, h->reason, on_delivered, h);
        return;
    }
    struct store_completion done = {
        .id = h->id,
        .token = h->token,
        .state = h->outcome,
        .verdict = h->verdict,
        .result = h->result,
        .result_len = h->result ? strlen(h->result) : 0,
        .reason = h->reason,
    };
    store_complete(store, &done, on_delivered, h);
}

static void on_held_timer(uv_timer_t *timer)
{
    held_step(timer->data, EVENT_TIMER);
}

static void retry_later(struct held *h)
{
    h->state = HELD_RETRYING;
    uv_timer_start(&h->timer, on_held_timer, (uint64_t)h->retry_ms, 0);
    h->retry_ms = h->retry_ms * 2 < RETRY_MOST_MS ? h->retry_ms * 2 : RETRY_MOST_MS;
}

static void step_running(struct held *h, enum held_event event)
{
    if (event == EVENT_ENDED) {
        deliver(h);
    } else if (event == EVENT_CANCEL) {
        job_run_cancel(h->run);
    } else if (event == EVENT_LOST) {
        count_outcome(h, "lost");
        log_held(LOG_WARN, "lease lost, run abandoned", h);
        job_run_abandon(h->run);
        enter_leaving(h);
    } else if (event == EVENT_GIVE_BACK) {
        job_run_abandon(h->run);
        h->goes_back = true;
        deliver(h);
    }
}

static void step_looking(struct held *h, enum held_event event)
{
    if (event == EVENT_NOT_CACHED) {
        start_run(h);
    } else if (event == EVENT_LOST) {
        enter_leaving(h);
    } else if (event == EVENT_ENDED || event == EVENT_CANCEL || event == EVENT_GIVE_BACK) {
        h->goes_back = event == EVENT_GIVE_BACK;
        h->outcome = event == EVENT_CANCEL ? JOB_CANCELLED : JOB_COMPLETED;
        deliver(h);
    }
}

static void held_step(struct held *h, enum held_event event)
{
    switch (h->state) {
    case HELD_LOOKING:
        step_looking(h, event);
        return;
    case HELD_RUNNING:
        step_running(h, event);
        return;
    case HELD_DELIVERING: /* a lease that is lost meanwhile may have ended with our own delivery: wait for its answer */
        if (event == EVENT_DELIVERED)
            enter_leaving(h);
        else if (event == EVENT_UNHEARD)
            retry_later(h);
        return;
    case HELD_RETRYING:
        if (event == EVENT_TIMER)
            deliver(h);
        else if (event == EVENT_LOST)
            enter_leaving(h);
        return;
    case HELD_LEAVING:
        return;
    }
    abort();
}

/* ---- results that answer again ---------------------------------------------------------------------------------- */

static void take_figures(struct store_execution *execution, const struct job_result *result)
{
    execution->accepted = result->verdict == VERDICT_ACCEPTED;
    execution->ms = result->execution_ms;
    for (size_t i = 0; i < result->test_count; i++)
        if (result->tests[i].run.memory_kb > execution->memory_kb)
            execution->memory_kb = result->tests[i].run.memory_kb;
}

/* Whether the text is a result that this release reads; it is the job's then. */
static bool take_cached(struct held *h, const char *text, size_t len)
{
    struct job_result result;
    struct err err;
    if (job_result_from_json(text, len, &result, &err) < 0)
        return false;
    result.cached = true;
    h->verdict = verdict_name(result.verdict);
    take_figures(&h->execution, &result);
    h->execution.ms = 0; /* of this execution */
    h->result = job_result_to_json(&result);
    job_result_finish(&result);
    return true;
}

static void on_cached(void *arg, const struct err *err, const char *result, size_t len)
{
    struct held *h = arg;
    bool found = !err && result && h->state == HELD_LOOKING && take_cached(h, result, len);
    held_step(h, found ? EVENT_ENDED : EVENT_NOT_CACHED);
    held_unref(h);
}

static void look_for_result(struct held *h, const char *owner)
{
    h->state = HELD_LOOKING;
    h->refs++;
    result_name(owner, h->served->version, &h->submission, h->result_name);
    store_cached(h->pool->store, h->served->lang->name, h->result_name, on_cached, h);
}

static void on_result_kept(void *arg, const struct err *err)
{
    (void)arg;
    if (err)
        log_event(LOG_WARN, "result not kept for others", LOG_TEXT("error", err->msg));
}

static void keep_result(const struct held *h, const struct job_result *result)
{
    size_t len = strlen(h->result);
    if (*h->result_name && result_may_answer_again(result, len))
        store_cache(h->pool->store, h->served->lang->name, h->result_name, h->result, len, on_result_kept, NULL);
}

/* ---- what the runner says ------------------------------------------------------------------------------------- */

static void on_run_progress(void *arg, size_t tests_done)
{
    struct held *h = arg;
    h->tests_done = tests_done;
}

static void on_run_done(void *arg, enum job_run_end end, const struct job_result *result, const char *reason)
{
    struct held *h = arg;
    assert(h->state == HELD_RUNNING); /* else it was abandoned */
    h->goes_back = end == JOB_RUN_GIVEN_BACK;
    h->counts_as_attempt = true;
    h->outcome = end == JOB_RUN_CANCELLED ? JOB_CANCELLED : end == JOB_RUN_FAILED ? JOB_FAILED : JOB_COMPLETED;
    h->reason = reason ? xstrdup(reason) : NULL;
    if (result) {
        h->verdict = verdict_name(result->verdict);
        take_figures(&h->execution, result);
        h->result = job_result_to_json(result);
        keep_result(h, result);
    }
    held_step(h, EVENT_ENDED);
}

static void start_run(struct held *h)
{
    struct job_order order = {
        .id = h->id,
        .submission = &h->submission,
        .lang = h->served->lang,
        .toolchain = h->served->version,
        .executor = h->pool->executor,
        .on_progress = on_run_progress,
        .on_done = on_run_done,
        .arg = h,
    };
    h->state = HELD_RUNNING;
    h->run = runner_start(h->pool->runner, &order);
}

/* ---- leases --------------------------------------------------------------------------------------------------- */

struct renewal {
    size_t count;
    struct held *jobs[]; /* a reference to each */
};

static void on_lease(struct held *h, enum store_lease lease)
{
    if (lease == STORE_LEASE_LOST)
        held_step(h, EVENT_LOST);
    else if (lease == STORE_LEASE_CANCELLED)
        held_step(h, EVENT_CANCEL);
}

static void on_renewed(void *arg, const struct err *err, const enum store_lease *leases, size_t count)
{
    struct renewal *renewal = arg;
    assert(err || count == renewal->count);
    for (size_t i = 0; i < renewal->count; i++) {
        if (!err)
            on_lease(renewal->jobs[i], leases[i]);
        held_unref(renewal->jobs[i]);
    }
    free(renewal);
}

void held_renew(struct held_pool *pool, const struct served *served)
{
    if (served->active == 0)
        return;
    size_t most = (size_t)served->active;
    struct store_held *list = xcalloc(most, sizeof *list);
    struct renewal *renewal = xcalloc(1, sizeof *renewal + most * sizeof(void *));
    for (struct held *h = pool->first; h; h = h->next) {
        if (h->served != served)
            continue;
        assert(renewal->count < most);
        list[renewal->count] = (struct store_held){h->id, h->token};
        renewal->jobs[renewal->count++] = h;
        h->refs++;
    }
    store_renew(pool->store, served->lang->name, list, renewal->count, on_renewed, renewal);
    free(list);
}

static void on_progress_stored(void *arg, const struct err *err, enum store_lease lease)
{
    struct held *h = arg;
    if (!err)
        on_lease(h, lease);
    held_unref(h);
}

/* An answer that is not heard costs its events, never one twice: the result has them all. */
static void tell_progress(struct held *h)
{
    struct store_text events[EVENTS_MOST] = {0}; /* gcc takes them for read when there are none */
    size_t count = 0;
    for (; h->tests_told < h->tests_done && count < EVENTS_MOST; count++) {
        events[count].data = job_run_event(h->run, h->tests_told++);
        events[count].len = strlen(events[count].data);
    }
    h->refs++;
    store_progress(h->pool->store, &(struct store_held){h->id, h->token}, (int64_t)h->tests_done, events, count,
                   on_progress_stored, h);
    for (size_t i = 0; i < count; i++)
        free((char *)events[i].data);
}

/* ---- the beginning -------------------------------------------------------------------------------------------- */

static struct held *hold(struct held_pool *pool, struct served *served, const struct store_claimed *job)
{
    struct held *h = xcalloc(1, sizeof *h);
    *h = (struct held){
        .pool = pool,
        .next = pool->first,
        .served = served,
        .id = xstrdup(job->id),
        .token = xstrdup(job->token),
        .retry_ms = RETRY_LEAST_MS,
        .refs = 1,
    };
    uv_timer_init(pool->loop, &h->timer);
    h->timer.data = h;
    pool->first = h;
    h->served->active++;
    return h;
}

static void end_at_once(struct held *h, enum job_state outcome, const char *reason)
{
    h->outcome = outcome;
    h->reason = xstrdup(reason);
    held_step(h, EVENT_ENDED);
}

void held_begin(struct held_pool *pool, struct served *served, const struct store_claimed *job, bool goes_back)
{
    struct held *h = hold(pool, served, job);
    h->execution.owner = xstrdup(job->owner);
    int64_t waited_ms = now_wall_ms() - job->created_ms; /* by two clocks */
    metric_observe(&figure_queue_seconds, waited_ms > 0 ? (double)waited_ms / 1000 : 0, h->served->lang->name);
    struct err err;
    log_event(LOG_DEBUG, "job claimed", LOG_TEXT("job", h->id), LOG_TEXT("language", h->served->lang->name),
              LOG_INT("attempt", job->attempt), LOG_INT("waitedMs", waited_ms));
    if (goes_back) {
        h->goes_back = true;
        held_step(h, EVENT_ENDED);
        return;
    }
    if (submission_from_json(job->request, job->request_len, &h->submission, &err) < 0) {
        end_at_once(h, JOB_FAILED, err.msg);
        return;
    }
    h->execution.user = h->submission.user_id ? xstrdup(h->submission.user_id) : NULL;
    if (h->submission.file_count == 0 || h->submission.test_count == 0)
        end_at_once(h, JOB_FAILED, "the stored request has no file or no test");
    else if (h->submission.cache)
        look_for_result(h, job->owner);
    else
        start_run(h);
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

void held_tell_progress(struct held_pool *pool)
{
    for (struct held *h = pool->first; h; h = h->next)
        if (h->state == HELD_RUNNING && h->tests_done > h->tests_told)
            tell_progress(h);
}

void held_cancel(struct held_pool *pool, const char *id)
{
    for (struct held *h = pool->first; h; h = h->next)
        if (strcmp(h->id, id) == 0) {
            held_step(h, EVENT_CANCEL);
            return;
        }
}

void held_retry(struct held_pool *pool)
{
    for (struct held *h = pool->first; h; h = h->next)
        held_step(h, EVENT_TIMER);
}

void held_give_back(struct held_pool *pool)
{
    for (struct held *h = pool->first; h; h = h->next)
        held_step(h, EVENT_GIVE_BACK);
}

void held_abandon(struct held_pool *pool)
{
    while (pool->first) {
        struct held *h = pool->first;
        if (h->state == HELD_RUNNING)
            job_run_abandon(h->run);
        enter_leaving(h);
    }
}

size_t held_looking(const struct held_pool *pool)
{
    size_t count = 0;
    for (const struct held *h = pool->first; h; h = h->next)
        count += h->state == HELD_LOOKING;
    return count;
}
