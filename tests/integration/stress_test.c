/* 1000 jobs, workers that crash, overrun their leases, give back and progress, clients that cancel, two reapers, and a
 * Redis that is killed in the middle: one result a job, nothing lost, nothing left over. */
#include "../unit/tap.h"
#include "harness.h"

#include <stdio.h>

enum { JOBS = 1000, WORKERS = 8, REAPERS = 2, LEASE_MS = 100, LIMIT_MS = 20000 };

struct job {
    int accepted;   /* completions that the store took */
    char token[33]; /* the one that it took */
    char id[JOB_ID_SIZE];
};

struct worker {
    struct store *store;
    uv_timer_t timer;
    struct job *job;
    char token[33];
    char result[64];
};

struct reaper {
    struct store *store;
    uv_timer_t timer;
    bool busy;
};

static struct redis_server server;
static struct job jobs[JOBS];
static struct worker workers[WORKERS];
static struct reaper reapers[REAPERS];
static const char *const languages[] = {"python", "cpp"};
static bool stopping;
static int enqueued, completions, crashes, overruns, late, cancels, reaped_count, unknown;

/* A generator of our own, so that a seed repeats a run as far as timing does. */
static uint32_t seed = 1;

static int chance(int below)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)below);
}

static struct job *find_job(const char *id)
{
    for (int i = 0; i < JOBS; i++)
        if (strcmp(jobs[i].id, id) == 0)
            return &jobs[i];
    return NULL;
}

/* ---- workers -------------------------------------------------------------------------------------------------- */

static void work(uv_timer_t *timer);

static void next_claim(struct worker *w, int after_ms)
{
    if (!stopping)
        uv_timer_start(&w->timer, work, (uint64_t)after_ms, 0);
}

static void do_complete(uv_timer_t *timer);

static void on_completed(void *arg, const struct err *err, enum store_lease lease)
{
    struct worker *w = arg;
    if (err) { /* it may have been taken: the same again must not count twice */
        unknown++;
        uv_timer_start(&w->timer, do_complete, 20, 0);
        return;
    }
    if (lease == STORE_LEASE_KEPT) {
        w->job->accepted++;
        completions++;
        memcpy(w->job->token, w->token, sizeof w->token);
    } else {
        late++;
    }
    next_claim(w, 0);
}

static void do_complete(uv_timer_t *timer)
{
    struct worker *w = container_of(timer, struct worker, timer);
    struct store_completion done = {.id = w->job->id,
                                    .token = w->token,
                                    .state = JOB_COMPLETED,
                                    .verdict = "accepted",
                                    .result = w->result,
                                    .result_len = strlen(w->result)};
    store_complete(w->store, &done, on_completed, w);
}

static void on_given_back(void *arg, const struct err *err, enum store_lease lease)
{
    (void)lease;
    unknown += err != NULL;
    next_claim(arg, 0);
}

static void on_progress(void *arg, const struct err *err, enum store_lease lease)
{
    (void)lease;
    struct worker *w = arg;
    unknown += err != NULL;
    uv_timer_start(&w->timer, do_complete, (uint64_t)chance(3), 0);
}

static void on_claimed(void *arg, const struct err *err, const struct store_claimed *claimed)
{
    struct worker *w = arg;
    if (!claimed) {
        next_claim(w, err ? 20 : 5);
        return;
    }
    w->job = find_job(claimed->id);
    memcpy(w->token, claimed->token, sizeof w->token);
    snprintf(w->result, sizeof w->result, "%s", w->token);
    struct store_held held = {w->job->id, w->token};
    int fate = chance(100);
    if (fate < 8) {
        crashes++;
        next_claim(w, 5); /* its successor */
    } else if (fate < 16) {
        overruns++;
        uv_timer_start(&w->timer, do_complete, LEASE_MS / 2 + (uint64_t)chance(2 * LEASE_MS), 0);
    } else if (fate < 22) {
        store_requeue(w->store, &held, fate < 19, NULL, on_given_back, w);
    } else if (fate < 50) {
        store_progress(w->store, &held, 1, &(struct store_text){"{}", 2}, 1, on_progress, w);
    } else {
        uv_timer_start(&w->timer, do_complete, (uint64_t)chance(4), 0);
    }
}

static void work(uv_timer_t *timer)
{
    struct worker *w = container_of(timer, struct worker, timer);
    store_claim(w->store, languages[chance(2)], "worker", on_claimed, w);
}

/* ---- reapers and clients -------------------------------------------------------------------------------------- */

static void on_reaped(void *arg, const struct err *err, const struct store_reaped *reaped)
{
    ((struct reaper *)arg)->busy = false;
    if (!err)
        reaped_count += (int)(reaped->requeued + reaped->failed + reaped->cancelled);
}

static void do_reap(uv_timer_t *timer)
{
    struct reaper *r = container_of(timer, struct reaper, timer);
    if (r->busy || stopping)
        return;
    r->busy = true;
    store_reap(r->store, languages[chance(2)], on_reaped, r);
}

static void on_enqueued(void *arg, const struct err *err, const struct store_enqueue_reply *reply)
{
    (void)arg;
    enqueued += !err && reply->outcome == STORE_ENQUEUED;
}

static void on_cancelled(void *arg, const struct err *err, enum store_cancelled outcome)
{
    (void)arg;
    (void)outcome;
    cancels += !err;
}

static void short_lease(struct store_options *options)
{
    options->lease_ms = LEASE_MS;
    options->max_attempts = 4;
}

static void begin(struct store *client)
{
    for (int i = 0; i < JOBS; i++) {
        job_id_make(languages[i % 2], jobs[i].id);
        struct store_enqueue job = {
            .id = jobs[i].id, .owner = "", .request = "x", .request_len = 1, .priority = i % 10 == 0};
        store_enqueue(client, &job, on_enqueued, NULL);
    }
    for (int i = 0; i < WORKERS; i++) {
        workers[i].store = open_store(&server, short_lease);
        uv_timer_init(test_loop, &workers[i].timer);
        next_claim(&workers[i], 0);
    }
    for (int i = 0; i < REAPERS; i++) {
        reapers[i].store = open_store(&server, short_lease);
        uv_timer_init(test_loop, &reapers[i].timer);
        uv_timer_start(&reapers[i].timer, do_reap, 10, 10);
    }
}

static void end(void)
{
    stopping = true;
    for (int i = 0; i < WORKERS; i++) {
        uv_close((uv_handle_t *)&workers[i].timer, NULL);
        close_store(workers[i].store);
    }
    for (int i = 0; i < REAPERS; i++) {
        uv_close((uv_handle_t *)&reapers[i].timer, NULL);
        close_store(reapers[i].store);
    }
}

/* ---- the verdict ---------------------------------------------------------------------------------------------- */

static int64_t left_over(void)
{
    int64_t left = 0;
    for (size_t i = 0; i < ARRAY_LEN(languages); i++) {
        left += server_int(&server, "LLEN sentinel:{%s}:queue", languages[i]);
        left += server_int(&server, "LLEN sentinel:{%s}:queue:high", languages[i]);
        left += server_int(&server, "ZCARD sentinel:{%s}:lease", languages[i]);
    }
    return left;
}

/* Nothing is left in Redis, and every worker has heard what became of its completion. */
static bool settled(void)
{
    int64_t completed = 0;
    for (size_t i = 0; i < ARRAY_LEN(languages); i++)
        completed += server_int(&server, "HGET sentinel:{%s}:stats completed", languages[i]);
    return left_over() == 0 && completions == completed;
}

static void check_jobs(struct store *client)
{
    int good = 0, counts[JOB_EXPIRED + 1] = {0};
    for (int i = 0; i < JOBS; i++) {
        const struct got *got = get(client, jobs[i].id);
        if (!got->found)
            continue;
        counts[got->job.state]++;
        bool completed = got->job.state == JOB_COMPLETED;
        const char *result = got->job.result ? got->job.result : "";
        if (job_state_final(got->job.state) && jobs[i].accepted == completed && strcmp(result, jobs[i].token) == 0)
            good++;
        else
            printf("#   %s: %s, %d accepted\n", jobs[i].id, job_state_name(got->job.state), jobs[i].accepted);
    }
    printf("# %d completed, %d failed, %d cancelled\n", counts[JOB_COMPLETED], counts[JOB_FAILED],
           counts[JOB_CANCELLED]);
    is_int(good, JOBS, "every job is final, and has the one result that was accepted, or none");
    struct store_queue_load a = load_of(client, languages[0]), b = load_of(client, languages[1]);
    is_int(a.completed + b.completed, counts[JOB_COMPLETED], "the counters agree: completed");
    is_int(a.failed + b.failed, counts[JOB_FAILED], "failed");
    is_int(a.cancelled + b.cancelled, counts[JOB_CANCELLED], "cancelled");
    is_int(a.waiting + b.waiting + a.active + b.active, 0, "nothing waits or runs");
}

int main(void)
{
    random_bytes(&seed, sizeof seed);
    printf("# seed %u\n", seed);
    int64_t started = now_mono_ms();
    server_create(&server);
    struct store *client = open_store(&server, NULL);
    begin(client);
    ok(until(enqueued == JOBS), "%d jobs are enqueued", JOBS);
    for (int i = 0; i < JOBS; i += 20)
        store_cancel(client, jobs[i + chance(20)].id, NULL, on_cancelled, NULL);
    ok(until_within(completions >= JOBS / 2, LIMIT_MS), "half of them are done");
    server_kill(&server);
    server_spawn(&server);
    ok(until(store_ready(client)), "Redis was killed and is back");
    ok(until_within(settled(), LIMIT_MS), "in the end all lists and leases are empty");
    end();
    ok(crashes > 0 && overruns > 0 && late > 0 && reaped_count > 0 && cancels > 0, "it was not for lack of trouble");
    printf("# %d crashes, %d overruns, %d late, %d reaped, %d answers unknown, %lld ms\n", crashes, overruns, late,
           reaped_count, unknown, (long long)(now_mono_ms() - started));
    check_jobs(client);
    close_store(client);
    server_destroy(&server);
    return done_testing();
}
