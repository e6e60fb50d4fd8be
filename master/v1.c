/* Two requests in one table: what only one of the documents names has that document's bounds. What must not be given
 * together is two names of one thing. Numbers of megabytes are rounded up, so that what was used is never 0. */
#include "v1.h"
#include "reader.h"

#include <string.h>

enum {
    TIMEOUT_MOST_MS = 120000, /* 001 */
    MEMORY_DEFAULT_MB = 128,
    MEMORY_MOST_MB = 1024,
    CPUS_DEFAULT_MILLI = 500,
    CPUS_MOST_MILLI = 1000,
    TIME_LIMIT_LEAST_MS = 1000, /* 002 */
    TIME_LIMIT_MOST_MS = 30000,
    MEMORY_LIMIT_LEAST_MB = 32,
    MEMORY_LIMIT_MOST_MB = 512,
    FILE_MOST_KB = 1024,
};

struct v1_reader {
    struct reader reader;
    int64_t timeout_s; /* where none is given */
};

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- 001's fields ----------------------------------------------------------------------------------------------- */

static int read_timeout_seconds(struct fields *in, const cJSON *value)
{
    return reader_seconds(in, value, READER_TIME_LEAST_MS, TIMEOUT_MOST_MS);
}

static int read_megabytes(struct fields *in, const cJSON *value, int64_t least, int64_t most)
{
    struct reader *r = reader_of(in);
    return fields_int(in, value, least, lesser(most, r->rules->most.memory_mb), &r->s->limits.memory_mb);
}

static int read_memory_limit_mb(struct fields *in, const cJSON *value)
{
    return read_megabytes(in, value, READER_MEMORY_LEAST_MB, MEMORY_MOST_MB);
}

static int read_cpu_limit(struct fields *in, const cJSON *value)
{
    return reader_cpus(in, value, CPUS_MOST_MILLI);
}

/* ---- 002's fields ----------------------------------------------------------------------------------------------- */

static const struct field test_fields[] = {
    {"expected_output", reader_test_expected},
    {"input", reader_test_input},
    {"is_hidden", reader_test_hidden},
};

static int read_time_limit(struct fields *in, const cJSON *value)
{
    int result = reader_not_with(in, value, "timeout_seconds");
    return result < 0 ? result : reader_seconds(in, value, TIME_LIMIT_LEAST_MS, TIME_LIMIT_MOST_MS);
}

static int read_memory_limit(struct fields *in, const cJSON *value)
{
    int result = reader_not_with(in, value, "memory_limit_mb");
    return result < 0 ? result : read_megabytes(in, value, MEMORY_LIMIT_LEAST_MB, MEMORY_LIMIT_MOST_MB);
}

static int read_user_id(struct fields *in, const cJSON *value)
{
    return cJSON_IsNull(value) ? 0 : reader_user_id(in, value);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static const struct field top_fields[] = {
    {"code", reader_code},         {"cpu_limit", read_cpu_limit},       {"input", reader_input},
    {"language", reader_language}, {"memory_limit", read_memory_limit}, {"memory_limit_mb", read_memory_limit_mb},
    {"test_cases", reader_tests},  {"time_limit", read_time_limit},     {"timeout_seconds", read_timeout_seconds},
    {"user_id", read_user_id},
};

static void set_default(int64_t *slot, int64_t value, int64_t most)
{
    if (*slot == 0)
        *slot = lesser(value, most);
}

static int complete(struct reader *r, const cJSON *root)
{
    const struct limits *most = &r->rules->most;
    struct limits *limits = &r->s->limits;
    int64_t timeout_ms = container_of(r, struct v1_reader, reader)->timeout_s * 1000;
    (void)root;
    set_default(&limits->cpu_ms, timeout_ms, most->cpu_ms);
    set_default(&limits->wall_ms, timeout_ms, most->wall_ms);
    set_default(&limits->memory_mb, MEMORY_DEFAULT_MB, most->memory_mb);
    set_default(&limits->cpus_milli, CPUS_DEFAULT_MILLI, most->cpus_milli);
    if (!r->s->single_input)
        set_default(&limits->file_kb, FILE_MOST_KB, most->file_kb);
    return 0;
}

static const struct dialect dialect = {
    .fields = top_fields,
    .field_count = ARRAY_LEN(top_fields),
    .test_fields = test_fields,
    .test_field_count = ARRAY_LEN(test_fields),
    .tests = "test_cases",
    .expected = "expected_output",
    .encoding = "",
    .input_encoding = "",
    .no_code = "is required",
    .complete = complete,
};

int v1_read(const cJSON *root, const struct submission_rules *rules, int64_t timeout_s, struct submission *ret_s,
            struct err *err)
{
    struct v1_reader reader = {.reader = {.dialect = &dialect, .rules = rules}, .timeout_s = timeout_s};
    return reader_read(&reader.reader, root, ret_s, err);
}

int v1_parse(const char *text, size_t len, const struct submission_rules *rules, int64_t timeout_s,
             struct submission *ret_s, struct err *err)
{
    struct v1_reader reader = {.reader = {.dialect = &dialect, .rules = rules}, .timeout_s = timeout_s};
    return reader_parse(&reader.reader, text, len, ret_s, err);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static bool timed_out(enum verdict verdict)
{
    return verdict == VERDICT_CPU_TIME_EXCEEDED || verdict == VERDICT_WALL_TIME_EXCEEDED;
}

/* As a shell has it: 128 and the signal's number for a program that was killed; -1 when there is nothing to tell. */
static int64_t exit_code(const struct run_figures *run)
{
    return run->signal > 0 ? 128 + run->signal : run->exit_code;
}

static int64_t whole_ms(const struct run_figures *run)
{
    return (run->wall_us + 500) / 1000;
}

static int64_t megabytes(int64_t kb)
{
    return (kb + 1023) / 1024;
}

static void put_bytes(struct json_writer *w, const char *key, const struct bytes *b)
{
    json_put_bytes(w, key, b->data ? b->data : "", b->data ? b->len : 0);
}

/* Without the final newline, as 002's expected outputs are written. */
static void put_trimmed(struct json_writer *w, const char *key, const struct bytes *b)
{
    struct bytes trimmed = *b;
    if (trimmed.data && trimmed.len > 0 && trimmed.data[trimmed.len - 1] == '\n')
        trimmed.len--;
    put_bytes(w, key, &trimmed);
}

static void put_head(struct json_writer *w, const struct reply_job *reply)
{
    json_put_str(w, "id", reply->id);
    json_put_str(w, "status", job_state_name(reply->job->state));
    json_put_str(w, "language", reply->submission->language);
    json_put_str(w, "verdict", verdict_name(reply->result->verdict));
    json_put_str(w, "user_id", reply->submission->user_id);
}

struct v1_run v1_run_of(const struct job_result *result)
{
    const struct run_figures *run = result->test_count > 0 ? &result->tests[0].run : &result->compile.run;
    return (struct v1_run){
        .out = run->out,
        .errout = run->errout,
        .exit_code = exit_code(run),
        .timeout = timed_out(result->verdict),
        .memory_exceeded = result->verdict == VERDICT_MEMORY_EXCEEDED,
        .execution_time_ms = whole_ms(run),
        .memory_used_mb = megabytes(run->memory_kb),
        .reason = run->reason ? run->reason : result->reason,
    };
}

static void put_single(struct json_writer *w, const struct reply_job *reply)
{
    struct v1_run run = v1_run_of(reply->result);
    put_bytes(w, "stdout", &run.out);
    put_bytes(w, "stderr", &run.errout);
    json_put_int(w, "exit_code", run.exit_code);
    json_put_bool(w, "timeout", run.timeout);
    json_put_bool(w, "memory_exceeded", run.memory_exceeded);
    json_put_int(w, "execution_time_ms", run.execution_time_ms);
    json_put_int(w, "memory_used_mb", run.memory_used_mb);
    put_head(w, reply);
    json_put_str(w, "reason", run.reason);
}

static void put_test(struct json_writer *w, const struct test_case *test, const struct test_result *result)
{
    json_open(w, NULL, '{');
    json_put_bool(w, "passed", result->passed);
    json_put_str(w, "verdict", verdict_name(result->verdict));
    json_put_bool(w, "is_hidden", test->hidden);
    if (!test->hidden) {
        put_bytes(w, "input", &test->input);
        put_bytes(w, "expected_output", &test->expected);
        put_trimmed(w, "actual_output", &result->run.out);
        put_bytes(w, "stderr", &result->run.errout);
        json_put_int(w, "exit_code", exit_code(&result->run));
        json_put_str(w, "reason", result->run.reason);
    }
    json_put_int(w, "execution_time_ms", whole_ms(&result->run));
    json_put_int(w, "memory_used_mb", megabytes(result->run.memory_kb));
    json_close(w, '}');
}

static void put_tests(struct json_writer *w, const struct reply_job *reply)
{
    const struct job_result *result = reply->result;
    int64_t passed = 0, slowest_ms = 0, memory_kb = 0;
    json_open(w, "test_results", '[');
    for (size_t i = 0; i < result->test_count && i < reply->submission->test_count; i++) {
        const struct test_result *test = &result->tests[i];
        put_test(w, &reply->submission->tests[i], test);
        passed += test->passed;
        slowest_ms = whole_ms(&test->run) > slowest_ms ? whole_ms(&test->run) : slowest_ms;
        memory_kb = test->run.memory_kb > memory_kb ? test->run.memory_kb : memory_kb;
    }
    json_close(w, ']');
    json_put_bool(w, "success", result->verdict == VERDICT_ACCEPTED);
    json_put_int(w, "passed_tests", passed);
    json_put_int(w, "total_tests", (int64_t)reply->submission->test_count);
    json_put_int(w, "execution_time_ms", slowest_ms);
    json_put_int(w, "memory_used_mb", megabytes(memory_kb));
    if (result->compile.present && !result->compile.ok)
        put_bytes(w, "compile_error", &result->compile.run.errout);
    else
        json_put_null(w, "compile_error");
    put_head(w, reply);
    json_put_str(w, "reason", result->reason);
}

void v1_put_result(struct json_writer *w, const struct reply_job *reply)
{
    assert(reply->submission && reply->result);
    json_open(w, NULL, '{');
    if (reply->submission->single_input)
        put_single(w, reply);
    else
        put_tests(w, reply);
    json_close(w, '}');
}
