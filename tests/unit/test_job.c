/* job.[ch] and job_json.[ch]: transitions, ids, and stored forms that come back as they were. */
#include "job_json.h"
#include "json.h"
#include "tap.h"

#include <errno.h>

static void test_transitions(void)
{
    static const char *const legal[] = {"queued>running", "queued>cancelled",  "queued>expired", "running>completed",
                                        "running>failed", "running>cancelled", "running>queued", "failed>queued"};
    size_t found = 0;
    for (enum job_state from = JOB_QUEUED; from <= JOB_EXPIRED; from++)
        for (enum job_state to = JOB_QUEUED; to <= JOB_EXPIRED; to++) {
            char step[32];
            bool want = false;
            snprintf(step, sizeof step, "%s>%s", job_state_name(from), job_state_name(to));
            for (size_t i = 0; i < ARRAY_LEN(legal); i++)
                want |= strcmp(step, legal[i]) == 0;
            found += want;
            ok(job_state_may_follow(from, to) == want, "%s is %s", step, want ? "legal" : "illegal");
        }
    is_int((long long)found, ARRAY_LEN(legal), "every legal step was seen");
}

static void test_ids(void)
{
    char id[JOB_ID_SIZE], language[JOB_LANGUAGE_MAX + 1];
    job_id_make("python", id);
    is_int(job_id_language(id, language), 0, "a fresh id is well formed");
    is_str(language, "python", "and carries its language");
    static const char *const wrong[] = {"",
                                        "python",
                                        "python-",
                                        "-00000000-0000-4000-8000-000000000000",
                                        "Python-00000000-0000-4000-8000-000000000000",
                                        "python-00000000-0000-4000-8000-00000000000",
                                        "python-00000000-0000-4000-8000-0000000000000",
                                        "python-00000000-0000-4000-8000-00000000000G",
                                        "abcdefghijklmnopq-00000000-0000-4000-8000-000000000000",
                                        "py}thon-00000000-0000-4000-8000-000000000000"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        is_int(job_id_language(wrong[i], language), -EINVAL, wrong[i]);
}

static struct bytes bytes_of(const char *data, size_t len)
{
    return (struct bytes){.data = xmemdup(data, len), .len = len};
}

static struct submission make_submission(void)
{
    struct submission s = {
        .language = xstrdup("cpp"),
        .single_input = false,
        .compare = COMPARE_FLOAT,
        .compare_epsilon = 1e-6,
        .stop_on_failure = true,
        .priority = true,
        .user_id = xstrdup("ü1"),
        .metadata = xstrdup("{\"a\":[1,2]}"),
        .limits = {
            .cpu_ms = 1, .wall_ms = 2, .memory_mb = 3, .processes = 4, .output_kb = 5, .file_kb = 6, .cpus_milli = 7}};
    s.files = xcalloc(2, sizeof *s.files);
    s.file_count = 2;
    s.files[0] = (struct source_file){xstrdup("main.cpp"), bytes_of("int main(){}\n", 13)};
    s.files[1] = (struct source_file){xstrdup("data.bin"), bytes_of("\0\xff\x01", 3)};
    s.tests = xcalloc(2, sizeof *s.tests);
    s.test_count = 2;
    s.tests[0] = (struct test_case){.input = bytes_of("1\n", 2), .expected = bytes_of("", 0), .has_expected = true};
    s.tests[1] = (struct test_case){.name = xstrdup("secret"), .input = bytes_of("a\0b", 3), .hidden = true};
    s.args = xcalloc(1, sizeof *s.args);
    s.args[s.arg_count++] = xstrdup("--x=\"y\"");
    s.compile_flags = xcalloc(1, sizeof *s.compile_flags);
    s.compile_flags[s.compile_flag_count++] = xstrdup("-O3");
    return s;
}

static void test_submission_roundtrip(void)
{
    struct submission s = make_submission(), back = {0};
    struct err err = {0};
    cleanup_free char *text = submission_to_json(&s);
    is_int(submission_from_json(text, strlen(text), &back, &err), 0, "a stored submission is read");
    cleanup_free char *again = submission_to_json(&back);
    is_str(again, text, "and is the same when stored again");
    ok(back.files[1].content.len == 3 && memcmp(back.files[1].content.data, "\0\xff\x01", 3) == 0, "bytes survive");
    ok(back.tests[1].input.len == 3 && memcmp(back.tests[1].input.data, "a\0b", 3) == 0, "NUL in an input survives");
    ok(back.tests[0].has_expected && back.tests[0].expected.len == 0, "empty expected output is still expected");
    ok(!back.tests[1].has_expected && back.tests[1].hidden, "no expected output stays none");
    is_int(back.limits.cpus_milli, 7, "limits survive");
    submission_finish(&s);
    submission_finish(&back);
}

static void test_result_roundtrip(void)
{
    struct job_result r = {.verdict = VERDICT_DENIED,
                           .tier = xstrdup("A"),
                           .isolation = xstrdup("{\"kernel\":\"6.12\",\"held\":[\"seccomp\"]}"),
                           .executor = xstrdup("cpp-1"),
                           .toolchain = xstrdup("g++ 12"),
                           .execution_ms = 12,
                           .reason = xstrdup("because")};
    r.compile = (struct compile_result){.present = true, .ok = true};
    r.compile.run.errout = bytes_of("warning\n", 8);
    r.tests = xcalloc(1, sizeof *r.tests);
    r.test_count = 1;
    r.tests[0].verdict = VERDICT_DENIED;
    r.tests[0].run = (struct run_figures){.cpu_us = 5,
                                          .wall_us = 6,
                                          .memory_kb = 7,
                                          .exit_code = -1,
                                          .signal = 31,
                                          .oom_kills = 1,
                                          .out = bytes_of("\xff\0", 2),
                                          .out_total = 99,
                                          .truncated = true,
                                          .end = RUN_END_WALL,
                                          .waited_us = 11,
                                          .lost_us = 12,
                                          .lost_of_us = 13,
                                          .reason = xstrdup("SIGSYS")};
    struct job_result back = {0};
    struct err err = {0};
    cleanup_free char *text = job_result_to_json(&r);
    is_int(job_result_from_json(text, strlen(text), &back, &err), 0, "a stored result is read");
    cleanup_free char *again = job_result_to_json(&back);
    is_str(again, text, "and is the same when stored again");
    ok(back.tests[0].run.out.len == 2 && back.tests[0].run.signal == 31, "output bytes and signal survive");
    is_str(back.isolation, r.isolation, "what the isolation was made of survives");
    ok(back.tests[0].run.end == RUN_END_WALL && back.tests[0].run.waited_us == 11 && back.tests[0].run.lost_us == 12 &&
           back.tests[0].run.lost_of_us == 13,
       "so do what ended the run, and what it waited");
    job_result_finish(&r);
    job_result_finish(&back);
}

static struct test_event roundtrip(const struct test_event *event)
{
    struct test_event back = {0};
    struct err err = {0};
    cleanup_free char *text = test_event_to_json(event);
    is_int(test_event_from_json(text, strlen(text), &back, &err), 0, "a stored event is read");
    cleanup_free char *again = test_event_to_json(&back);
    is_str(again, text, "and is the same when stored again");
    return back;
}

static void test_events(void)
{
    struct submission s = make_submission();
    struct test_result result = {.verdict = VERDICT_ACCEPTED, .passed = true, .run.exit_code = 3};
    const size_t most = TEST_EVENT_OUTPUT_MAX;
    result.run.out.data = xmalloc(3 * most);
    result.run.out.len = 3 * most;
    for (size_t i = 0; i < result.run.out.len; i += 3) /* no character ends at the bound */
        memcpy(result.run.out.data + i, "\xe2\x82\xac", 3);
    result.run.reason = xstrdup("why");
    s.tests[0].hidden = false;
    struct test_event event = test_event_of(&s, &result, 0), back = roundtrip(&event);
    ok(back.result.run.out.len == most / 3 * 3, "output is cut between characters");
    ok(back.result.run.truncated && back.result.run.exit_code == 3, "which is said; the rest is as it was");
    ok(result.run.out.len == 3 * most && !result.run.truncated, "the result is left alone");
    test_event_finish(&back);
    s.tests[0].hidden = true;
    event = test_event_of(&s, &result, 0);
    back = roundtrip(&event);
    ok(back.hidden && back.result.passed && back.result.run.out.len == 0 && !back.result.run.reason &&
           back.result.run.exit_code == -1,
       "of a hidden test only what cannot carry its data");
    test_event_finish(&back);
    struct err err = {0};
    is_int(test_event_from_json("{\"v\":1,\"index\":-1}", 18, &back, &err), -EBADMSG, "no index, no event");
    run_figures_finish(&result.run);
    submission_finish(&s);
}

static void test_stored_refusals(void)
{
    static const struct {
        const char *text;
        int code;
    } cases[] = {{"", EBADMSG},
                 {"[]", EBADMSG},
                 {"{}", EBADMSG},
                 {"{\"v\":2}", ENOTSUP},
                 {"{\"v\":1}", EBADMSG},
                 {"{\"v\":1,\"language\":7}", EBADMSG},
                 {"{\"v\":\"1\"}", EBADMSG},
                 {"{\"v\":1e300}", EBADMSG}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct submission s;
        struct job_result r;
        struct err err = {0};
        is_int(submission_from_json(cases[i].text, strlen(cases[i].text), &s, &err), -cases[i].code, cases[i].text);
        is_int(job_result_from_json(cases[i].text, strlen(cases[i].text), &r, &err), -cases[i].code, err.msg);
    }
}

static void test_unknown_fields_are_ignored(void)
{
    struct submission s = make_submission(), back = {0};
    struct err err = {0};
    cleanup_free char *text = submission_to_json(&s);
    cleanup_free char *newer = xasprintf("{\"addedLater\":[{}],%s", text + 1);
    is_int(submission_from_json(newer, strlen(newer), &back, &err), 0, "a field of a later release is ignored");
    submission_finish(&s);
    submission_finish(&back);
}

static void test_verdict_of_a_job(void)
{
    struct test_result t[3] = {
        {.verdict = VERDICT_ACCEPTED}, {.verdict = VERDICT_WRONG_ANSWER}, {.verdict = VERDICT_RUNTIME_ERROR}};
    is_int(job_verdict(t, 3), VERDICT_WRONG_ANSWER, "the lowest failing index decides");
    is_int(job_verdict(t, 1), VERDICT_ACCEPTED, "all accepted");
}

int main(void)
{
    test_transitions();
    test_ids();
    test_submission_roundtrip();
    test_result_roundtrip();
    test_events();
    test_stored_refusals();
    test_unknown_fields_are_ignored();
    test_verdict_of_a_job();
    return done_testing();
}
