/* reply.[ch] and fleet.[ch]: the JSON that clients see. */
#include "fleet.h"
#include "reply.h"
#include "tap.h"

#define ID "python-123e4567-e89b-42d3-a456-426614174000"

/* Of "testCases.0.passed" in a tree. */
static const cJSON *at(const cJSON *node, const char *path)
{
    while (*path && node) {
        char part[64];
        size_t len = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)len, path);
        node = cJSON_IsArray(node) ? cJSON_GetArrayItem(node, (int)strtol(part, NULL, 10))
                                   : cJSON_GetObjectItemCaseSensitive(node, part);
        path += len + (path[len] == '.');
    }
    return node;
}

static const char *str_at(const cJSON *root, const char *path)
{
    return cJSON_GetStringValue(at(root, path));
}

static long long int_at(const cJSON *root, const char *path)
{
    const cJSON *node = at(root, path);
    return cJSON_IsNumber(node) ? (long long)node->valuedouble : -999;
}

static cJSON *parsed(struct json_writer *w)
{
    cJSON *root = NULL;
    struct err err = {0};
    if (!ok(json_parse(w->buf.data, w->buf.len, &root, &err) == 0, "what is written is JSON"))
        printf("#   %s: %s\n", err.msg, w->buf.data);
    buf_finish(&w->buf);
    return root;
}

/* Only read, and never finished. */
static struct bytes bytes_of(const char *text)
{
    union {
        const char *given;
        char *kept;
    } data = {.given = text};
    return (struct bytes){.data = data.kept, .len = strlen(text)};
}

static struct run_figures run_of(const char *out, int exit_code)
{
    return (struct run_figures){.cpu_us = 1234,
                                .wall_us = 45499,
                                .memory_kb = 9000,
                                .exit_code = exit_code,
                                .out = bytes_of(out),
                                .errout = bytes_of("oops\n"),
                                .out_total = (int64_t)strlen(out)};
}

static const struct store_job finished = {
    .state = JOB_COMPLETED,
    .owner = "",
    .attempts = 1,
    .tests_done = 3,
    .tests_total = 3,
    .created_ms = 1736937000000,
    .started_ms = 1736937001000,
    .finished_ms = 1736937015000,
};

static void test_tests(void)
{
    char name[] = "third";
    char tier[] = "A";
    struct test_case cases[] = {
        {.input = bytes_of("5"), .expected = bytes_of("10"), .has_expected = true},
        {.input = bytes_of("SECRET"), .expected = bytes_of("SECRET"), .has_expected = true, .hidden = true},
        {.name = name, .input = bytes_of("0"), .expected = bytes_of("0"), .has_expected = true},
    };
    struct test_result results[] = {
        {.verdict = VERDICT_ACCEPTED, .passed = true, .run = run_of("10\n", 0)},
        {.verdict = VERDICT_ACCEPTED, .passed = true, .run = run_of("SECRET\n", 83)},
        {.verdict = VERDICT_WRONG_ANSWER, .run = run_of("\xff\n\n", 0)},
    };
    struct submission s = {.tests = cases, .test_count = 3};
    struct job_result result = {
        .verdict = VERDICT_WRONG_ANSWER, .tests = results, .test_count = 3, .tier = tier, .execution_ms = 150};
    struct json_writer w = {0};
    reply_put_job(&w, &(struct reply_job){.id = ID, .job = &finished, .submission = &s, .result = &result});
    ok(strstr(w.buf.data, "SECRET") == NULL, "a hidden test shows neither input nor output");
    cJSON *root = parsed(&w);
    is_str(str_at(root, "id"), ID, "id");
    is_str(str_at(root, "status"), "completed", "status");
    is_str(str_at(root, "timestamp"), "2025-01-15T10:30:15.000Z", "timestamp is the last change's");
    is_str(str_at(root, "createdAt"), "2025-01-15T10:30:00.000Z", "createdAt");
    is_str(str_at(root, "language"), "python", "language");
    is_str(str_at(root, "verdict"), "wrong_answer", "verdict");
    is_str(str_at(root, "output"), "10\n\xef\xbf\xbd\n", "outputs of shown tests, one final newline off each");
    is_str(str_at(root, "error"), "oops", "the first failing shown test's stderr");
    is_int(int_at(root, "executionTime"), 150, "executionTime");
    is_str(str_at(root, "testCases.0.actualOutput"), "10", "actualOutput loses the final newline");
    is_str(str_at(root, "testCases.0.stdout"), "10\n", "stdout does not");
    is_int(int_at(root, "testCases.0.executionTime"), 45, "executionTime of a test in ms");
    ok(cJSON_IsTrue(at(root, "testCases.0.passed")), "passed");
    ok(cJSON_IsFalse(at(root, "testCases.0.invalidUtf8")), "UTF-8 is not flagged");
    ok(cJSON_IsTrue(at(root, "testCases.2.invalidUtf8")), "what is not is");
    ok(cJSON_IsNull(at(root, "testCases.0.signal")), "no signal is null");
    is_str(str_at(root, "testCases.2.name"), "third", "name");
    ok(cJSON_IsTrue(at(root, "testCases.1.hidden")) && cJSON_IsTrue(at(root, "testCases.1.passed")), "a hidden test");
    is_int(int_at(root, "testCases.1.memoryKb"), 9000, "with its figures");
    ok(!at(root, "testCases.1.exitCode") && !at(root, "testCases.1.stdout"), "and nothing that a program chose");
    is_str(str_at(root, "isolation"), "A", "isolation tier");
    cJSON_Delete(root);
}

static void test_single(void)
{
    struct test_case one = {.input = bytes_of("x")};
    char reason[] = "exited with 3";
    struct test_result run = {.verdict = VERDICT_RUNTIME_ERROR, .run = run_of("a\0b", 3)};
    run.run.reason = reason;
    struct submission s = {.tests = &one, .test_count = 1, .single_input = true};
    struct job_result result = {.verdict = VERDICT_RUNTIME_ERROR, .tests = &run, .test_count = 1};
    struct json_writer w = {0};
    reply_put_job(&w, &(struct reply_job){.id = ID, .job = &finished, .submission = &s, .result = &result});
    cJSON *root = parsed(&w); /* which refuses duplicate keys */
    is_str(str_at(root, "stdout"), "a", "stdout stands at the top");
    is_str(str_at(root, "reason"), "exited with 3", "so does the reason");
    cJSON_Delete(root);

    run.run.out.len = 3;
    w = (struct json_writer){0};
    reply_put_job(&w, &(struct reply_job){.id = ID, .job = &finished, .submission = &s, .result = &result});
    ok(strstr(w.buf.data, "\"stdout\":\"a\\u0000b\"") != NULL, "NUL in an output is kept");
    ok(strstr(w.buf.data, "\"testCases\"") == NULL, "a single run has no testCases");
    ok(strstr(w.buf.data, "\"exitCode\":3") != NULL, "its figures stand at the top");
    buf_finish(&w.buf);
}

static void test_compile_error(void)
{
    struct test_case one = {.input = bytes_of("x")};
    struct submission s = {.tests = &one, .test_count = 1};
    struct job_result result = {.verdict = VERDICT_COMPILE_ERROR, .compile = {.present = true, .run = run_of("", 1)}};
    struct json_writer w = {0};
    reply_put_job(&w, &(struct reply_job){.id = ID, .job = &finished, .submission = &s, .result = &result});
    cJSON *root = parsed(&w);
    is_str(str_at(root, "error"), "oops", "the compiler's words are the error");
    ok(cJSON_IsFalse(at(root, "compile.ok")), "compile.ok");
    is_int(cJSON_GetArraySize(at(root, "testCases")), 0, "no test ran");
    cJSON_Delete(root);
}

static void test_states(void)
{
    struct store_job job = {.state = JOB_RUNNING, .owner = "", .tests_done = 3, .tests_total = 3};
    struct json_writer w = {0};
    reply_put_status(&w, ID, &job);
    cJSON *root = parsed(&w);
    is_int(int_at(root, "progress"), 99, "a job that runs is never at 100");
    cJSON_Delete(root);

    job = (struct store_job){.state = JOB_EXPIRED, .owner = "", .reason = "nobody came"};
    w = (struct json_writer){0};
    reply_put_job(&w, &(struct reply_job){.id = ID, .job = &job});
    root = parsed(&w);
    is_str(str_at(root, "status"), "expired", "a job without request and result");
    is_str(str_at(root, "reason"), "nobody came", "says why");
    ok(cJSON_IsNull(at(root, "startedAt")) && cJSON_IsNull(at(root, "verdict")), "and null for what never was");
    cJSON_Delete(root);

    w = (struct json_writer){0};
    reply_put_accepted(&w, ID, JOB_QUEUED, 1736937000000);
    is_str(w.buf.data,
           "{\"id\":\"" ID "\",\"status\":\"queued\",\"timestamp\":\"2025-01-15T10:30:00.000Z\","
           "\"message\":\"Job queued on python\"}",
           "what POST answers is document 003's");
    buf_finish(&w.buf);
}

static long long sum(const cJSON *containers, const char *language, const char *field)
{
    long long total = 0;
    const cJSON *row;
    cJSON_ArrayForEach(row, containers) if (strcmp(str_at(row, "language"), language) == 0) total += int_at(row, field);
    return total;
}

static void test_load(void)
{
    static const char half[] = "{\"slots\":2,\"slotsUp\":1}";
    static const char info[] =
        "{\"tier\":\"A\",\"slots\":2,\"slotsUp\":2,\"languages\":{\"python\":{\"version\":\"3.11\",\"active\":"
        "2,\"completed\":5,\"failed\":1}}}";
    struct store_queue_load queues[] = {
        {.language = "cpp", .waiting = 3, .active = 1, .completed = 7, .failed = 2},
        {.language = "python", .waiting = 5, .active = 3, .completed = 9, .failed = 4},
    };
    struct store_executor_load executors[] = {
        {.id = "python-1", .info = info, .info_len = strlen(info), .alive = true, .seen_ms = 1},
        {.id = "python-2", .info = info, .info_len = strlen(info), .alive = true, .seen_ms = 2},
        {.id = "ha\"lf", .info = half, .info_len = strlen(half), .alive = true, .seen_ms = 3},
        {.id = "py-3", .info = "garbage", .info_len = 7, .alive = false, .seen_ms = 3},
        {.id = "py-4", .info = info, .info_len = strlen(info), .lost = true, .seen_ms = 1},
    };
    struct store_load load = {.queues = queues, .queue_count = 2, .executors = executors, .executor_count = 5};
    struct fleet fleet;
    struct json_writer w = {0};
    fleet_init(&fleet, &load);
    fleet_put_load(&w, &fleet);
    cJSON *root = parsed(&w);
    const cJSON *containers = at(root, "containers");
    is_int(int_at(root, "totalWaiting"), 8, "totalWaiting");
    is_int(int_at(root, "totalActive"), 4, "totalActive");
    is_int(cJSON_GetArraySize(containers), 3, "a row for each alive executor, and one for cpp, which has none");
    is_str(str_at(containers, "0.containerId"), "cpp", "which has the language's name");
    is_int(int_at(containers, "0.totalJobs"), 13, "totalJobs adds a row up");
    is_int(sum(containers, "python", "waiting"), 5, "waiting is split over the rows");
    is_int(int_at(containers, "1.waiting"), 3, "evenly");
    is_int(sum(containers, "python", "active"), 3, "reported activity is corrected to what Redis knows");
    is_int(sum(containers, "python", "completed"), 9, "what executors counted beyond Redis is taken off");
    is_int(sum(containers, "python", "failed"), 4, "what executors that are gone did is dealt out");
    is_int(int_at(root, "languages.1.executors"), 2, "the roll-up counts executors");
    is_int(int_at(root, "languages.1.completed"), 9, "and the language's jobs");
    cJSON_Delete(root);

    w = (struct json_writer){0};
    json_open(&w, NULL, '{');
    ok(!fleet_healthy(&fleet), "a lost slot is noticed");
    fleet_put_health(&w, &fleet);
    json_close(&w, '}');
    root = parsed(&w);
    is_str(str_at(root, "queues.python-1"), "healthy", "the state of each executor");
    is_str(str_at(root, "queues.ha\"lf"), "degraded", "one that lost a slot, its id escaped");
    ok(!at(root, "queues.py-3") && cJSON_GetArraySize(at(root, "executors")) == 4, "one that left is left out");
    is_str(str_at(root, "queues.py-4"), "lost", "one that was lost is not");
    is_str(str_at(root, "executors.0.isolation"), "A", "its isolation");
    cJSON_Delete(root);
    fleet_finish(&fleet);
}

int main(void)
{
    test_tests();
    test_single();
    test_compile_error();
    test_states();
    test_load();
    return done_testing();
}
