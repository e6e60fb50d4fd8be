/* Owns one job from its submission to its result. Invariants: only job_step changes the state; the job ends in the
 * close callback of its timer, so its end is never told from inside a call. */
#include "job_run.h"
#include "checker.h"
#include "figures.h"
#include "info.h"
#include "job_json.h"
#include "log.h"
#include "resident.h"
#include "result.h"
#include "verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    TRIES = 2,     /* of one run that the boxes fail */
    STACK_MB = 64, /* of a program's main thread; a thread's virtual size too, where RLIMIT_DATA counts it */
};

enum job_run_event { EVENT_BEGUN, EVENT_AGAIN, EVENT_COMPILED, EVENT_RUN_OVER, EVENT_STOP };

/* ---- the end -------------------------------------------------------------------------------------------------- */

static void job_free(struct job_run *job)
{
    submission_finish(&job->submission);
    bundle_finish(&job->sources);
    bundle_finish(&job->program);
    plan_finish(&job->plan);
    job_result_finish(&job->result);
    free(job->earlier);
    free(job->ended);
    free(job->reason);
    free(job->id);
    free(job);
}

static void skip_rest(struct job_run *job)
{
    for (size_t i = 0; i < job->plan.count; i++)
        if (!plan_counts(&job->plan, i))
            result_skip_test(&job->result.tests[i], job->timed_out ? "JOB_TIMEOUT" : "an earlier test failed");
}

static void finish_result(struct job_run *job)
{
    struct job_result *r = &job->result;
    bool compiled = !r->compile.present || r->compile.ok;
    if (compiled || job->timed_out) {
        skip_rest(job);
        r->verdict = job_verdict(r->tests, r->test_count);
    } else {
        r->test_count = 0;
        r->verdict = VERDICT_COMPILE_ERROR;
    }
    r->reason = steal_pointer(&job->reason);
    r->execution_ms = now_mono_ms() - job->started_ms;
    metric_observe(&figure_job_seconds, (double)r->execution_ms / 1000, job->lang->name);
}

static void on_job_closed(uv_handle_t *handle)
{
    struct job_run *job = handle->data;
    struct runner *r = job->runner;
    if (job->end == JOB_RUN_COMPLETED)
        finish_result(job);
    if (job->end != JOB_RUN_ABANDONED)
        job->on_done(job->arg, job->end, job->end == JOB_RUN_COMPLETED ? &job->result : NULL, job->reason);
    job_free(job);
    runner_job_gone(r);
}

static void enter_ended(struct job_run *job)
{
    runner_unlink(job->runner, job);
    job->state = JOB_RUN_ENDED;
    uv_close((uv_handle_t *)&job->timer, on_job_closed);
}

static void enter_stopping(struct job_run *job)
{
    job->state = JOB_RUN_STOPPING;
    uv_timer_stop(&job->timer);
    runner_cancel_runs(job->runner, job, 0);
    if (job->runs == 0)
        enter_ended(job);
}

static void job_step(struct job_run *job, enum job_run_event event)
{
    switch (job->state) {
    case JOB_RUN_TO_COMPILE:
        if (event == EVENT_BEGUN)
            job->state = JOB_RUN_COMPILING;
        else if (event == EVENT_COMPILED) /* by an earlier job */
            job->state = JOB_RUN_TESTING;
        else if (event == EVENT_STOP)
            enter_stopping(job);
        return;
    case JOB_RUN_COMPILING:
        if (event == EVENT_AGAIN)
            job->state = JOB_RUN_TO_COMPILE;
        else if (event == EVENT_COMPILED)
            job->state = JOB_RUN_TESTING;
        else if (event == EVENT_STOP)
            enter_stopping(job);
        return;
    case JOB_RUN_TESTING:
        if (event == EVENT_STOP)
            enter_stopping(job);
        else if (event == EVENT_RUN_OVER && plan_complete(&job->plan)) {
            job->end = JOB_RUN_COMPLETED;
            enter_stopping(job);
        }
        return;
    case JOB_RUN_STOPPING:
        if (event == EVENT_RUN_OVER && job->runs == 0)
            enter_ended(job);
        return;
    case JOB_RUN_ENDED:
        return;
    }
    abort();
}

static void job_stop(struct job_run *job, enum job_run_end end, const char *reason)
{
    if (job->state == JOB_RUN_STOPPING || job->state == JOB_RUN_ENDED) {
        if (end == JOB_RUN_ABANDONED)
            job->end = end;
        return;
    }
    job->end = end;
    if (reason && !job->reason)
        job->reason = xstrdup(reason);
    job_step(job, EVENT_STOP);
}

static void on_job_timeout(uv_timer_t *timer)
{
    struct job_run *job = timer->data;
    char reason[96];
    job->timed_out = true;
    snprintf(reason, sizeof reason, "JOB_TIMEOUT: the job took longer than %" PRId64 " s",
             job->options->job_timeout_ms / 1000);
    job_stop(job, JOB_RUN_COMPLETED, reason);
}

/* ---- what runs come to ---------------------------------------------------------------------------------------- */

/* The boxes failed a run. Once may be a box's end; twice is the job's problem, or this executor's. */
static void take_failure(struct job_run *job, size_t index, const char *message)
{
    struct earlier *earlier = &job->earlier[index == JOB_COMPILATION ? job->plan.count : index];
    bool stop = ++earlier->failures >= TRIES;
    log_event(LOG_WARN, "run failed in its box", LOG_TEXT("job", job->id), LOG_TEXT("language", job->lang->name),
              LOG_INT("test", index == JOB_COMPILATION ? -1 : (int64_t)index), LOG_INT("tries", earlier->failures),
              LOG_TEXT("error", message));
    if (index == JOB_COMPILATION)
        job_step(job, EVENT_AGAIN);
    else
        plan_again(&job->plan, index, false);
    if (stop)
        job_stop(job, JOB_RUN_GIVEN_BACK, message);
}

static bool all_collected(const struct lang_step *step, const struct bundle *collected)
{
    const char *name = collected->names;
    size_t found = 0, wanted = 0;
    for (uint32_t i = 0; i < collected->count; i++, name += strlen(name) + 1)
        for (size_t k = 0; k < step->collect_count; k++)
            found += strcmp(name, step->collect[k]) == 0;
    for (size_t k = 0; k < step->collect_count; k++)
        wanted += step->collect[k][strlen(step->collect[k]) - 1] != '/';
    return found >= wanted && collected->count > 0;
}

static void note_contended(const struct job_run *job)
{
    metric_add(&figure_reruns, 1, job->lang->name);
    log_event(LOG_INFO, "run contended, made again", LOG_TEXT("job", job->id), LOG_TEXT("language", job->lang->name));
}

static void take_compilation(struct job_run *job, struct box_answer *answer)
{
    const struct lang_step *step = &job->lang->compile;
    struct compile_result *compile = &job->result.compile;
    struct earlier *earlier = &job->earlier[job->plan.count];
    char reason[VERDICT_REASON_SIZE];
    metric_observe(&figure_compile_seconds, (double)answer->reply->wall_us / 1e6, job->lang->name);
    if (step->warm != LANG_COLD)
        metric_add(&figure_warm_compiles, 1, job->lang->name, answer->reply->warm == BOX_COLD ? "cold" : "warm");
    if (verdict_contended(answer->reply, &step->limits) && !earlier->contended) {
        note_contended(job);
        earlier->contended = true;
        job_step(job, EVENT_AGAIN);
        return;
    }
    compile->ok = verdict_of_reply(answer->reply, step, &step->limits, answer->errout, reason) == VERDICT_ACCEPTED;
    if (compile->ok && !all_collected(step, &answer->collected)) {
        compile->ok = false;
        snprintf(reason, sizeof reason, "the compiler left no program");
    }
    result_set_run(&compile->run, answer->reply, &step->limits, answer->out, answer->errout, reason);
    result_share_output(&job->result, job->options->job_output_bytes);
    if (compile->ok) {
        job->program = answer->collected;
        answer->collected = BUNDLE_NONE;
        if (job->lang->compile.cache)
            program_cache_put(job->programs, &job->program_key, &job->program, compile);
        job_step(job, EVENT_COMPILED);
    } else {
        job_stop(job, JOB_RUN_COMPLETED, NULL);
    }
}

static void explain_contended(const struct earlier *earlier, char *reason)
{
    size_t len = strlen(reason);
    if (earlier->contended)
        snprintf(reason + len, VERDICT_REASON_SIZE - len,
                 "%scontended: run again alone, after waiting for a processor for %" PRId64 " ms of %" PRId64 " ms",
                 len ? "; " : "", earlier->waited_us / 1000, earlier->wall_us / 1000);
}

/* Of the languages that say so. */
static void count_warmth(const struct job_run *job, const struct box_reply *reply)
{
    if (!job->lang->run.warm)
        return;
    metric_add(&figure_warm_runs, 1, job->lang->name, reply->warm == BOX_COLD ? "cold" : "warm");
    if (reply->warm == BOX_WARM_STARTED)
        metric_add(&figure_warm_starts, 1, job->lang->name);
}

static void judge_test(struct job_run *job, size_t index, const struct box_answer *answer)
{
    const struct box_reply *reply = answer->reply;
    const struct test_case *test = &job->submission.tests[index];
    struct test_result *result = &job->result.tests[index];
    char reason[VERDICT_REASON_SIZE];
    result->verdict = verdict_of_reply(reply, &job->lang->run, &job->limits, answer->errout, reason);
    if (result->verdict == VERDICT_ACCEPTED && test->has_expected &&
        !checker_accepts(job->submission.compare, job->submission.compare_epsilon, answer->out, reply->stdout_kept,
                         test->expected.data, test->expected.len))
        result->verdict = VERDICT_WRONG_ANSWER;
    result->passed = result->verdict == VERDICT_ACCEPTED;
    metric_observe(&figure_run_seconds, (double)reply->wall_us / 1e6, job->lang->name);
    metric_observe(&figure_run_memory, (double)reply->memory_peak_bytes, job->lang->name);
    count_warmth(job, reply);
    explain_contended(&job->earlier[index], reason);
    result_set_run(&result->run, reply, &job->limits, answer->out, answer->errout, reason);
    result->run.lost_us = job->earlier[index].waited_us;
    result->run.lost_of_us = job->earlier[index].wall_us;
    result_share_output(&job->result, job->options->job_output_bytes);
}

static void take_test(struct job_run *job, size_t index, bool alone, const struct box_answer *answer)
{
    const struct box_reply *reply = answer->reply;
    struct earlier *earlier = &job->earlier[index];
    if (verdict_contended(reply, &job->limits) && !alone && !earlier->contended) {
        note_contended(job);
        earlier->contended = true;
        earlier->waited_us = (int64_t)reply->runqueue_us;
        earlier->wall_us = (int64_t)reply->wall_us;
        plan_again(&job->plan, index, true);
    } else {
        judge_test(job, index, answer);
        plan_ended(&job->plan, index, !job->result.tests[index].passed);
        runner_cancel_runs(job->runner, job, job->plan.cutoff);
        job->ended[job->tests_done++] = index;
        job->on_progress(job->arg, job->tests_done);
    }
}

void job_run_take(struct job_run *job, size_t index, bool alone, struct box_answer *answer)
{
    job->runs--;
    bool beyond = index != JOB_COMPILATION && index >= job->plan.cutoff;
    if (job->state == JOB_RUN_COMPILING || job->state == JOB_RUN_TESTING) {
        if (beyond)
            plan_ended(&job->plan, index, false);
        else if (!answer || answer->reply->status != BOX_OK)
            take_failure(job, index, answer ? answer->reply->message : "the box died");
        else if (index == JOB_COMPILATION)
            take_compilation(job, answer);
        else
            take_test(job, index, alone, answer);
    }
    job_step(job, EVENT_RUN_OVER);
}

void job_run_take_resident(struct job_run *job, struct box_answer *answer)
{
    if (answer) {
        job_run_take(job, JOB_COMPILATION, false, answer);
        return;
    }
    job->runs--;
    job->declined = true;
    if (job->state == JOB_RUN_COMPILING)
        job_step(job, EVENT_AGAIN);
    job_step(job, EVENT_RUN_OVER);
}

/* ---- what runs begin ------------------------------------------------------------------------------------------ */

static struct box_limits box_limits(const struct job_run *job, const struct lang_step *step, const struct limits *l)
{
    return (struct box_limits){
        .cpu_us = (uint64_t)l->cpu_ms * 1000,
        .wall_us = (uint64_t)l->wall_ms * 1000,
        .memory_bytes = (uint64_t)(l->memory_mb + step->memory_overhead_mb) << 20,
        .output_bytes = (uint64_t)l->output_kb << 10,
        .file_bytes = (uint64_t)l->file_kb << 10,
        .scratch_bytes = job->options->scratch_bytes,
        .stack_bytes = (uint64_t)(l->memory_mb < STACK_MB ? l->memory_mb : STACK_MB) << 20,
        .processes = (uint32_t)l->processes,
        .cpus_milli = (uint32_t)l->cpus_milli,
    };
}

/* An interpreter that is forked has its arguments from its start: what is not as of most submissions starts cold. One
 * that is held has its own, but costs its start whether it is used or not: after a compiled program's last test only an
 * equal submission would. */
static enum box_warm_way warm_way(const struct job_run *job, const struct lang_step *step)
{
    const struct submission *s = &job->submission;
    if (step->warm == LANG_FORK)
        return s->arg_count == 0 && strcmp(s->files[0].name, job->lang->source_file) == 0 ? BOX_WAY_FORK : BOX_WAY_COLD;
    if (step->warm != LANG_HOLD)
        return BOX_WAY_COLD;
    bool another = !job->lang->compiled || job->result.compile.cached || plan_waiting(&job->plan, 1) > 0;
    return another ? BOX_WAY_HOLD : BOX_WAY_TAKE;
}

static int send_run(struct job_run *job, size_t index, struct box_client *box, int stdin_fd,
                    void (*on_answer)(void *arg, struct box_answer *answer), void *arg, struct err *err)
{
    bool compile = index == JOB_COMPILATION;
    const struct lang_step *step = compile ? &job->lang->compile : &job->lang->run;
    const struct limits *limits = compile ? &step->limits : &job->limits;
    char **argv = lang_argv(job->lang, step, &job->submission, limits, bundle_entry(&job->program));
    struct box_call call = {
        .profile = compile ? BOX_PROFILE_COMPILE : BOX_PROFILE_RUN,
        .limits = box_limits(job, step, limits),
        .argv = argv,
        .env = job->lang->env,
        .env_count = job->lang->env_count,
        .files = !compile && job->lang->compiled ? &job->program : &job->sources,
        .collect = step->collect,
        .collect_count = step->collect_count,
        .collect_max = job->options->scratch_bytes,
        .stdin_fd = stdin_fd,
        .warm = warm_way(job, step),
    };
    int r = box_client_run(box, &call, on_answer, arg, err);
    lang_argv_free(argv);
    return r;
}

bool job_run_begin(struct job_run *job, size_t index, struct box_client *box, int null_fd,
                   void (*on_answer)(void *arg, struct box_answer *answer), void *arg)
{
    const struct bytes *input = index == JOB_COMPILATION ? NULL : &job->submission.tests[index].input;
    cleanup_fd int input_fd = -1;
    struct err err;
    int r = input && input->len ? memfd_of_bytes(input->data, input->len, &input_fd, &err) : 0;
    if (r == 0)
        r = send_run(job, index, box, input_fd < 0 ? null_fd : input_fd, on_answer, arg, &err);
    if (r < 0) {
        job_stop(job, r == -E2BIG ? JOB_RUN_FAILED : JOB_RUN_GIVEN_BACK, err.msg);
        return false;
    }
    job->runs++;
    if (index == JOB_COMPILATION)
        job_step(job, EVENT_BEGUN);
    else
        plan_started(&job->plan, index);
    return true;
}

/* With flags javac may read files, and whatever else a flag may have it do. */
bool job_run_suits_resident(const struct job_run *job)
{
    return job->lang->compile.warm == LANG_RESIDENT && job->submission.compile_flag_count == 0 && !job->declined;
}

void job_run_begin_resident(struct job_run *job, struct resident *resident,
                            void (*on_answer)(void *arg, struct box_answer *answer), void *arg)
{
    resident_compile(resident, &job->submission, on_answer, arg);
    job->runs++;
    job_step(job, EVENT_BEGUN);
}

size_t job_run_next(const struct job_run *job)
{
    if (job->state == JOB_RUN_TO_COMPILE)
        return JOB_COMPILATION;
    return job->state == JOB_RUN_TESTING ? plan_next(&job->plan) : PLAN_NONE;
}

size_t job_run_next_alone(const struct job_run *job)
{
    return job->state == JOB_RUN_TESTING ? plan_next_alone(&job->plan) : PLAN_NONE;
}

size_t job_run_waiting(const struct job_run *job, size_t most)
{
    if (job->state == JOB_RUN_TO_COMPILE)
        return 1;
    return job->state == JOB_RUN_TESTING ? plan_waiting(&job->plan, most) : 0;
}

/* ---- the beginning -------------------------------------------------------------------------------------------- */

struct job_run *job_run_create(struct runner *runner, const struct runner_options *options,
                               struct program_cache *programs, uv_loop_t *loop, const struct job_order *order,
                               const struct box_hello *hello)
{
    struct job_run *job = xcalloc(1, sizeof *job);
    *job = (struct job_run){
        .state = order->lang->compiled ? JOB_RUN_TO_COMPILE : JOB_RUN_TESTING,
        .runner = runner,
        .options = options,
        .programs = programs,
        .id = xstrdup(order->id),
        .lang = order->lang,
        .submission = *order->submission,
        .limits = lang_resolve_limits(order->lang, &order->submission->limits),
        .sources = BUNDLE_NONE,
        .program = BUNDLE_NONE,
        .started_ms = now_mono_ms(),
        .on_progress = order->on_progress,
        .on_done = order->on_done,
        .arg = order->arg,
    };
    *order->submission = (struct submission){0};
    size_t tests = job->submission.test_count;
    plan_init(&job->plan, tests, job->submission.stop_on_failure);
    job->earlier = xcalloc(tests + 1, sizeof *job->earlier);
    job->ended = xcalloc(tests, sizeof *job->ended);
    job->result = (struct job_result){
        .compile = {.present = job->lang->compiled, .run = {.exit_code = -1, .limits = job->lang->compile.limits}},
        .tests = xcalloc(tests, sizeof *job->result.tests),
        .test_count = tests,
        .tier = hello ? xstrdup(result_tier_name(hello->tier)) : NULL,
        .isolation = hello ? info_isolation(hello) : NULL,
        .executor = xstrdup(order->executor),
        .toolchain = xstrdup(order->toolchain),
    };
    lang_normalize(job->lang, &job->submission);
    uv_timer_init(loop, &job->timer);
    job->timer.data = job;
    uv_timer_start(&job->timer, on_job_timeout, (uint64_t)options->job_timeout_ms, 0);
    return job;
}

static bool find_program(struct job_run *job)
{
    if (!job->lang->compiled || !job->lang->compile.cache)
        return false;
    job->program_key = program_key_of(job->lang, job->result.toolchain, &job->submission);
    bool found = program_cache_find(job->programs, &job->program_key, &job->program, &job->result.compile);
    metric_add(&figure_program_cache, 1, found ? "hit" : "miss");
    return found;
}

/* Not before the job is in its runner's line, which a job that stops leaves. */
void job_run_prepare(struct job_run *job)
{
    struct err err;
    if (find_program(job))
        job_step(job, EVENT_COMPILED);
    else if (bundle_of_sources(job->submission.files, job->submission.file_count, &job->sources, &err) < 0)
        job_stop(job, JOB_RUN_GIVEN_BACK, err.msg);
}

char *job_run_event(const struct job_run *job, size_t place)
{
    assert(place < job->tests_done);
    size_t index = job->ended[place];
    struct test_event event = test_event_of(&job->submission, &job->result.tests[index], index);
    return test_event_to_json(&event);
}

void job_run_cancel(struct job_run *job)
{
    job_stop(job, JOB_RUN_CANCELLED, NULL);
}

void job_run_abandon(struct job_run *job)
{
    job_stop(job, JOB_RUN_ABANDONED, NULL);
}
