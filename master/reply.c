/* Field order follows document 003's examples, then what Sentinel adds. Of a hidden test case only what cannot carry
 * its input or expected output is shown: a program may print them, or put them into its exit code. */
#include "reply.h"
#include "explain.h"
#include "trace.h"

#include <stdio.h>
#include <string.h>

static void put_time(struct json_writer *w, const char *key, int64_t wall_ms)
{
    char text[RFC3339_SIZE];
    if (wall_ms > 0)
        format_rfc3339(wall_ms, text);
    json_put_str(w, key, wall_ms > 0 ? text : NULL);
}

static int64_t last_change_ms(const struct store_job *job)
{
    return job->finished_ms ? job->finished_ms : job->started_ms ? job->started_ms : job->created_ms;
}

/* Without the final newline, as document 003 shows outputs. */
static size_t trimmed_len(const struct bytes *b)
{
    size_t len = b->data ? b->len : 0;
    if (len > 0 && b->data[len - 1] == '\n')
        len--;
    if (len > 0 && len < b->len && b->data[len - 1] == '\r')
        len--;
    return len;
}

static bool put_bytes(struct json_writer *w, const char *key, const struct bytes *b)
{
    return json_put_bytes(w, key, b->data ? b->data : "", b->len);
}

static bool put_trimmed(struct json_writer *w, const char *key, const struct bytes *b)
{
    return json_put_bytes(w, key, b->data ? b->data : "", trimmed_len(b));
}

void reply_put_limits(struct json_writer *w, const char *key, const struct limits *limits)
{
    json_open(w, key, '{');
    json_put_int(w, "cpuTimeMs", limits->cpu_ms);
    json_put_int(w, "wallTimeMs", limits->wall_ms);
    json_put_int(w, "memoryMb", limits->memory_mb);
    json_put_int(w, "processes", limits->processes);
    json_put_int(w, "outputKb", limits->output_kb);
    json_put_int(w, "fileKb", limits->file_kb);
    json_put_double(w, "cpus", (double)limits->cpus_milli / 1000.0);
    json_close(w, '}');
}

/* Figures that cannot carry a secret out. */
static void put_costs(struct json_writer *w, const struct run_figures *run)
{
    json_put_double(w, "cpuTimeMs", (double)run->cpu_us / 1000.0);
    json_put_double(w, "wallTimeMs", (double)run->wall_us / 1000.0);
    json_put_int(w, "memoryKb", run->memory_kb);
}

static void put_run(struct json_writer *w, const struct run_figures *run)
{
    bool replaced = put_bytes(w, "stdout", &run->out);
    replaced |= put_bytes(w, "stderr", &run->errout);
    if (run->exit_code >= 0)
        json_put_int(w, "exitCode", run->exit_code);
    else
        json_put_null(w, "exitCode");
    if (run->signal > 0)
        json_put_int(w, "signal", run->signal);
    else
        json_put_null(w, "signal");
    put_costs(w, run);
    json_put_bool(w, "truncated", run->truncated);
    json_put_int(w, "stdoutBytes", run->out_total);
    json_put_int(w, "stderrBytes", run->errout_total);
    json_put_bool(w, "invalidUtf8", replaced);
    json_put_int(w, "oomKills", run->oom_kills);
}

static int64_t whole_ms(const struct run_figures *run)
{
    return (run->wall_us + 500) / 1000;
}

static void put_test(struct json_writer *w, const struct test_case *test, const struct test_result *result)
{
    json_open(w, NULL, '{');
    if (test && test->name)
        json_put_str(w, "name", test->name);
    if (test && test->hidden) {
        json_put_bool(w, "hidden", true);
    } else if (test) {
        put_bytes(w, "input", &test->input);
        put_bytes(w, "expected", &test->expected);
        put_trimmed(w, "actualOutput", &result->run.out);
    }
    json_put_bool(w, "passed", result->passed);
    json_put_int(w, "executionTime", whole_ms(&result->run));
    json_put_str(w, "verdict", verdict_name(result->verdict));
    if (test && !test->hidden) {
        put_run(w, &result->run);
        json_put_str(w, "reason", result->run.reason);
    } else {
        put_costs(w, &result->run);
    }
    json_close(w, '}');
}

static const struct test_case *test_at(const struct submission *s, size_t i)
{
    return s && i < s->test_count ? &s->tests[i] : NULL;
}

static bool shown(const struct submission *s, size_t i)
{
    const struct test_case *test = test_at(s, i);
    return test && !test->hidden;
}

/* All shown outputs, a line break between them: "10\n6\n0". */
static void put_output(struct json_writer *w, const struct submission *s, const struct job_result *result)
{
    struct buf all = {0};
    bool first = true;
    for (size_t i = 0; i < result->test_count; i++) {
        if (!shown(s, i))
            continue;
        if (!first)
            buf_add_char(&all, '\n');
        first = false;
        buf_add(&all, result->tests[i].run.out.data, trimmed_len(&result->tests[i].run.out));
    }
    json_put_bytes(w, "output", all.data ? all.data : "", all.len);
    buf_finish(&all);
}

/* What went wrong, in the program's or the compiler's words: the compiler's errors, a single run's stderr, the first
 * failing shown test's stderr. */
static void put_error(struct json_writer *w, const struct submission *s, const struct job_result *result,
                      const char *reason)
{
    const struct run_figures *run = NULL;
    assert(result->tests || result->test_count == 0);
    if (result->compile.present && !result->compile.ok)
        run = &result->compile.run;
    else if (s && s->single_input && result->test_count > 0)
        run = &result->tests[0].run;
    for (size_t i = 0; !run && i < result->test_count; i++)
        if (shown(s, i) && result->tests[i].verdict != VERDICT_ACCEPTED)
            run = &result->tests[i].run;
    if (run && run->errout.len > 0)
        put_trimmed(w, "error", &run->errout);
    else if (run && run->reason)
        json_put_str(w, "error", run->reason);
    else
        json_put_str(w, "error", reason ? reason : "");
}

static void put_compile(struct json_writer *w, const struct compile_result *compile)
{
    if (!compile->present)
        return;
    json_open(w, "compile", '{');
    json_put_bool(w, "ok", compile->ok);
    json_put_bool(w, "cached", compile->cached);
    put_run(w, &compile->run);
    json_put_str(w, "reason", compile->run.reason);
    json_close(w, '}');
}

/* Of the whole job: a single run's own stands for it. */
static const char *job_reason(const struct reply_job *reply)
{
    const struct job_result *result = reply->result;
    if (result && result->reason)
        return result->reason;
    if (result && reply->submission && reply->submission->single_input && result->test_count > 0 &&
        result->tests[0].run.reason)
        return result->tests[0].run.reason;
    return reply->job->reason;
}

static void put_result(struct json_writer *w, const struct submission *s, const struct job_result *result,
                       const char *reason)
{
    bool single = s && s->single_input;
    json_put_str(w, "verdict", verdict_name(result->verdict));
    put_output(w, s, result);
    put_error(w, s, result, reason);
    json_put_int(w, "executionTime", result->execution_ms);
    put_compile(w, &result->compile);
    if (single && result->test_count > 0) {
        put_run(w, &result->tests[0].run);
        json_put_double(w, "execution_time", (double)result->tests[0].run.wall_us / 1e6); /* of 000 and 004 */
    } else if (!single) {
        json_open(w, "testCases", '[');
        for (size_t i = 0; i < result->test_count; i++)
            put_test(w, test_at(s, i), &result->tests[i]);
        json_close(w, ']');
    }
    json_put_bool(w, "cached", result->cached);
    json_put_str(w, "isolation", result->tier);
    json_put_str(w, "executor", result->executor);
    json_put_str(w, "toolchain", result->toolchain);
}

static void put_callback(struct json_writer *w, const struct store_job *job)
{
    if (!job->callback)
        return;
    json_open(w, "callback", '{');
    json_put_str(w, "url", job->callback);
    json_put_str(w, "status", job->callback_state ? job->callback_state : "waiting");
    json_put_int(w, "attempts", job->callback_attempts);
    if (job->callback_status > 0)
        json_put_int(w, "httpStatus", job->callback_status);
    else
        json_put_null(w, "httpStatus");
    json_put_str(w, "error", job->callback_error && *job->callback_error ? job->callback_error : NULL);
    put_time(w, "at", job->callback_at_ms);
    json_close(w, '}');
}

static void put_request(struct json_writer *w, const struct reply_job *reply)
{
    const struct submission *s = reply->submission;
    if (reply->limits)
        reply_put_limits(w, "limits", reply->limits);
    if (!s)
        return;
    json_put_str(w, "userId", s->user_id);
    if (s->metadata)
        json_put_raw(w, "metadata", s->metadata, strlen(s->metadata));
    else
        json_put_null(w, "metadata");
}

void reply_put_job(struct json_writer *w, const struct reply_job *reply)
{
    const struct store_job *job = reply->job;
    char language[JOB_LANGUAGE_MAX + 1];
    if (job_id_language(reply->id, language) < 0)
        abort();
    json_open(w, NULL, '{');
    json_put_str(w, "id", reply->id);
    json_put_str(w, "status", reply->status ? reply->status : job_state_name(job->state));
    put_time(w, "timestamp", last_change_ms(job));
    json_put_str(w, "language", language);
    if (reply->result) {
        put_result(w, reply->submission, reply->result, job_reason(reply));
    } else {
        json_put_null(w, "verdict");
        json_put_str(w, "output", "");
        json_put_str(w, "error", job->reason ? job->reason : "");
        json_put_str(w, "executor", job->executor);
    }
    json_put_str(w, "reason", job_reason(reply));
    put_request(w, reply);
    put_callback(w, job);
    json_put_int(w, "testsDone", job->tests_done);
    json_put_int(w, "testsTotal", job->tests_total);
    json_put_int(w, "attempts", job->attempts);
    put_time(w, "createdAt", job->created_ms);
    put_time(w, "startedAt", job->started_ms);
    put_time(w, "finishedAt", job->finished_ms);
    if (reply->traced)
        trace_put(w, reply);
    if (reply->explained)
        explain_put(w, reply);
    json_close(w, '}');
}

/* 100 means ended, so a job that still runs has at most 99. */
static int64_t progress(const struct store_job *job)
{
    if (job_state_final(job->state))
        return 100;
    if (job->state == JOB_QUEUED || job->tests_total <= 0)
        return 0;
    int64_t percent = job->tests_done * 100 / job->tests_total;
    return percent < 0 ? 0 : percent > 99 ? 99 : percent;
}

void reply_put_status(struct json_writer *w, const char *id, const struct store_job *job)
{
    json_open(w, NULL, '{');
    json_put_str(w, "id", id);
    json_put_str(w, "status", job_state_name(job->state));
    json_put_int(w, "progress", progress(job));
    json_close(w, '}');
}

void reply_put_state_event(struct json_writer *w, const char *id, const struct store_job *job)
{
    json_open(w, NULL, '{');
    json_put_str(w, "id", id);
    json_put_str(w, "status", job_state_name(job->state));
    put_time(w, "timestamp", last_change_ms(job));
    json_put_int(w, "attempt", job->attempts);
    json_put_int(w, "testsDone", job->tests_done);
    json_put_int(w, "testsTotal", job->tests_total);
    json_put_str(w, "executor", job->executor);
    json_close(w, '}');
}

void reply_put_test_event(struct json_writer *w, int64_t attempt, size_t seq, const struct test_event *event)
{
    const struct test_result *result = &event->result;
    json_open(w, NULL, '{');
    json_put_int(w, "attempt", attempt);
    json_put_int(w, "seq", (int64_t)seq);
    json_put_int(w, "index", (int64_t)event->index);
    if (event->name)
        json_put_str(w, "name", event->name);
    json_put_bool(w, "hidden", event->hidden);
    json_put_bool(w, "passed", result->passed);
    json_put_int(w, "executionTime", whole_ms(&result->run));
    json_put_str(w, "verdict", verdict_name(result->verdict));
    if (event->hidden) {
        put_costs(w, &result->run);
    } else {
        put_run(w, &result->run);
        json_put_str(w, "reason", result->run.reason);
    }
    json_close(w, '}');
}

void reply_put_recent(struct json_writer *w, const struct store_recent *job)
{
    char language[JOB_LANGUAGE_MAX + 1];
    if (job_id_language(job->id, language) < 0)
        abort();
    json_open(w, NULL, '{');
    json_put_str(w, "id", job->id);
    json_put_str(w, "language", language);
    json_put_str(w, "status", job_state_name(job->state));
    json_put_str(w, "verdict", job->verdict);
    json_put_int(w, "testsDone", job->tests_done);
    json_put_int(w, "testsTotal", job->tests_total);
    json_put_int(w, "attempts", job->attempts);
    json_put_str(w, "executor", job->executor);
    put_time(w, "createdAt", job->created_ms);
    put_time(w, "startedAt", job->started_ms);
    put_time(w, "finishedAt", job->finished_ms);
    json_close(w, '}');
}

void reply_put_accepted(struct json_writer *w, const char *id, enum job_state state, int64_t created_ms)
{
    char language[JOB_LANGUAGE_MAX + 1];
    char message[64];
    if (job_id_language(id, language) < 0)
        abort();
    snprintf(message, sizeof message, "Job %s on %s", job_state_name(state), language);
    json_open(w, NULL, '{');
    json_put_str(w, "id", id);
    json_put_str(w, "status", job_state_name(state));
    put_time(w, "timestamp", created_ms);
    json_put_str(w, "message", message);
    json_close(w, '}');
}
