/* Two requests in one table: what only one of the documents names has that document's bounds. What must not be given
 * together is two names of one thing. Numbers of megabytes are rounded up, so that what was used is never 0. */
#include "v1.h"
#include "fields.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    TIMEOUT_MOST_S = 120, /* 001 */
    MEMORY_DEFAULT_MB = 128,
    MEMORY_LEAST_MB = 4,
    MEMORY_MOST_MB = 1024,
    CPUS_DEFAULT_MILLI = 500,
    CPUS_LEAST_MILLI = 50,
    CPUS_MOST_MILLI = 1000,
    TIME_LIMIT_MOST_S = 30, /* 002 */
    MEMORY_LIMIT_LEAST_MB = 32,
    MEMORY_LIMIT_MOST_MB = 512,
    FILE_MOST_KB = 1024,
    USER_ID_MAX = 128,
};

struct reader {
    struct fields in;
    const struct submission_rules *rules;
    struct submission *s;
};

static struct reader *reader_of(struct fields *in)
{
    return container_of(in, struct reader, in);
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- both documents' fields ------------------------------------------------------------------------------------ */

static int read_code(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    r->s->files = xcalloc(1, sizeof *r->s->files);
    r->s->file_count = 1;
    return fields_bytes(in, value, "", &r->s->files[0].content);
}

static int read_nothing(struct fields *in, const cJSON *value)
{
    (void)in;
    (void)value;
    return 0;
}

static int read_seconds(struct fields *in, const cJSON *value, double least_s, int64_t most_s)
{
    struct reader *r = reader_of(in);
    double seconds = 0;
    int64_t most_ms = lesser(most_s * 1000, lesser(r->rules->most.cpu_ms, r->rules->most.wall_ms));
    int result = fields_number(in, value, least_s, (double)most_ms / 1000.0, &seconds);
    if (result == 0)
        r->s->limits.cpu_ms = r->s->limits.wall_ms = (int64_t)(seconds * 1000 + 0.5);
    return result;
}

static int read_megabytes(struct fields *in, const cJSON *value, int64_t least, int64_t most)
{
    struct reader *r = reader_of(in);
    return fields_int(in, value, least, lesser(most, r->rules->most.memory_mb), &r->s->limits.memory_mb);
}

/* Two names of one thing. */
static int refuse_both(struct fields *in, const cJSON *value, const char *other)
{
    char what[80];
    snprintf(what, sizeof what, "must not be given together with %s", other);
    return fields_refuse(in, value->string, what);
}

/* ---- 001's ------------------------------------------------------------------------------------------------------ */

static int read_input(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    if (fields_member(in->object, "test_cases"))
        return refuse_both(in, value, "test_cases");
    r->s->tests = xcalloc(1, sizeof *r->s->tests);
    r->s->test_count = 1;
    return fields_bytes(in, value, "", &r->s->tests[0].input);
}

static int read_timeout_seconds(struct fields *in, const cJSON *value)
{
    return read_seconds(in, value, 0.05, TIMEOUT_MOST_S);
}

static int read_memory_limit_mb(struct fields *in, const cJSON *value)
{
    return read_megabytes(in, value, MEMORY_LEAST_MB, MEMORY_MOST_MB);
}

static int read_cpu_limit(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    double cpus = 0;
    int64_t most = lesser(CPUS_MOST_MILLI, r->rules->most.cpus_milli);
    int result = fields_number(in, value, CPUS_LEAST_MILLI / 1000.0, (double)most / 1000.0, &cpus);
    if (result == 0)
        r->s->limits.cpus_milli = (int64_t)(cpus * 1000 + 0.5);
    return result;
}

/* ---- 002's ------------------------------------------------------------------------------------------------------ */

static int read_test_input(struct fields *in, const cJSON *value)
{
    return fields_bytes(in, value, "", &reader_of(in)->s->tests[in->index].input);
}

static int read_test_expected(struct fields *in, const cJSON *value)
{
    struct test_case *test = &reader_of(in)->s->tests[in->index];
    test->has_expected = true;
    return fields_bytes(in, value, "", &test->expected);
}

static int read_test_hidden(struct fields *in, const cJSON *value)
{
    return fields_bool(in, value, &reader_of(in)->s->tests[in->index].hidden);
}

static const struct field test_fields[] = {
    {"expected_output", read_test_expected},
    {"input", read_test_input},
    {"is_hidden", read_test_hidden},
};

static int read_test_cases(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    int result = fields_array(in, value, 1, (size_t)r->rules->max_tests);
    if (result < 0)
        return result;
    r->s->test_count = (size_t)cJSON_GetArraySize(value);
    r->s->tests = xcalloc(r->s->test_count, sizeof *r->s->tests);
    result = fields_read_elements(in, value, test_fields, ARRAY_LEN(test_fields));
    for (size_t i = 0; result == 0 && i < r->s->test_count; i++)
        if (!r->s->tests[i].has_expected)
            result = fields_refuse_element(in, "test_cases", i, "expected_output", "is required");
    return result;
}

static int read_time_limit(struct fields *in, const cJSON *value)
{
    if (fields_member(in->object, "timeout_seconds"))
        return refuse_both(in, value, "timeout_seconds");
    return read_seconds(in, value, 1, TIME_LIMIT_MOST_S);
}

static int read_memory_limit(struct fields *in, const cJSON *value)
{
    if (fields_member(in->object, "memory_limit_mb"))
        return refuse_both(in, value, "memory_limit_mb");
    return read_megabytes(in, value, MEMORY_LIMIT_LEAST_MB, MEMORY_LIMIT_MOST_MB);
}

static int read_user_id(struct fields *in, const cJSON *value)
{
    return cJSON_IsNull(value) ? 0 : fields_label(in, value, USER_ID_MAX, &reader_of(in)->s->user_id);
}

static const struct field top_fields[] = {
    {"code", read_code},
    {"cpu_limit", read_cpu_limit},
    {"input", read_input},
    {"language", read_nothing},
    {"memory_limit", read_memory_limit},
    {"memory_limit_mb", read_memory_limit_mb},
    {"test_cases", read_test_cases},
    {"time_limit", read_time_limit},
    {"timeout_seconds", read_timeout_seconds},
    {"user_id", read_user_id},
};

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static void set_default(int64_t *slot, int64_t value, int64_t most)
{
    if (*slot == 0)
        *slot = lesser(value, most);
}

static int complete(struct reader *r, const struct lang *lang, int64_t timeout_s, bool has_tests)
{
    struct submission *s = r->s;
    const struct limits *most = &r->rules->most;
    if (s->file_count == 0)
        return fields_refuse(&r->in, "code", "is required");
    if (s->files[0].content.len > (size_t)r->rules->max_code_bytes) {
        char what[80];
        snprintf(what, sizeof what, "must have at most %lld bytes", (long long)r->rules->max_code_bytes);
        return fields_refuse(&r->in, "code", what);
    }
    s->files[0].name = xstrdup(lang->source_file);
    s->single_input = !has_tests;
    if (s->test_count == 0) {
        s->tests = xcalloc(1, sizeof *s->tests);
        s->test_count = 1;
    }
    set_default(&s->limits.cpu_ms, timeout_s * 1000, most->cpu_ms);
    set_default(&s->limits.wall_ms, timeout_s * 1000, most->wall_ms);
    set_default(&s->limits.memory_mb, MEMORY_DEFAULT_MB, most->memory_mb);
    set_default(&s->limits.cpus_milli, CPUS_DEFAULT_MILLI, most->cpus_milli);
    if (has_tests)
        set_default(&s->limits.file_kb, FILE_MOST_KB, most->file_kb);
    return 0;
}

static int read_root(struct reader *r, const cJSON *root, int64_t timeout_s)
{
    const struct lang *lang = NULL;
    if (!cJSON_IsObject(root))
        return err_set(r->in.err, EINVAL, "the body must be a JSON object");
    int result = submission_read_language(&r->in, root, r->rules, &lang);
    if (result < 0)
        return result;
    r->s->language = xstrdup(lang->name);
    result = fields_read_object(&r->in, root, top_fields, ARRAY_LEN(top_fields));
    return result < 0 ? result : complete(r, lang, timeout_s, fields_member(root, "test_cases") != NULL);
}

int v1_read(const cJSON *root, const struct submission_rules *rules, int64_t timeout_s, struct submission *ret_s,
            struct err *err)
{
    struct err unused;
    struct submission s = {0};
    struct reader r = {.rules = rules, .s = &s, .in.err = err ? err : &unused};
    int result = read_root(&r, root, timeout_s);
    if (result < 0)
        submission_finish(&s);
    else
        *ret_s = s;
    return result;
}

int v1_parse(const char *text, size_t len, const struct submission_rules *rules, int64_t timeout_s,
             struct submission *ret_s, struct err *err)
{
    cJSON *root;
    int result = json_parse(text, len, &root, err);
    if (result < 0)
        return result;
    result = v1_read(root, rules, timeout_s, ret_s, err);
    cJSON_Delete(root);
    return result;
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
